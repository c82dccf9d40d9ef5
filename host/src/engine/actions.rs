//! What people do with tasks: cancel, try again, change, copy, make. Every action is one commit under
//! the task's version, and comes to its end even if whoever asked for it has gone.

mod error;
mod keep;
pub(super) mod moves;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Engine;
use super::commit::TaskWriter;
use super::turns::Turn;
use crate::domain::data::{Edit, diff, edited};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::limits;
use crate::domain::task::{StoredTask, TaskHead, TaskState};
use crate::store::{Commit, History, NewTask, StoreError};
use error::{PATIENCE, busy, not_found};

pub use error::ActionError;

/// How soon a run that a crash cut short is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Engine {
    /// Ends a task that is not at its end. A run under way is given up, and what it did is not
    /// committed. `by` is who asked, for the journal.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::WrongState`] if it is final, [`ActionError::Store`].
    pub async fn cancel(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        by: String,
    ) -> Result<TaskHead, ActionError> {
        let (engine, workspace) = (self.clone(), workspace.clone());
        self.whole(async move { engine.cancel_now(&workspace, task, &by).await })
            .await
    }

    /// Has a task in `error` or `cancelled` go on from the step that failed, with all attempts before
    /// it.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::WrongState`], [`ActionError::Busy`],
    /// [`ActionError::Store`].
    pub async fn retry(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        by: String,
    ) -> Result<TaskHead, ActionError> {
        let (engine, workspace) = (self.clone(), workspace.clone());
        self.whole(async move {
            engine.loaded(&workspace, task).await?;
            let writer = engine.writer();
            let (turn, _) = engine.between_runs(&workspace, task).await?;
            let done = loop {
                match engine.retry_now(&writer, &workspace, task, &by).await {
                    // A subtask has ended meanwhile, which a turn does not keep from being noted.
                    Err(ActionError::Store(StoreError::Conflict { .. })) => {}
                    done => break done,
                }
            };
            engine.release(&workspace, task, turn, done.is_ok());
            done
        })
        .await
    }

    /// Changes a task's data and has it go on at once, whether it waits or was at its end.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::WrongState`] if it is cancelled,
    /// [`ActionError::Edit`], [`ActionError::TooOften`], [`ActionError::Busy`],
    /// [`ActionError::Store`].
    pub async fn update(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        edits: Vec<Edit>,
        by: String,
    ) -> Result<TaskHead, ActionError> {
        self.updated(workspace, task, edits, by, false)
            .await?
            .ok_or_else(|| not_found(workspace, task))
    }

    /// The same for a task that is not at its end; `None`, and nothing is changed, if there is no such
    /// task. One that comes to a good end while its run is waited for was open when this was asked for.
    ///
    /// # Errors
    /// As [`Engine::update`].
    pub async fn update_open(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        edits: Vec<Edit>,
        by: String,
    ) -> Result<Option<TaskHead>, ActionError> {
        match self.updated(workspace, task, edits, by, true).await {
            Err(ActionError::NotFound { .. }) => Ok(None),
            done => done,
        }
    }

    /// Makes a new task of a task's data, with `edits` made to it. What happened to the original is
    /// not its history.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::Edit`], [`ActionError::Store`].
    pub async fn clone_task(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        edits: Vec<Edit>,
        by: String,
    ) -> Result<TaskHead, ActionError> {
        let original = self.loaded(workspace, task).await?;
        let data = if edits.is_empty() {
            original.data
        } else {
            let before = data_of(&original)?;
            let (_, text) =
                edited(&before, edits).map_err(|error| ActionError::Edit { task, error })?;
            text.into()
        };
        let now = self.clock.now();
        let head = TaskHead {
            webhook: original.head.webhook,
            ..TaskHead::new(TaskId::new(), workspace.clone(), now)
        };
        let entry = Entry::State {
            at: now,
            state: TaskState::Ready,
            reason: format!("a copy of task {task}, made by {by}"),
        };
        self.create(NewTask {
            head,
            data,
            entries: vec![entry],
        })
        .await
    }

    /// Makes a task durable and takes it up.
    ///
    /// # Errors
    /// [`ActionError::Store`].
    pub async fn create(self: &Arc<Self>, mut task: NewTask) -> Result<TaskHead, ActionError> {
        let engine = self.clone();
        self.whole(async move {
            task.head.id = engine.place(task.head.id)?;
            let head = task.head.clone();
            engine.writer().accept(task).await?;
            engine.offer(&head.workspace, head.id);
            Ok(head)
        })
        .await
    }

    /// Does all of `work`, though who waits for it may go away in the middle.
    async fn whole<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ActionError>> + Send + 'static,
    ) -> Result<T, ActionError> {
        let (tell, told) = oneshot::channel();
        self.threads.spawn(async move {
            let _ = tell.send(work.await);
        });
        told.await.unwrap_or(Err(StoreError::Closed.into()))
    }

    async fn cancel_now(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        by: &str,
    ) -> Result<TaskHead, ActionError> {
        self.loaded(workspace, task).await?;
        let until = Instant::now() + PATIENCE;
        loop {
            let turn = match self.turns.hold(task) {
                Ok(turn) => Some(turn),
                Err(busy) if busy.runs => None,
                // Another action, which is over in a moment.
                Err(busy) if self.turns.over(task, &busy, until).await => continue,
                Err(_) => return Err(busy(task)),
            };
            let done = self.cancel_once(workspace, task, by, turn.is_none()).await;
            if let Some(turn) = turn {
                self.release(workspace, task, turn, false);
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
        workspace: &WorkspaceName,
        task: TaskId,
        by: &str,
        runs: bool,
    ) -> Result<TaskHead, ActionError> {
        let writer = self.writer();
        let StoredTask { head, effects, .. } = self.loaded(workspace, task).await?;
        let head = moves::cancelled(head, runs || !effects.is_empty(), self.clock.now())?;
        let reason = format!("cancelled by {by}");
        self.moved(&writer, head.clone(), reason).await?;
        self.turns.stop(task);
        Ok(head)
    }

    async fn retry_now(
        self: &Arc<Self>,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        by: &str,
    ) -> Result<TaskHead, ActionError> {
        let History { task, journal } = self.history(workspace, task).await?;
        let step = moves::failed_step(&journal).cloned();
        let reason = match &step {
            Some(step) => format!("tried again from step `{step}` on, asked for by {by}"),
            None => format!("taken up again, asked for by {by}"),
        };
        let head = moves::retried(task.head, step, self.clock.now())?;
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
            state: head.state,
            reason,
        };
        let commit = Commit {
            head,
            data: None,
            entries: vec![entry],
        };
        self.commit(writer, commit).await
    }

    /// `None` if the task is to be open and is not.
    async fn updated(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        edits: Vec<Edit>,
        by: String,
        open: bool,
    ) -> Result<Option<TaskHead>, ActionError> {
        let (engine, workspace) = (self.clone(), workspace.clone());
        self.whole(async move {
            let writer = engine.writer();
            let before = engine.loaded(&workspace, task).await?.head.state;
            if open && before.is_final() {
                return Ok(None);
            }
            let (turn, mut stored) = engine.between_runs(&workspace, task).await?;
            let done = loop {
                if open && !moves::is_open_to(stored.head.state) {
                    break Ok(None);
                }
                let done = engine.update_now(&writer, stored, edits.clone(), by.clone());
                let done = done.await;
                match done {
                    // A subtask has ended meanwhile, which a turn does not keep from being noted.
                    Err(ActionError::Store(StoreError::Conflict { .. })) => {}
                    done => break done.map(Some),
                }
                stored = match engine.loaded(&workspace, task).await {
                    Ok(stored) => stored,
                    Err(error) => break Err(error),
                };
            };
            let wake = matches!(done, Ok(Some(_)));
            engine.release(&workspace, task, turn, wake);
            done
        })
        .await
    }

    async fn update_now(
        &self,
        writer: &TaskWriter,
        stored: StoredTask,
        edits: Vec<Edit>,
        by: String,
    ) -> Result<TaskHead, ActionError> {
        let before = data_of(&stored)?;
        let task = stored.head.id;
        let head = moves::updated(stored.head, self.clock.now())?;
        if head.version > limits::COMMITS_PER_TASK {
            return Err(ActionError::TooOften { task });
        }
        let (after, text) =
            edited(&before, edits).map_err(|error| ActionError::Edit { task, error })?;
        let changes = diff(&before, &after);
        let entry = Entry::Changed {
            at: head.updated,
            by,
            // Changes are plain JSON: there is nothing in them that could fail to serialise.
            changes: serde_json::to_string(&changes).unwrap_or_default(),
        };
        let commit = Commit {
            head: head.clone(),
            data: (!changes.is_empty()).then(|| text.into()),
            entries: vec![entry],
        };
        writer.commit(commit).await?;
        Ok(head)
    }

    pub(super) async fn loaded(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<StoredTask, ActionError> {
        let stored = self.store.load(workspace, task).await?;
        stored.ok_or_else(|| not_found(workspace, task))
    }

    pub(super) async fn history(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<History, ActionError> {
        let history = self.store.history(workspace, task).await?;
        history.ok_or_else(|| not_found(workspace, task))
    }

    /// The task when no run of it is under way, and none begins until the turn is over. A run that a
    /// crash cut short is brought to its end first: its recorded calls answer on the data they were
    /// made on.
    async fn between_runs(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<(Turn, StoredTask), ActionError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let turn = self.turns.hold_until(task, until).await;
            let turn = turn.ok_or_else(|| busy(task))?;
            let stored = match self.loaded(workspace, task).await {
                Ok(stored) if stored.effects.is_empty() || stored.head.state.is_final() => {
                    return Ok((turn, stored));
                }
                stored => stored,
            };
            self.release(workspace, task, turn, stored.is_ok());
            stored?;
            if Instant::now() >= until {
                return Err(busy(task));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Ends an action's turn; the task is taken up if it has something to do, or if a run found it
    /// taken.
    fn release(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        turn: Turn,
        has_something_to_do: bool,
    ) {
        if turn.end() || has_something_to_do {
            self.wake(workspace, task);
        }
    }
}

fn data_of(stored: &StoredTask) -> Result<Value, ActionError> {
    serde_json::from_str(&stored.data).map_err(|error| {
        let task = stored.head.id;
        StoreError::Damaged(format!("the data of task {task} is not JSON: {error}")).into()
    })
}
