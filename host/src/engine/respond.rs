//! A run's reply to the sender of the request that made its task. It is a note in the task's head: durable before the
//! run goes on, and nothing that the run stands on is changed by it. The first reply counts; a run that is begun again
//! after a crash finds its own there.

use std::sync::Arc;

use super::attempt::Attempt;
use super::tasks::Tasks;
use crate::domain::reply::GivenReply;
use crate::store::{StoreError, Transaction};

/// Gives a task its reply, and says which one it has: this, or an earlier one. None if the run does not count any more.
///
/// # Errors
/// The store did not take it.
pub(super) async fn respond(
    tasks: &Tasks,
    attempt: &Attempt,
    given: Arc<GivenReply>,
) -> Result<Option<Arc<GivenReply>>, StoreError> {
    loop {
        let task = tasks.store.load(&attempt.workspace, attempt.task).await?;
        let Some(mut head) = task.map(|task| task.head) else {
            return Ok(None);
        };
        if head.reply.is_some() {
            return Ok(head.reply);
        }
        let (version, notes) = attempt.base;
        let is_moved = head.version.saturating_sub(version) != head.notes.saturating_sub(notes);
        if is_moved || head.state().is_final() {
            return Ok(None);
        }
        head.reply = Some(given.clone());
        head.version += 1;
        head.notes += 1;
        let changes = Transaction {
            notes: vec![head],
            ..Transaction::default()
        };
        match attempt.writer.transact(changes).await {
            Ok(()) => return Ok(Some(given)),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}
