//! The answer to another node's request, and how another node's answer is read.

use super::error::{self, ActionError};
use super::moves;
use crate::domain::data::EditError;
use crate::domain::inbox::{TaskAnswer, TaskRefusal, TaskRequest};
use crate::domain::task::TaskHead;
use crate::store::StoreError;

/// The refusal that another node is answered with; none if it may succeed later.
pub(in crate::engine) fn refusal(error: ActionError) -> Option<TaskRefusal> {
    Some(match error {
        ActionError::NotFound { .. } => TaskRefusal::NotFound,
        ActionError::WrongState { state, .. } => TaskRefusal::WrongState(state),
        ActionError::Edit { error, .. } => match error {
            EditError::TooLarge(bytes) => TaskRefusal::TooLarge(bytes as u64),
            EditError::ViaReadOnly => TaskRefusal::ViaReadOnly,
            error => TaskRefusal::BadEdit(error.to_string()),
        },
        ActionError::TooManyMoves { .. } => TaskRefusal::TooManyMoves,
        ActionError::Busy { .. } => TaskRefusal::Busy,
        // There may be some before the one that asks gives up, who is then told so.
        ActionError::NoMemory => return None,
        ActionError::PausedUntil { until, .. } => TaskRefusal::PausedUntil(until),
        ActionError::Store(StoreError::Duplicate { task }) => TaskRefusal::Duplicate(task),
        ActionError::Store(StoreError::Erasing(_)) => TaskRefusal::Erasing,
        ActionError::Store(StoreError::NotFound(_)) => TaskRefusal::NotFound,
        ActionError::Store(error) if error.is_retriable() || error.is_expected() => return None,
        other => TaskRefusal::Refused(other.to_string()),
    })
}

/// The answer of another node as the result that the same action has on this node: the changed task, or the refusal with
/// the same words. `None` if the action is only for an open task ([`TaskAction::Merge`]) and the task is not open.
///
/// [`TaskAction::Merge`]: crate::domain::inbox::TaskAction::Merge
pub(super) fn to_local_result(
    answer: TaskAnswer,
    request: &TaskRequest,
) -> Result<Option<TaskHead>, ActionError> {
    let task = request.task;
    let refusal = match answer {
        Ok(head) => return Ok(Some(*head)),
        Err(refusal) => refusal,
    };
    let edit = |error| ActionError::Edit { task, error };
    Err(match refusal {
        TaskRefusal::NotOpen => return Ok(None),
        TaskRefusal::NotFound => error::not_found(&request.workspace, task),
        TaskRefusal::WrongState(state) => ActionError::WrongState {
            task,
            state,
            hint: moves::hint(&request.action),
        },
        TaskRefusal::TooLarge(bytes) => {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            edit(EditError::TooLarge(bytes))
        }
        TaskRefusal::ViaReadOnly => edit(EditError::ViaReadOnly),
        TaskRefusal::BadEdit(why) => edit(EditError::Remote(why)),
        TaskRefusal::TooManyMoves => ActionError::TooManyMoves { task },
        TaskRefusal::Busy => error::busy(task),
        TaskRefusal::PausedUntil(until) => ActionError::PausedUntil { task, until },
        TaskRefusal::Duplicate(task) => StoreError::Duplicate { task }.into(),
        TaskRefusal::Erasing => StoreError::Erasing(request.workspace.clone()).into(),
        TaskRefusal::Refused(why) => StoreError::Refused(why).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TaskId;
    use crate::domain::inbox::TaskAction;
    use crate::domain::task::TaskState;

    /// The caller of another node is told the same as one of the owner.
    #[test]
    fn a_refusal_reads_the_same_on_both_nodes() {
        let task = TaskId::new();
        let of = |action| TaskRequest {
            workspace: "acme".parse().unwrap(),
            task,
            by: "ada".into(),
            action,
        };
        let wrong = |action, state| ActionError::WrongState {
            task,
            state,
            hint: moves::hint(action),
        };
        let (cancel, retry) = (TaskAction::Cancel, TaskAction::Retry);
        let update = TaskAction::Update(Vec::new());
        let edit = |error| ActionError::Edit { task, error };
        let workspace = || "acme".parse().unwrap();
        for (action, error) in [
            (&cancel, error::not_found(&workspace(), task)),
            (&cancel, wrong(&cancel, TaskState::Done)),
            (&retry, wrong(&retry, TaskState::Ready)),
            (&update, wrong(&update, TaskState::Cancelled)),
            (&update, edit(EditError::ViaReadOnly)),
            (&update, edit(EditError::TooLarge(9_000_000))),
            (
                &update,
                edit(EditError::NotAnObject {
                    what: "patch",
                    found: "a number",
                }),
            ),
            (&update, ActionError::TooManyMoves { task }),
            (&retry, error::busy(task)),
            (
                &retry,
                ActionError::PausedUntil {
                    task,
                    until: 1_764_000_000_000,
                },
            ),
            (&update, StoreError::Duplicate { task }.into()),
            (&update, StoreError::Erasing(workspace()).into()),
        ] {
            let text = error.to_string();
            let refusal = refusal(error).unwrap();
            let there = to_local_result(Err(refusal), &of(action.clone())).unwrap_err();
            assert_eq!(there.to_string(), text);
        }
        let not_open = to_local_result(Err(TaskRefusal::NotOpen), &of(update)).unwrap();
        assert_eq!(not_open, None);
        for passing in [
            StoreError::Closed.into(),
            StoreError::Full.into(),
            StoreError::unavailable("x").into(),
            ActionError::NoMemory,
        ] {
            assert_eq!(refusal(passing), None);
        }
    }
}
