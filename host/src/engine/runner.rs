//! A runner: takes one queued task after another as far as it goes.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::advanced::{Advanced, NoRoom};
use super::advancer::Advancer;
use super::commit::{Arriving, TaskWriter};
use super::dispatcher::{Dispatcher, Run};
use super::interrupted::{Admission, Interrupted};
use super::locks::TaskLocks;
use super::quarantine::{Quarantine, Why};
use super::tasks::Tasks;
use super::unstored::UnstoredWork;
use crate::catalog::Catalog;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// The parts that all runners share. Each call of [`Run::run`] is one runner.
pub(super) struct Runner {
    pub(super) tasks: Tasks,
    pub(super) locks: Arc<TaskLocks>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) unstored: Arc<UnstoredWork>,
    pub(super) advancer: Advancer,
    pub(super) interrupted: Arc<Interrupted>,
    pub(super) quarantine: Quarantine,
    pub(super) catalog: Arc<Catalog>,
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
    /// Runs a task that is just arriving as far as it goes, and then queued tasks. Keeps `token` until the end.
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

    /// Takes one task as far as it goes. Returns the task that this runner takes next; if there is none, the runner ends.
    async fn run_one(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Option<(WorkspaceName, TaskId)> {
        let writer = self.tasks.writer();
        let admission = self.interrupted.admit(workspace, task);
        // This node neither reads nor runs a task that another node owns, or is about to own.
        let claim = writer.claim(task).ok();
        let claim = claim.filter(|_| !writer.is_leaving(task) && admission != Admission::Waits);
        let lock = claim.and_then(|claim| self.locks.lock_for_run(task, claim).ok());
        let advanced = match &lock {
            Some(lock) => match self
                .interrupted_too_often(&writer, workspace, task, &admission)
                .await
            {
                Ok(None) => tokio::select! {
                    biased;
                    advanced = self.advance_or_set_aside(&writer, workspace, task, arriving) => advanced,
                    // It was cancelled, or its partition lost: what the run would commit would be refused.
                    () = lock.stopped() => Ok(Advanced::Rests),
                },
                Ok(Some(advanced)) => Ok(advanced),
                Err(error) => Err(error),
            },
            // There is no lock here. A task that is just arriving is only stored; it runs later, perhaps on another node.
            None => match arriving {
                Some(arriving) => {
                    let accepted = Box::pin(arriving.accept()).await;
                    accepted.map(|()| Advanced::Rests)
                }
                None => Ok(Advanced::Rests),
            },
        };
        let has_run = lock.is_some() && advanced.is_ok();
        let is_held = advanced.as_ref().is_err_and(StoreError::is_retriable);
        match advanced {
            Ok(Advanced::Rests | Advanced::ReadAgain) => {}
            Ok(Advanced::Starves(no_room)) => {
                drop(lock);
                return self.put_back(workspace, task, &no_room);
            }
            Ok(Advanced::Waits) => self.dispatcher.timer_changed.notify_one(),
            Err(error) if error.is_expected() => {}
            Err(error) => {
                tracing::error!(workspace.id = %workspace, task.id = %task, %error, "a task could not be advanced");
            }
        }
        let next = self.dispatcher.queue.next(workspace, task);
        if is_held {
            self.unstored.keep_task(workspace, task);
        }
        // Only now does the queue take the task in was_wanted.
        let was_wanted = match lock {
            Some(lock) => lock.release(),
            None => claim.is_some() && !self.locks.mark_wanted(task),
        };
        // The partition was lost and regained during the run, or the server was to give it up and keeps it. The search
        // for the partition's ready tasks skipped this task, because it was running. So it is woken here.
        let owned = self.tasks.owned();
        let is_stale = writer.is_stale(task, &owned);
        let claim_changed = is_stale || writer.is_leaving(task);
        let comes_back = claim_changed && owned.owns(task) && !owned.is_leaving(task);
        if was_wanted || comes_back {
            self.dispatcher.wake(workspace, task);
        }
        // A run that was stopped as its partition was lost goes on elsewhere, and what could not be written is tried again:
        // neither has come to its end without taking the server down.
        let woken = match has_run && !is_stale {
            true => self.interrupted.task_rested(workspace, task),
            false => self.interrupted.task_left(workspace, task),
        };
        for task in woken {
            // The runner that was told to wait with it may not have let go of it yet.
            self.dispatcher.requeue(workspace, task);
        }
        next
    }

    /// Sets a task aside that was interrupted too often. None if it is to be run.
    async fn interrupted_too_often(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        admission: &Admission,
    ) -> Result<Option<Advanced>, StoreError> {
        match admission {
            // Boxed, as it is rare and the future of every run would have room for it.
            Admission::Quarantine => {
                Box::pin(self.set_aside(writer, workspace, task, Why::Interrupted)).await
            }
            _ => Ok(None),
        }
    }

    async fn set_aside(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        why: Why,
    ) -> Result<Option<Advanced>, StoreError> {
        let is_notice_due = self
            .quarantine
            .set_aside(writer, workspace, task, why)
            .await?;
        Ok(is_notice_due.map(|is_due| match is_due {
            true => Advanced::Waits,
            false => Advanced::Rests,
        }))
    }

    /// Advances a task. One whose run panics is set aside, so that the runner goes on with others: its place and its
    /// workspace's are not lost, and the run is not repeated for ever.
    async fn advance_or_set_aside(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Result<Advanced, StoreError> {
        let advanced = self.advance(writer, workspace, task, arriving.clone());
        if let Ok(advanced) = AssertUnwindSafe(advanced).catch_unwind().await {
            return advanced;
        }
        tracing::error!(workspace.id = %workspace, task.id = %task, "a run panicked");
        Box::pin(async {
            if let Some(arriving) = arriving {
                arriving.accept().await?;
            }
            let set_aside = self.set_aside(writer, workspace, task, Why::Panicked);
            Ok(set_aside.await?.unwrap_or(Advanced::Rests))
        })
        .await
    }

    /// Puts a task for which there is no memory back into its lane. Returns the task that the runner takes next.
    fn put_back(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        no_room: &NoRoom,
    ) -> Option<(WorkspaceName, TaskId)> {
        let queue = &self.dispatcher.queue;
        let next = queue.put_back(workspace, task, no_room.needs);
        // Lanes may try again now: it may take long until memory is released the next time.
        if self.advancer.memory.was_released_since(no_room.seen) && queue.retry_starved_lanes() {
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
        // Boxed, as it is rare and the future of every run would have room for it.
        if self.catalog.revision() < writer.revision() {
            Box::pin(self.catalog.reach(writer.revision())).await?;
        }
        loop {
            let advanced = self
                .advancer
                .advance(writer, workspace, task, arriving.take());
            match advanced.await {
                // An action that waits for the task comes first.
                Ok(Advanced::ReadAgain)
                    if self.dispatcher.queue.is_open() && !self.locks.is_wanted(task) => {}
                advanced => return advanced,
            }
        }
    }
}

#[cfg(test)]
mod tests;
