//! A runner: takes one queued task after another as far as it goes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::advanced::Advanced;
use super::advancer::Advancer;
use super::commit::{Arriving, TaskWriter};
use super::dispatcher::{Dispatcher, Run};
use super::held::Held;
use super::locks::TaskLocks;
use super::tasks::Tasks;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// What every runner works with. It is shared; a runner is a call of [`Run::run`].
pub(super) struct Runner {
    pub(super) tasks: Tasks,
    pub(super) locks: Arc<TaskLocks>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) held: Arc<Held>,
    pub(super) advancer: Advancer,
}

impl Run for Runner {
    fn run(
        self: Arc<Self>,
        mut workspace: WorkspaceName,
        mut task: TaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            while let Some(next) = self.run_one(&workspace, task, None).await {
                (workspace, task) = next;
            }
        })
    }
}

impl Runner {
    /// Takes a task as far as it goes that is arriving, and then those that are queued.
    pub(super) async fn run_first(
        self: Arc<Self>,
        workspace: WorkspaceName,
        task: TaskId,
        arriving: Arc<Arriving>,
    ) {
        // Boxed, as what is spawned is moved about whole.
        let next = Box::pin(self.run_one(&workspace, task, Some(arriving))).await;
        if let Some((workspace, task)) = next {
            self.run(workspace, task).await;
        }
    }

    /// Takes one task as far as it goes. Gives the next one that is the runner's; at none it ends.
    async fn run_one(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Option<(WorkspaceName, TaskId)> {
        let writer = self.tasks.writer();
        // Nothing of another node's task is read or run.
        let claim = writer.claim(task).ok();
        let lock = claim.and_then(|claim| self.locks.lock_for_run(task, claim).ok());
        let advanced = match &lock {
            Some(lock) => tokio::select! {
                biased;
                advanced = self.advance(&writer, workspace, task, arriving) => advanced,
                // It was cancelled, or its partition lost: what the run would commit would be refused.
                () = lock.stopped() => Ok(Advanced::Rests),
            },
            None => Ok(Advanced::Rests),
        };
        let is_held = advanced.as_ref().is_err_and(StoreError::is_retriable);
        match advanced {
            Ok(Advanced::Rests | Advanced::Again) => {}
            Ok(Advanced::Waits) => self.dispatcher.timer_set.notify_one(),
            Err(error) if error.is_expected() => {}
            Err(error) => {
                tracing::error!(workspace.id = %workspace, task.id = %task, %error, "a task could not be advanced");
            }
        }
        let next = self.dispatcher.queue.next(workspace, task);
        if is_held {
            self.held.keep_task(workspace, task);
        }
        // Only now does the queue take the task in again.
        let again = match lock {
            Some(lock) => lock.release(),
            None => claim.is_some() && !self.locks.mark_wanted(task),
        };
        // A partition that was lost and has come back: what was looked for when it came did not find the
        // task, as it was running.
        let comes_back = {
            let owned = self.tasks.owned();
            writer.is_stale(task, &owned) && owned.owns(task)
        };
        if again || comes_back {
            self.dispatcher.wake(workspace, task);
        }
        if next.is_none() {
            self.dispatcher.runner_ended();
        }
        next
    }

    /// Advances a task, and again as long as it says so.
    async fn advance(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        mut arriving: Option<Arc<Arriving>>,
    ) -> Result<Advanced, StoreError> {
        loop {
            let advanced = self
                .advancer
                .advance(writer, workspace, task, arriving.take());
            match advanced.await {
                // An action that waits for the task comes first.
                Ok(Advanced::Again)
                    if self.dispatcher.queue.is_open() && !self.locks.is_wanted(task) => {}
                advanced => return advanced,
            }
        }
    }
}
