//! Sets aside a task whose run took the server down twice, or panicked: it goes to `error`, runs no more by itself, and a
//! person can retry it.

use std::sync::Arc;

use super::children::Base;
use super::commit::TaskWriter;
use super::interrupted;
use super::notices::Notices;
use super::subtasks::Subtasks;
use super::tasks::Tasks;
use crate::domain::clock::{Clock, Millis};
use crate::domain::ids::{StepName, TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::task::{Standing, StoredTask, TaskHead};
use crate::store::{Commit, StoreError};

/// Why a task is in `error` whose run panicked.
const PANICKED: &str = "an internal error of the server ended this run; the server's log has it";

/// Why a task is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It was interrupted too often; see [`super::interrupted`].
    Interrupted,
    /// Its run panicked, and would do so again.
    Panicked,
}

impl Why {
    fn reason(self) -> &'static str {
        match self {
            Self::Interrupted => interrupted::REASON,
            Self::Panicked => PANICKED,
        }
    }
}

/// Moves tasks to `error` that would do harm if they were run again.
pub(super) struct Quarantine {
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) subtasks: Arc<Subtasks>,
    pub(super) notices: Arc<Notices>,
    /// When this process began; none if nodes share the store, and a task may have been interrupted elsewhere since.
    pub(super) since: Option<Millis>,
}

impl Quarantine {
    /// Puts the task in `error`; gives whether a notice of that is due. None if it is not to be set aside: it is at
    /// its end, or it was interrupted and a person has moved it since the process began.
    ///
    /// # Errors
    /// The store did not take it.
    pub(super) async fn set_aside(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        why: Why,
    ) -> Result<Option<bool>, StoreError> {
        let stored = self.tasks.store.load(workspace, task).await?;
        let is_as_it_was = |head: &TaskHead| {
            let is_old = |since| head.updated < since;
            let is_moved = why == Why::Interrupted && !self.since.is_none_or(is_old);
            !head.state().is_final() && !is_moved
        };
        let Some(stored) = stored.filter(|task| is_as_it_was(&task.head)) else {
            return Ok(None);
        };
        let StoredTask {
            mut head, effects, ..
        } = stored;
        let base = Base::of(&head);
        let begun = effects.first().map(|effect| effect.begun.step.clone());
        let step = begun.or_else(|| last_step(&head));
        let failed = head.retrying().map_or(1, |retrying| retrying.failed + 1);
        let now = self.clock.now();
        let reason = why.reason();
        give_up(&mut head, !effects.is_empty(), reason, now);
        if let Some(step) = step {
            self.notices.owe(&mut head, (&step, failed));
        }
        let commit = Commit {
            entries: vec![Entry::State {
                at: now,
                state: head.state(),
                reason: reason.into(),
            }],
            head,
            data: None,
        };
        let forward = self
            .subtasks
            .forward(writer, None, &base, commit, Vec::new());
        match forward.await {
            Ok(head) => {
                tracing::warn!(workspace.id = %workspace, task.id = %task, "a task was set aside: {reason}");
                Ok(Some(head.due_at().is_some()))
            }
            // An action or another node moved the task: that change counts.
            Err(StoreError::Conflict { .. }) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }
}

/// The step that began last, as far as the task remembers.
fn last_step(head: &TaskHead) -> Option<StepName> {
    head.steps.last().map(|memory| memory.step.clone())
}

/// Ends the task. The run that was interrupted counts, if it left anything: the next one is another, with other
/// idempotency keys.
fn give_up(head: &mut TaskHead, under_way: bool, reason: &str, now: Millis) {
    head.give_up_run(under_way);
    head.next_version(now);
    head.standing = Standing::Error(None);
    head.fault = Some(reason.into());
    head.end_expiry();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::{Expiry, Retrying, TaskState, Wait};
    use crate::store::conformance::samples;

    #[test]
    fn the_interrupted_run_counts_if_it_left_anything() {
        let step: StepName = "crm".parse().unwrap();
        let retrying = Some(Retrying { step, failed: 1 });
        for (retrying, under_way, runs) in [(None, false, 0), (None, true, 1), (retrying, false, 1)]
        {
            let mut head = samples::new_task(&samples::workspace("w"), TaskId::new(), "{}").head;
            head.standing = Standing::Ready { retrying };
            head.expiry = Some(Expiry::default());
            let version = head.version;
            give_up(&mut head, under_way, "why", 7_000_000_000_000);
            assert_eq!(head.state(), TaskState::Error);
            assert_eq!((head.runs, head.version), (runs, version + 1));
            assert_eq!(head.fault.as_deref(), Some("why"));
            assert_eq!((head.updated, head.expiry), (7_000_000_000_000, None));
        }
    }

    #[test]
    fn a_task_that_waits_for_its_next_attempt_is_set_aside_too() {
        let step: StepName = "crm".parse().unwrap();
        let retrying = Retrying { step, failed: 2 };
        let mut head = samples::new_task(&samples::workspace("w"), TaskId::new(), "{}").head;
        head.standing = Standing::Waiting(Wait::Retry { at: 9, retrying });
        give_up(&mut head, false, "why", 8);
        assert_eq!((head.state(), head.runs), (TaskState::Error, 1));
    }
}
