//! A run that pauses for longer than a run may take. Its instance ends; its task waits, with what the
//! run has recorded; when the pause is over the run is begun again and answered from there. It is
//! what a crash does to a run, but for the wait.

use super::advanced::Advanced;
use super::children::{Base, keep_noted};
use super::commit::TaskWriter;
use super::tasks::Tasks;
use crate::domain::clock::Millis;
use crate::domain::ids::StepName;
use crate::domain::task::{Paused, Standing, TaskHead, Wait};
use crate::store::{StoreError, Transaction};

/// A run's long pause.
pub(super) struct Pause<'a> {
    /// The run's step.
    pub(super) step: &'a StepName,
    pub(super) until: Millis,
    /// How long the run took since it was begun or resumed, in microseconds.
    pub(super) took_us: u64,
}

impl Pause<'_> {
    /// The head of a task whose run pauses. What the run stands on stays: its clock, attempt and effects.
    fn head(&self, mut head: TaskHead) -> TaskHead {
        let before = head.paused().map_or(0, |paused| paused.spent_ms);
        head.version += 1;
        head.notes += 1;
        head.standing = Standing::Waiting(Wait::Pause {
            until: self.until,
            paused: Paused {
                step: self.step.clone(),
                spent_ms: before.saturating_add(self.took_us / 1_000),
            },
            retrying: head.standing.give_up_retrying(),
        });
        head
    }

    /// Lets a task wait until its run's pause is over.
    pub(super) async fn commit(
        &self,
        tasks: &Tasks,
        writer: &TaskWriter,
        head: TaskHead,
    ) -> Result<Advanced, StoreError> {
        let base = Base::of(&head);
        let mut head = self.head(head);
        loop {
            let changes = Transaction {
                notes: vec![head.clone()],
                ..Transaction::default()
            };
            match writer.transact(changes).await {
                Ok(()) => return Ok(Advanced::Waits),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            let current = tasks.store.load(&head.workspace, head.id).await?;
            if !current.is_some_and(|task| keep_noted(&mut head, &base, &task.head)) {
                return Ok(Advanced::Rests);
            }
            head.notes += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TaskId;
    use crate::domain::task::TaskState;
    use crate::store::conformance::samples;

    #[test]
    fn a_pause_keeps_the_runs_base_and_adds_up_its_time() {
        let before = samples::new_task(&samples::workspace("w"), TaskId::new(), "{}").head;
        let step: StepName = "s".parse().unwrap();
        let pause = |until, took_us| Pause {
            step: &step,
            until,
            took_us,
        };
        let once = pause(900, 2_500_000).head(before.clone());
        assert_eq!(
            (once.state(), once.wake_at()),
            (TaskState::Waiting, Some(900))
        );
        assert_eq!((once.ready_at, once.runs), (before.ready_at, before.runs));
        let twice = pause(1_900, 1_000_000).head(once);
        assert_eq!(twice.paused().map(|paused| paused.spent_ms), Some(3_500));
        assert_eq!(twice.notes, 2);
    }
}
