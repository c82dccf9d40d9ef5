//! Computes the head of a task after an action. Pure decisions.

use crate::domain::clock::Millis;
use crate::domain::ids::{StepName, TaskId};
use crate::domain::inbox::TaskAction;
use crate::domain::journal::Entry;
use crate::domain::run::Ended;
use crate::domain::task::{Retrying, Standing, TaskHead, TaskState};

/// The task stands where the action cannot be done.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) struct WrongState {
    pub(in crate::engine) task: TaskId,
    pub(in crate::engine) state: TaskState,
    /// What would be right.
    pub(in crate::engine) hint: &'static str,
}

const CANCEL: &str = "only a task that is not at its end can be cancelled";
const RETRY: &str = "only a task in error or cancelled can be tried again";
const UPDATE: &str = "`task retry` takes it up again, and then it can be changed";

/// What would be right where an action is refused for the task's state.
pub(super) fn hint(action: &TaskAction) -> &'static str {
    match action {
        TaskAction::Cancel => CANCEL,
        TaskAction::Retry => RETRY,
        TaskAction::Update(_) | TaskAction::Merge(..) => UPDATE,
        TaskAction::Keep(_) => "any task can be kept",
    }
}

fn wrong(head: &TaskHead, hint: &'static str) -> WrongState {
    WrongState {
        task: head.id,
        state: head.state(),
        hint,
    }
}

/// A task that is ended from outside. `given_up`: a run of it has begun and will not be committed;
/// it counts, so that the next run is another one with other idempotency keys.
pub(in crate::engine) fn cancelled(
    mut head: TaskHead,
    given_up: bool,
    now: Millis,
) -> Result<TaskHead, WrongState> {
    if head.state().is_final() {
        return Err(wrong(&head, CANCEL));
    }
    head.give_up_run(given_up);
    go(&mut head, Standing::Cancelled, now);
    Ok(head)
}

/// A task that goes on from `failed`, which gets all its attempts again.
pub(in crate::engine) fn retried(
    mut head: TaskHead,
    failed: Option<StepName>,
    now: Millis,
) -> Result<TaskHead, WrongState> {
    if !matches!(head.state(), TaskState::Error | TaskState::Cancelled) {
        return Err(wrong(&head, RETRY));
    }
    let retrying = failed.clone().map(|step| Retrying { step, failed: 0 });
    go(&mut head, Standing::Ready { retrying }, now);
    head.fault = None;
    let memory = head.steps.iter_mut();
    if let Some(memory) = memory
        .into_iter()
        .find(|memory| Some(&memory.step) == failed.as_ref())
    {
        memory.finished = false;
    }
    Ok(head)
}

/// A task whose data has been changed. No run of it is under way.
pub(in crate::engine) fn updated(mut head: TaskHead, now: Millis) -> Result<TaskHead, WrongState> {
    if head.state() == TaskState::Cancelled {
        return Err(wrong(&head, UPDATE));
    }
    head.give_up_run(false);
    go(&mut head, Standing::ready(), now);
    head.fault = None;
    Ok(head)
}

/// Whether a task that was open a moment ago is still changed by who addressed it then: not if it
/// failed, was of no interest or was cancelled meanwhile, for it would be set in motion again.
pub(super) fn is_open_to(state: TaskState) -> bool {
    matches!(
        state,
        TaskState::Ready | TaskState::Waiting | TaskState::Done | TaskState::Unmatched
    )
}

fn go(head: &mut TaskHead, standing: Standing, now: Millis) {
    head.next_version(now);
    head.ready_at = head.updated;
    head.standing = standing;
    // One whose time is over would end again at once.
    if head.state().is_final() || head.expires_at().is_some_and(|at| at <= now) {
        head.expiry = None;
    }
}

/// The step whose run was the last one, if that failed.
pub(in crate::engine) fn failed_step<'a>(
    journal: impl IntoIterator<Item = &'a Entry, IntoIter: DoubleEndedIterator>,
) -> Option<&'a StepName> {
    let run = journal.into_iter().rev().find_map(|entry| match entry {
        Entry::Run(run) => Some(run),
        _ => None,
    })?;
    (run.ended != Ended::Finished).then_some(&run.step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::{StepMemory, Wait};
    use crate::store::conformance::samples::{self, run_entry};

    fn head(state: TaskState) -> TaskHead {
        TaskHead {
            standing: samples::standing(state, Some(900)),
            version: 7,
            updated: 100,
            fault: (state == TaskState::Error).then(|| "step `crm`: no".to_owned()),
            runs: 3,
            steps: vec![StepMemory {
                step: "crm".parse().unwrap(),
                observed: 1,
                finished: true,
                redo: false,
            }],
            ..TaskHead::new(TaskId::new(), "w".parse().unwrap(), 1)
        }
    }

    fn retrying(mut head: TaskHead) -> TaskHead {
        let step = "crm".parse().unwrap();
        let retrying = Retrying { step, failed: 2 };
        head.standing = match head.standing {
            Standing::Waiting(_) => Standing::Waiting(Wait::Retry { at: 900, retrying }),
            _ => Standing::Ready {
                retrying: Some(retrying),
            },
        };
        head
    }

    #[test]
    fn what_is_open_is_cancelled_and_what_is_final_is_not() {
        for state in TaskState::ALL {
            let done = cancelled(head(state), false, 200);
            match state {
                TaskState::Ready | TaskState::Waiting => {
                    let after = done.unwrap();
                    assert_eq!(after.state(), TaskState::Cancelled);
                    assert_eq!(
                        (after.version, after.updated, after.wake_at()),
                        (8, 200, None)
                    );
                    assert_eq!(after.runs, 3);
                }
                _ => assert_eq!(done.unwrap_err().state, state),
            }
        }
        let runs = |head, given_up| cancelled(head, given_up, 1).unwrap().runs;
        assert_eq!(runs(head(TaskState::Ready), true), 4);
        assert_eq!(runs(retrying(head(TaskState::Waiting)), false), 4);
        assert_eq!(
            runs(retrying(head(TaskState::Ready)), true),
            4,
            "it is one run"
        );
    }

    #[test]
    fn a_failed_task_begins_again_at_the_failed_step_with_all_attempts() {
        for state in TaskState::ALL {
            let done = retried(head(state), "crm".parse().ok(), 50);
            match state {
                TaskState::Error | TaskState::Cancelled => {
                    let after = done.unwrap();
                    assert_eq!(
                        (after.state(), after.fault.as_deref(), after.runs),
                        (TaskState::Ready, None, 3)
                    );
                    assert_eq!(after.retrying().unwrap().failed, 0);
                    assert!(!after.steps[0].finished);
                    assert_eq!(after.ready_at, 100, "time does not run backwards");
                }
                _ => assert_eq!(done.unwrap_err().state, state),
            }
        }
        let after = retried(head(TaskState::Cancelled), None, 50).unwrap();
        assert!(after.steps[0].finished && after.retrying().is_none());
    }

    #[test]
    fn a_changed_task_is_ready_at_once() {
        for state in TaskState::ALL {
            let done = updated(head(state), 200);
            if state == TaskState::Cancelled {
                assert!(done.unwrap_err().hint.contains("task retry"));
                continue;
            }
            let after = done.unwrap();
            assert_eq!((after.state(), after.wake_at()), (TaskState::Ready, None));
            assert_eq!((after.fault, after.ready_at, after.runs), (None, 200, 3));
        }
        let after = updated(retrying(head(TaskState::Waiting)), 200).unwrap();
        assert_eq!(
            (after.runs, after.retrying()),
            (4, None),
            "another run, with other keys"
        );
    }

    #[test]
    fn the_last_run_tells_which_step_failed() {
        let accepted = Entry::Accepted { at: 1 };
        let fine = run_entry(1, Ended::Finished);
        let failed = run_entry(2, Ended::Stop("no".into()));
        assert_eq!(failed_step([&accepted]), None);
        assert_eq!(
            failed_step(&[accepted.clone(), failed.clone(), fine.clone()]),
            None
        );
        let step = "crm/sync".parse().unwrap();
        assert_eq!(failed_step(&[accepted, fine, failed]), Some(&step));
    }
}
