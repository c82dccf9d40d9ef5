//! Has the store remove finished tasks whose retention has ended, once an hour, and erase a deleted workspace,
//! at once.
//!
//! Only tasks that ended before schedules were last settled are removed. The id of a schedule's task is derived
//! from its planned time. If a crash comes before that time is settled, the task is accepted once more, and must
//! be found.

use std::sync::Arc;
use std::time::Duration;

use super::dispatcher::Dispatcher;
use super::locks::TaskLocks;
use super::removal_asked::RemovalAsked;
use super::tasks::Tasks;
use crate::catalog::Catalog;
use crate::domain::clock::Millis;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

/// The time between two passes over all tasks, in milliseconds. A task may stay so long beyond its time.
const EVERY: Millis = 3_600_000;
/// The time from a start to the first pass, in milliseconds. In it an operator who has upgraded the server can set a
/// retention before tasks are removed.
const FIRST: Millis = 600_000;
/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The pause between two parts of a pass, in which others use the store.
const PAUSE: Duration = Duration::from_millis(2);

/// Removes expired tasks, and erases deleted workspaces.
pub struct Removal {
    pub(super) tasks: Tasks,
    pub(super) catalog: Arc<Catalog>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) locks: Arc<TaskLocks>,
    pub(super) asked: Arc<RemovalAsked>,
}

impl Removal {
    /// Ends the tasks of a workspace that was deleted from the catalog: their runs are stopped, and the
    /// store erases them soon.
    pub fn forget(&self, workspace: &WorkspaceName) {
        for task in self.dispatcher.queue.forget(workspace) {
            self.locks.stop(task);
        }
        self.tasks.watchers.notify_all();
        self.asked.erase();
    }

    /// Runs until the store is closed.
    pub(super) async fn run(self: Arc<Self>) {
        let mut next: Option<Millis> = None;
        loop {
            let now = self.asked.settled();
            if now > 0 && next.is_none_or(|next| now.saturating_add(EVERY) < next) {
                // The first look at the clock, or it was set back.
                next = Some(now.saturating_add(FIRST));
            }
            let is_due = next.is_some_and(|next| now >= next);
            let deleted = self.asked.take_erase();
            if is_due || deleted {
                match self.remove(if is_due { now } else { 0 }).await {
                    Ok(()) => {
                        if is_due {
                            next = Some(now.saturating_add(EVERY));
                        }
                        // One that was being compiled as its workspace was deleted.
                        if deleted {
                            self.catalog.forget_components();
                        }
                    }
                    Err(StoreError::Closed | StoreError::Failed) => return,
                    // The store says that itself.
                    Err(StoreError::Full | StoreError::Undecided) => self.asked.put_back(deleted),
                    Err(error) => {
                        tracing::error!(%error, "old tasks could not be removed; it is tried again");
                        next = Some(now.saturating_add(EVERY));
                    }
                }
            }
            let _ = tokio::time::timeout(LOOK, self.asked.wake.notified()).await;
        }
    }

    async fn remove(&self, now: Millis) -> Result<(), StoreError> {
        let mut tasks = 0;
        loop {
            let purged = self.tasks.store.purge(now).await?;
            tasks += purged.tasks;
            if purged.is_done {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if tasks > 0 {
            tracing::info!(tasks, "finished tasks whose time was over were removed");
        }
        Ok(())
    }
}
