//! Has the store remove finished tasks whose time is over, once an hour, and the rest of a workspace
//! that was deleted, at once.
//!
//! Only what ended before schedules were last settled is removed. The id of a schedule's task is derived
//! from its planned time, and an acceptance that is asked for again, because a crash came before its
//! time was settled, is to find the task.

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

/// How far apart looks at all tasks are: so long may one stay beyond its time.
const EVERY: Millis = 3_600_000;
/// How long after a start the first look is: who starts a server for the first time on what an older
/// version left can say before how long tasks are to be kept.
const FIRST: Millis = 600_000;
/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Between two parts of the work, so that others have the store in between.
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
    /// Lets go of a workspace that was deleted from the catalog: runs of its tasks are given up, and
    /// what the store has of it is erased soon.
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
