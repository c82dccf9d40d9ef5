use serde_json::json;

use super::*;
use crate::domain::ids::TaskId;
use crate::domain::run::Ended;
use crate::domain::task::TaskState;
use crate::engine::eligible::eligible;

fn head() -> TaskHead {
    TaskHead::new(TaskId::new(), "w".parse().unwrap(), 1_000)
}

fn step(name: &str, leaves: usize, observed: u64) -> Candidate {
    Candidate {
        name: name.parse().unwrap(),
        leaves,
        observed,
    }
}

fn end(
    head: &mut TaskHead,
    candidate: &Candidate,
    ended: Ended,
    now: Millis,
) -> (u32, Option<Millis>) {
    let end = match ended {
        Ended::Finished => RunEnd::Finished(finished(RunDirective::Continue)),
        Ended::Retry(message) => RunEnd::Retry {
            message,
            after: None,
        },
        Ended::Stop(message) => RunEnd::Stop(message),
        Ended::Fault(fault) => RunEnd::Fault(fault),
    };
    let policy = RetryPolicy::default();
    let run = Verdict {
        candidate,
        policy: &policy,
        end: &end,
        now,
        random: u64::MAX,
    };
    after_run(head, &run)
}

/// A run that finished and asked for this.
fn finished(directive: RunDirective) -> Finished {
    Finished {
        written: Default::default(),
        name: None,
        tags: None,
        directive,
        redo: false,
        timeout: None,
        complete_on_expire: false,
        subtasks: Vec::new(),
        reserved: None,
    }
}

#[test]
fn the_most_constrained_step_comes_first_then_the_name() {
    let steps = [step("b", 1, 0), step("c", 3, 0), step("a", 1, 0)];
    assert_eq!(eligible(&head(), &steps), [1, 2, 0]);
}

#[test]
fn a_step_runs_once_and_again_when_what_it_observed_changed() {
    let mut head = head();
    let before = step("s", 1, 7);
    assert_eq!(end(&mut head, &before, Ended::Finished, 2_000), (1, None));
    assert_eq!(
        eligible(&head, std::slice::from_ref(&before)),
        [] as [usize; 0]
    );
    assert_eq!(eligible(&head, &[step("s", 1, 8)]), [0]);
    settle(&mut head, None);
    assert_eq!(head.state(), TaskState::Done);
    assert_eq!(head.runs, 1);
}

#[test]
fn a_task_that_nothing_matched_is_unmatched() {
    let mut head = head();
    settle(&mut head, None);
    assert_eq!(head.state(), TaskState::Unmatched);
}

#[test]
fn a_retryable_failure_is_tried_three_times_and_then_is_an_error() {
    let (mut head, step) = (head(), step("crm", 1, 0));
    let failure = || Ended::Retry("503".into());
    assert_eq!(end(&mut head, &step, failure(), 2_000), (1, Some(3_000)));
    assert_eq!(
        (head.state(), head.wake_at(), head.runs),
        (TaskState::Waiting, Some(3_000), 0)
    );
    let others = [self::step("aaa", 9, 0), step.clone()];
    assert_eq!(
        eligible(&head, &others),
        [1, 0],
        "the retried run goes before better matches"
    );
    assert_eq!(end(&mut head, &step, failure(), 3_000), (2, Some(5_000)));
    assert_eq!(end(&mut head, &step, failure(), 5_000), (3, None));
    assert_eq!((head.state(), head.runs), (TaskState::Error, 1));
    assert_eq!(
        head.fault.unwrap(),
        "step `crm` failed 3 times, the last time: 503"
    );
}

#[test]
fn final_failures_and_deterministic_faults_are_not_tried_again() {
    for ended in [
        Ended::Stop("no such customer".into()),
        Ended::Fault(StepFault::Trap("unreachable".into())),
        Ended::Fault(StepFault::Fuel { limit: 1 }),
        Ended::Fault(StepFault::Memory { limit: 1 }),
    ] {
        let mut head = head();
        assert_eq!(end(&mut head, &step("s", 1, 0), ended, 2_000), (1, None));
        assert_eq!(head.state(), TaskState::Error);
        assert!(head.fault.unwrap().starts_with("step `s`: "));
    }
    let mut head = head();
    let slow = Ended::Fault(StepFault::Deadline { limit_ms: 1 });
    assert!(
        end(&mut head, &step("s", 1, 0), slow.clone(), 2_000)
            .1
            .is_some()
    );
    // It would compute as long again.
    let mut head = self::head();
    let (candidate, policy) = (step("s", 1, 0), RetryPolicy::default());
    let computed = Verdict {
        candidate: &candidate,
        policy: &policy,
        end: &RunEnd::Computed { limit_ms: 1 },
        now: 2_000,
        random: 0,
    };
    assert_eq!(after_run(&mut head, &computed), (1, None));
    assert_eq!(head.state(), TaskState::Error);
    assert_eq!(computed.end.ended(), slow);
}

#[test]
fn a_thousand_runs_are_the_limit() {
    let mut head = head();
    head.runs = limits::RUNS_PER_TASK;
    settle(&mut head, Some(&step("ping", 1, 0)));
    assert_eq!(head.state(), TaskState::Error);
    assert!(
        head.fault
            .unwrap()
            .starts_with("run limit: the task has had 1000 runs and step `ping`")
    );
}

fn finish(head: &mut TaskHead, candidate: &Candidate, finished: Finished) {
    let run = Verdict {
        candidate,
        policy: &RetryPolicy::default(),
        end: &RunEnd::Finished(finished),
        now: 2_000,
        random: 0,
    };
    after_run(head, &run);
}

#[test]
fn complete_and_ignore_end_the_task() {
    for (directive, state) in [
        (RunDirective::Complete(Some("7".into())), TaskState::Done),
        (RunDirective::Ignore, TaskState::Ignored),
    ] {
        let mut head = head();
        let asked = Finished {
            redo: true,
            ..finished(directive)
        };
        finish(&mut head, &step("s", 1, 0), asked);
        assert_eq!(head.state(), state);
    }
}

#[test]
fn redo_makes_a_step_eligible_once_more_and_park_lets_the_task_wait() {
    let (mut head, step) = (head(), step("poll", 1, 7));
    let asked = Finished {
        redo: true,
        ..finished(RunDirective::Park(500))
    };
    finish(&mut head, &step, asked);
    assert_eq!(
        (head.state(), head.wake_at()),
        (TaskState::Waiting, Some(2_500))
    );
    assert_eq!(eligible(&head, std::slice::from_ref(&step)), [0]);
    finish(&mut head, &step, finished(RunDirective::Continue));
    assert_eq!((head.state(), head.wake_at()), (TaskState::Ready, None));
    assert_eq!(
        eligible(&head, std::slice::from_ref(&step)),
        [] as [usize; 0]
    );
}

#[test]
fn next_retry_at_parks_only_if_the_run_set_it_to_a_future_time() {
    let at = json!("1970-01-01T00:00:05Z");
    let set = Some(&at);
    assert_eq!(next_retry_at((None, set), 1_000), Ok(Some(5_000)));
    let there = next_retry_at((set, set), 1_000);
    assert_eq!(there, Ok(None), "it was there before");
    assert_eq!(next_retry_at((None, set), 5_000), Ok(None), "past");
    assert_eq!(next_retry_at((set, Some(&Value::Null)), 0), Ok(None));
    assert_eq!(next_retry_at((set, None), 0), Ok(None));
}

#[test]
fn a_next_retry_at_that_is_no_time_is_a_fault_of_the_run_that_set_it() {
    let wrong = json!("2026-11-28 23:00:00");
    let set = Some(&wrong);
    let fault = next_retry_at((None, set), 0).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "`data.nextRetryAt` is \"2026-11-28 23:00:00\", which names no zone; write a time with its zone, such as \"2026-11-28T23:00:00Z\", or milliseconds since 1970 as a number"
    );
    assert!(fault.is_deterministic());
    assert_eq!(next_retry_at((set, set), 0), Ok(None), "another wrote it");
}

#[test]
fn a_failed_run_gives_way_to_another_step_and_keeps_its_number() {
    let (a, b) = (step("a", 1, 0), step("b", 1, 0));
    let mut head = head();
    end(&mut head, &a, Ended::Retry("no".into()), 2_000);
    give_up_others(&mut head, &a.name);
    assert_eq!((head.runs, attempt(&head, &a.name)), (0, 2));
    give_up_others(&mut head, &b.name);
    assert_eq!((head.runs, attempt(&head, &b.name)), (1, 1));
    assert_eq!(head.retrying(), None);
}

#[test]
fn a_failed_run_that_is_never_tried_again_is_an_error() {
    let mut head = head();
    end(
        &mut head,
        &step("a", 1, 0),
        Ended::Retry("no".into()),
        2_000,
    );
    let retrying = head.retrying().cloned().unwrap();
    let gone = never_again(&retrying, false);
    assert_eq!(
        gone,
        "step `a` failed once, and it was deleted before it was tried again"
    );
    assert!(
        never_again(
            &Retrying {
                failed: 2,
                ..retrying
            },
            true
        )
        .contains("2 times, and its condition")
    );
    rest(&mut head, Some(gone.clone()));
    assert_eq!((head.state(), head.runs), (TaskState::Error, 1));
    assert_eq!((head.retrying(), head.fault.as_ref()), (None, Some(&gone)));
}

#[test]
fn a_clock_that_jumps_backwards_moves_no_task_back_in_time() {
    let mut head = head();
    head.updated = 5_000;
    let candidate = step("s", 1, 0);
    let (attempt, next) = end(&mut head, &candidate, Ended::Retry("later".into()), 10);
    assert_eq!((attempt, head.state()), (1, TaskState::Waiting));
    assert_eq!((head.updated, head.ready_at), (5_000, 5_000));
    // It waits its whole delay from the last time that was known, and is not due at once.
    let delay = RetryPolicy::default().first_ms;
    assert_eq!(next, Some(5_000 + delay));
    assert_eq!(head.wake_at(), next);
    assert_eq!(
        end(&mut head, &candidate, Ended::Finished, 20),
        (2, None),
        "and goes on when the clock has come there"
    );
    assert_eq!(head.updated, 5_000);
}
