//! How a task moves: which step is next, and what a run's end makes of the task. Pure decisions,
//! no I/O: `carry.rs` carries them out.

use serde_json::Value;

use crate::domain::clock::{Millis, parse_rfc3339};
use crate::domain::ids::StepName;
use crate::domain::limits;
use crate::domain::run::{Closing, Ended, StepFault};
use crate::domain::step::RetryPolicy;
use crate::domain::task::{Retrying, StepMemory, TaskHead, TaskState};

use super::retry;

/// A step whose condition matches the task's data.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) name: StepName,
    /// Constrained leaves of its condition: how specific it is.
    pub(super) leaves: usize,
    /// A digest of what its condition observes in the data.
    pub(super) observed: u64,
}

/// The eligible candidates' places in `candidates`, best first: the run to be tried again, then
/// most constrained leaves, then by name.
pub(super) fn eligible(head: &TaskHead, candidates: &[Candidate]) -> Vec<usize> {
    let retried = head.retrying.as_ref().map(|retrying| &retrying.step);
    let mut places: Vec<usize> = (0..candidates.len())
        .filter(|place| is_eligible(head, &candidates[*place]))
        .collect();
    places.sort_by(|a, b| {
        let (a, b) = (&candidates[*a], &candidates[*b]);
        (retried == Some(&b.name))
            .cmp(&(retried == Some(&a.name)))
            .then(b.leaves.cmp(&a.leaves))
            .then(a.name.cmp(&b.name))
    });
    places
}

/// A step runs once per task, and again when what its condition observed has changed since it last
/// began.
fn is_eligible(head: &TaskHead, candidate: &Candidate) -> bool {
    head.steps
        .iter()
        .find(|memory| memory.step == candidate.name)
        .is_none_or(|memory| !memory.finished || memory.observed != candidate.observed)
}

/// A run's end, as far as it decides where the task goes.
pub(super) struct RunEnd<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) policy: &'a RetryPolicy,
    pub(super) ended: &'a Ended,
    pub(super) closing: Option<&'a Closing>,
    /// When it ended.
    pub(super) now: Millis,
    /// Uniform over all of u64, for the jitter.
    pub(super) random: u64,
}

/// Moves `head` over a run's end: memory, counters and, unless it is left [`TaskState::Ready`],
/// the state. Gives the attempt's number and when the next one is due.
pub(super) fn after_run(head: &mut TaskHead, end: &RunEnd) -> (u32, Option<Millis>) {
    let attempt = attempt(head, &end.candidate.name);
    let finished = *end.ended == Ended::Finished;
    remember(head, end.candidate, finished);
    head.state = TaskState::Ready;
    head.wake_at = None;
    head.retrying = None;
    head.updated = end.now.max(head.updated);
    head.ready_at = head.updated;
    if finished {
        head.runs += 1;
        match end.closing {
            Some(Closing::Complete(result)) => {
                head.result.clone_from(result);
                head.state = TaskState::Done;
            }
            Some(Closing::Ignore) => head.state = TaskState::Ignored,
            None => {}
        }
        return (attempt, None);
    }
    let next = if is_worth_another_try(end.ended) {
        retry::delay(end.policy, attempt, end.random)
            .map(|delay| head.updated.saturating_add(delay))
    } else {
        None
    };
    match next {
        Some(at) => {
            head.state = TaskState::Waiting;
            head.wake_at = Some(at);
            head.retrying = Some(Retrying {
                step: end.candidate.name.clone(),
                failed: attempt,
            });
        }
        None => {
            head.runs += 1;
            head.state = TaskState::Error;
            let message = end.ended.message().unwrap_or_default();
            head.fault = Some(match attempt {
                1 => format!("step `{}`: {message}", end.candidate.name),
                _ => format!(
                    "step `{}` failed {attempt} times, the last time: {message}",
                    end.candidate.name
                ),
            });
        }
    }
    (attempt, next)
}

/// The attempt that a run of `step` would be now, from 1.
pub(super) fn attempt(head: &TaskHead, step: &StepName) -> u32 {
    match &head.retrying {
        Some(retrying) if retrying.step == *step => retrying.failed + 1,
        _ => 1,
    }
}

fn is_worth_another_try(ended: &Ended) -> bool {
    match ended {
        Ended::Retry(_) => true,
        Ended::Fault(fault) => !fault.is_deterministic(),
        Ended::Finished | Ended::Stop(_) => false,
    }
}

fn remember(head: &mut TaskHead, candidate: &Candidate, finished: bool) {
    let memory = StepMemory {
        step: candidate.name.clone(),
        observed: candidate.observed,
        finished,
    };
    match head
        .steps
        .iter_mut()
        .find(|known| known.step == memory.step)
    {
        Some(known) => *known = memory,
        None => head.steps.push(memory),
    }
}

/// Where a task that is ready goes, given what is eligible after the last run.
pub(super) fn settle(head: &mut TaskHead, next: Option<&Candidate>) {
    match next {
        None if head.steps.iter().any(|memory| memory.finished) => head.state = TaskState::Done,
        None => head.state = TaskState::Unmatched,
        Some(step) if head.runs >= limits::RUNS_PER_TASK => {
            head.state = TaskState::Error;
            head.fault = Some(format!(
                "run limit: the task has had {} runs and step `{}` is eligible again; steps that change what each other's conditions observe never come to an end",
                limits::RUNS_PER_TASK,
                step.name
            ));
        }
        Some(_) => {}
    }
}

/// The member of the data that a step sets to be run again later.
pub(super) const NEXT_RETRY_AT: &str = "nextRetryAt";

/// When a run's own `nextRetryAt` parks its task: the run set it to a future RFC 3339 time, and its
/// step is eligible again.
pub(super) fn next_retry_at(
    before: Option<&Value>,
    after: &Value,
    step_is_eligible: bool,
    now: Millis,
) -> Option<Millis> {
    let set = after.get(NEXT_RETRY_AT)?;
    if !step_is_eligible || before == Some(set) {
        return None;
    }
    parse_rfc3339(set.as_str()?).filter(|at| *at > now)
}

/// A run that finished with data that no task may have is a failed run.
pub(super) fn checked_size(length: usize) -> Result<(), StepFault> {
    if length <= limits::DATA_BYTES {
        return Ok(());
    }
    Err(StepFault::Limit(format!(
        "the data grew to {length} bytes, and a task has at most {}",
        limits::DATA_BYTES
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ids::TaskId;

    fn head() -> TaskHead {
        TaskHead {
            id: TaskId::new(),
            workspace: "w".parse().unwrap(),
            version: 1,
            state: TaskState::Ready,
            name: None,
            tags: Vec::new(),
            webhook: None,
            created: 1_000,
            updated: 1_000,
            ready_at: 1_000,
            wake_at: None,
            runs: 0,
            retrying: None,
            steps: Vec::new(),
            result: None,
            fault: None,
        }
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
        let policy = RetryPolicy::default();
        let end = RunEnd {
            candidate,
            policy: &policy,
            ended: &ended,
            closing: None,
            now,
            random: u64::MAX,
        };
        after_run(head, &end)
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
        assert_eq!(head.state, TaskState::Done);
        assert_eq!(head.runs, 1);
    }

    #[test]
    fn a_task_that_nothing_matched_is_unmatched() {
        let mut head = head();
        settle(&mut head, None);
        assert_eq!(head.state, TaskState::Unmatched);
    }

    #[test]
    fn a_retryable_failure_is_tried_three_times_and_then_is_an_error() {
        let (mut head, step) = (head(), step("crm", 1, 0));
        let failure = || Ended::Retry("503".into());
        assert_eq!(end(&mut head, &step, failure(), 2_000), (1, Some(3_000)));
        assert_eq!(
            (head.state, head.wake_at, head.runs),
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
        assert_eq!((head.state, head.runs), (TaskState::Error, 1));
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
            assert_eq!(head.state, TaskState::Error);
            assert!(head.fault.unwrap().starts_with("step `s`: "));
        }
        let mut head = head();
        let slow = Ended::Fault(StepFault::Deadline { limit_ms: 1 });
        assert!(end(&mut head, &step("s", 1, 0), slow, 2_000).1.is_some());
    }

    #[test]
    fn a_thousand_runs_are_the_limit() {
        let mut head = head();
        head.runs = limits::RUNS_PER_TASK;
        settle(&mut head, Some(&step("ping", 1, 0)));
        assert_eq!(head.state, TaskState::Error);
        assert!(
            head.fault
                .unwrap()
                .starts_with("run limit: the task has had 1000 runs and step `ping`")
        );
    }

    #[test]
    fn complete_and_ignore_end_the_task() {
        for (closing, state) in [
            (Closing::Complete(Some("7".into())), TaskState::Done),
            (Closing::Ignore, TaskState::Ignored),
        ] {
            let mut head = head();
            let end = RunEnd {
                candidate: &step("s", 1, 0),
                policy: &RetryPolicy::default(),
                ended: &Ended::Finished,
                closing: Some(&closing),
                now: 2_000,
                random: 0,
            };
            after_run(&mut head, &end);
            assert_eq!(head.state, state);
        }
    }

    #[test]
    fn next_retry_at_parks_only_if_the_run_set_it_to_a_future_time() {
        let at = json!({"nextRetryAt": "1970-01-01T00:00:05Z"});
        assert_eq!(next_retry_at(None, &at, true, 1_000), Some(5_000));
        assert_eq!(
            next_retry_at(at.get(NEXT_RETRY_AT), &at, true, 1_000),
            None,
            "it was there before"
        );
        assert_eq!(
            next_retry_at(None, &at, false, 1_000),
            None,
            "the step is done"
        );
        assert_eq!(next_retry_at(None, &at, true, 5_000), None, "past");
        assert_eq!(
            next_retry_at(None, &json!({"nextRetryAt": 5}), true, 0),
            None
        );
    }
}
