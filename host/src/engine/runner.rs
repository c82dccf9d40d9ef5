//! A runner: takes one queued task after another as far as it goes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::advanced::{Advanced, NoRoom};
use super::advancer::Advancer;
use super::commit::{Arriving, TaskWriter};
use super::dispatcher::{Dispatcher, Run};
use super::held::Held;
use super::interrupted::{Admission, Interrupted};
use super::locks::TaskLocks;
use super::set_aside::SetAside;
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
    pub(super) interrupted: Arc<Interrupted>,
    pub(super) set_aside: SetAside,
}

impl Run for Runner {
    fn run(
        self: Arc<Self>,
        workspace: WorkspaceName,
        mut task: TaskId,
        token: TaskTrackerToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let _token = token;
            while let Some((next, id)) = self.run_one(&workspace, task, None).await {
                if next != workspace {
                    return self.dispatcher.hand_over(next, id);
                }
                task = id;
            }
        })
    }
}

impl Runner {
    /// Takes a task as far as it goes that is arriving, and then those that are queued. Keeps `token` until the end.
    pub(super) async fn run_first(
        self: Arc<Self>,
        workspace: WorkspaceName,
        task: TaskId,
        arriving: Arc<Arriving>,
        token: TaskTrackerToken,
    ) {
        match self.run_one(&workspace, task, Some(arriving)).await {
            Some((next, task)) if next == workspace => self.run(next, task, token).await,
            Some((next, task)) => self.dispatcher.hand_over(next, task),
            None => {}
        }
    }

    /// Takes one task as far as it goes. Returns the next one that is the runner's; at none it ends.
    async fn run_one(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Option<(WorkspaceName, TaskId)> {
        let writer = self.tasks.writer();
        let admission = self.interrupted.admit(workspace, task);
        // Nothing of another node's task is read or run, nor of one that is to be another's in a moment.
        let claim = writer.claim(task).ok();
        let claim = claim.filter(|_| !writer.is_leaving(task));
        let lock = claim.filter(|_| admission != Admission::Waits);
        let lock = lock.and_then(|claim| self.locks.lock_for_run(task, claim).ok());
        let advanced = match &lock {
            Some(lock) => match self.set_aside(&writer, workspace, task, &admission).await {
                Ok(None) => tokio::select! {
                    biased;
                    advanced = self.advance(&writer, workspace, task, arriving) => advanced,
                    // It was cancelled, or its partition lost: what the run would commit would be refused.
                    () = lock.stopped() => Ok(Advanced::Rests),
                },
                Ok(Some(true)) => Ok(Advanced::Waits),
                Ok(Some(false)) => Ok(Advanced::Rests),
                Err(error) => Err(error),
            },
            // One that is just arriving waits where it is to run, which may be elsewhere.
            None => match arriving {
                Some(arriving) => {
                    let accepted = Box::pin(arriving.accept()).await;
                    accepted.map(|()| Advanced::Rests)
                }
                None => Ok(Advanced::Rests),
            },
        };
        // A task that could not be set aside is tried again.
        let is_over = match admission {
            Admission::Runs => true,
            Admission::Waits => false,
            Admission::SetAside => lock.is_some() && advanced.is_ok(),
        };
        let is_held = advanced.as_ref().is_err_and(StoreError::is_retriable);
        match advanced {
            Ok(Advanced::Rests | Advanced::Again) => {}
            Ok(Advanced::Starves(none)) => {
                drop(lock);
                return self.put_back(workspace, task, &none);
            }
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
        // A partition that was lost and has come back, or that was to be given up and stays after all: what was
        // looked for then did not find the task, as it was running.
        let comes_back = {
            let owned = self.tasks.owned();
            let is_other = writer.is_stale(task, &owned) || writer.is_leaving(task);
            is_other && owned.owns(task) && !owned.is_leaving(task)
        };
        if again || comes_back {
            self.dispatcher.wake(workspace, task);
        }
        if is_over {
            for woken in self.interrupted.rests(workspace, task) {
                self.dispatcher.wake(workspace, woken);
            }
        }
        next
    }

    /// Sets a task aside that was interrupted too often. None if it is to be run.
    async fn set_aside(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        admission: &Admission,
    ) -> Result<Option<bool>, StoreError> {
        match admission {
            // Boxed, as it is rare and the future of every run would have room for it.
            Admission::SetAside => {
                Box::pin(self.set_aside.set_aside(writer, workspace, task)).await
            }
            _ => Ok(None),
        }
    }

    /// Puts a task back into its lane for which there is no memory now. Returns the runner's next one.
    fn put_back(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        none: &NoRoom,
    ) -> Option<(WorkspaceName, TaskId)> {
        let queue = &self.dispatcher.queue;
        let next = queue.put_back(workspace, task, none.needs);
        // Nothing else may be given back for long.
        if self.advancer.memory.has_changed(none.seen) && queue.feed() {
            self.dispatcher.run_more();
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
