//! Actions of people on tasks: cancel, try again, change, copy, make. Every action is one commit under
//! the task's version, and comes to its end even if the caller no longer waits for it. An action on a task of another
//! node's task is asked of that node ([`route`]).

pub(super) mod answer;
mod create;
mod edits;
mod error;
mod keep;
pub(super) mod moves;
mod route;
mod update;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::asker::Asker;
use super::blocking::FairPool;
use super::commit::TaskWriter;
use super::dispatcher::Dispatcher;
use super::locks::{TaskLock, TaskLocks};
use super::memory::Memory;
use super::subtasks::Subtasks;
use super::tasks::Tasks;
use crate::domain::clock::Clock;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::inbox::{RequestId, TaskAction, TaskRequest};
use crate::domain::journal::Entry;
use crate::domain::task::{Standing, StoredTask, TaskHead, Wait};
use crate::store::{Commit, History, StoreError, Timeline};
use error::{PATIENCE, busy, not_found};

pub use edits::Held;
use edits::{Update, held_bytes};
pub use error::ActionError;

/// How soon a run that a crash cut short is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub struct Actions {
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) locks: Arc<TaskLocks>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) subtasks: Arc<Subtasks>,
    pub(super) asker: Arc<Asker>,
    pub(super) memory: Arc<Memory>,
    pub(super) pool: Arc<FairPool>,
}

/// The author of an action.
struct Origin {
    /// For the journal.
    by: String,
    /// The request of another node that it answers.
    request: Option<RequestId>,
}

impl Actions {
    /// Does what a request asks for with a task of this node. `None` if the task is to be open and is not. `id` is the
    /// request's if another node asked: the commit answers it. `held` is given back at the end.
    pub(super) async fn perform(
        self: &Arc<Self>,
        request: TaskRequest,
        id: Option<RequestId>,
        held: Held,
    ) -> Result<Option<TaskHead>, ActionError> {
        let (actions, whose) = (self.clone(), request.workspace.clone());
        self.whole(&whose, async move {
            let beside = held_bytes(&held);
            let _held = held;
            let TaskRequest {
                workspace,
                task,
                by,
                action,
            } = request;
            let origin = Origin { by, request: id };
            let place = (&workspace, task);
            match action {
                TaskAction::Cancel => actions.cancel_now(place, &origin).await.map(Some),
                TaskAction::Retry => {
                    let writer = actions.writer(task, &origin);
                    let retry = || actions.retry_now(&writer, place, &origin.by);
                    let done = actions.moved_between_runs(place, true, retry);
                    done.await.map(Some)
                }
                TaskAction::Update(edits) => {
                    let update = Update::new(edits, &origin.by, beside);
                    actions.updated(place, update, &origin, None).await
                }
                TaskAction::Merge(edits, dedup) => {
                    let update = Update::new(edits, &origin.by, beside);
                    match actions.updated(place, update, &origin, Some(dedup)).await {
                        Err(ActionError::NotFound { .. }) => Ok(None),
                        done => done,
                    }
                }
                TaskAction::Keep(kept) => {
                    let writer = actions.writer(task, &origin);
                    let keep = || actions.set_kept_now(&writer, place, kept);
                    let done = actions.moved_between_runs(place, false, keep);
                    done.await.map(Some)
                }
            }
        })
        .await
    }

    fn writer(&self, task: TaskId, origin: &Origin) -> TaskWriter {
        self.tasks.writer().answering(task, origin.request)
    }

    /// Does all of `work`, even if the caller is dropped in the middle. Its time is the workspace's.
    async fn whole<T: Send + 'static>(
        &self,
        workspace: &WorkspaceName,
        work: impl Future<Output = Result<T, ActionError>> + Send + 'static,
    ) -> Result<T, ActionError> {
        let workers = &self.dispatcher.workers;
        let done = workers.run(workspace, Box::pin(work)).await;
        done.unwrap_or(Err(StoreError::Closed.into()))
    }

    async fn cancel_now(
        self: &Arc<Self>,
        (workspace, task): (&WorkspaceName, TaskId),
        origin: &Origin,
    ) -> Result<TaskHead, ActionError> {
        self.loaded(workspace, task).await?;
        let until = Instant::now() + PATIENCE;
        loop {
            let lock = match self.locks.lock_for_action(task) {
                Ok(lock) => Some(lock),
                Err(busy) if busy.by_run => None,
                // Another action, which is over in a moment.
                Err(busy) if self.locks.released(task, &busy, until).await => continue,
                Err(_) => return Err(busy(task)),
            };
            let done = self
                .cancel_once((workspace, task), origin, lock.is_none())
                .await;
            if let Some(lock) = lock {
                self.release(workspace, task, lock, false);
            }
            match done {
                // The run was faster: what it made of the task is cancelled.
                Err(ActionError::Store(StoreError::Conflict { .. })) if Instant::now() < until => {}
                done => return done,
            }
        }
    }

    async fn cancel_once(
        self: &Arc<Self>,
        (workspace, task): (&WorkspaceName, TaskId),
        origin: &Origin,
        runs: bool,
    ) -> Result<TaskHead, ActionError> {
        let writer = self.writer(task, origin);
        let StoredTask { head, effects, .. } = self.loaded(workspace, task).await?;
        let head = moves::cancelled(head, runs || !effects.is_empty(), self.clock.now())?;
        let reason = format!("cancelled by {}", origin.by);
        self.moved(&writer, head.clone(), reason).await?;
        self.locks.stop(task);
        Ok(head)
    }

    async fn retry_now(
        self: &Arc<Self>,
        writer: &TaskWriter,
        (workspace, task): (&WorkspaceName, TaskId),
        by: &str,
    ) -> Result<TaskHead, ActionError> {
        let timeline = self.tasks.store.timeline(workspace, task, None).await?;
        let Timeline { task, journal, .. } = timeline.ok_or_else(|| not_found(workspace, task))?;
        let step = moves::failed_step(journal.iter().map(|(_, entry)| entry)).cloned();
        let reason = match &step {
            Some(step) => format!("tried again from step `{step}` on, asked for by {by}"),
            None => format!("taken up again, asked for by {by}"),
        };
        let mut head = moves::retried(task.head, step, self.clock.now())?;
        self.subtasks.note_ended(&mut head).await?;
        self.moved(writer, head.clone(), reason).await?;
        Ok(head)
    }

    /// Commits a head that has come to where it stands for this reason.
    async fn moved(
        self: &Arc<Self>,
        writer: &TaskWriter,
        head: TaskHead,
        reason: String,
    ) -> Result<(), StoreError> {
        let entry = Entry::State {
            at: head.updated,
            state: head.state(),
            reason,
        };
        let commit = Commit {
            head,
            data: None,
            entries: vec![entry],
        };
        self.subtasks.commit(writer, commit).await
    }

    /// Makes one commit of a task between two runs. `wakes`: the task has something to do after it.
    async fn moved_between_runs<F>(
        self: &Arc<Self>,
        (workspace, task): (&WorkspaceName, TaskId),
        wakes: bool,
        once: impl Fn() -> F,
    ) -> Result<TaskHead, ActionError>
    where
        F: Future<Output = Result<TaskHead, ActionError>>,
    {
        self.loaded(workspace, task).await?;
        let (lock, _) = self.between_runs(workspace, task).await?;
        let done = loop {
            match once().await {
                // A subtask has ended meanwhile, which the lock does not keep from being noted.
                Err(ActionError::Store(StoreError::Conflict { .. })) => {}
                done => break done,
            }
        };
        self.release(workspace, task, lock, wakes && done.is_ok());
        done
    }

    async fn loaded(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<StoredTask, ActionError> {
        let stored = self.tasks.store.load(workspace, task).await?;
        stored.ok_or_else(|| not_found(workspace, task))
    }

    /// The task when no run of it is under way, and none begins until the lock is released. A run that a
    /// crash cut short is brought to its end first: its recorded calls answer on the data they were
    /// made on.
    async fn between_runs(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<(TaskLock, StoredTask), ActionError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let lock = self.locks.lock_when_free(task, until).await;
            let lock = lock.ok_or_else(|| busy(task))?;
            let stored = match self.loaded(workspace, task).await {
                Ok(stored) if stored.effects.is_empty() || stored.head.state().is_final() => {
                    return Ok((lock, stored));
                }
                stored => stored,
            };
            self.release(workspace, task, lock, stored.is_ok());
            let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
            let long = self.clock.now().saturating_add(patience);
            if let Standing::Waiting(Wait::Pause { until, .. }) = stored?.head.standing
                && until > long
            {
                return Err(ActionError::PausedUntil { task, until });
            }
            if Instant::now() >= until {
                return Err(busy(task));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Releases an action's lock; the task is taken up if it has something to do, or if a run found it
    /// locked.
    fn release(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        lock: TaskLock,
        has_something_to_do: bool,
    ) {
        if lock.release() || has_something_to_do {
            self.dispatcher.wake(workspace, task);
        }
    }
}

/// A task with its journal.
pub(super) async fn history(
    tasks: &Tasks,
    workspace: &WorkspaceName,
    task: TaskId,
) -> Result<History, ActionError> {
    let history = tasks.store.history(workspace, task).await?;
    history.ok_or_else(|| not_found(workspace, task))
}
