//! Actions, where they are done: here with a task of this node, else by the node that owns it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answer::to_local_result;
use super::error::{PATIENCE, not_found};
use super::{ActionError, Actions, Held};
use crate::domain::data::Edit;
use crate::domain::dedup::Dedup;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::inbox::{TaskAction, TaskRequest};
use crate::domain::task::TaskHead;
use crate::engine::asker::{Answered, AskError};
use crate::store::StoreError;

/// Before a task is looked for again whose partition has just changed hands.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Actions {
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
        let action = TaskAction::Cancel;
        self.done(workspace, task, by, action).await
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
        let action = TaskAction::Retry;
        self.done(workspace, task, by, action).await
    }

    /// Changes a task's data and has it go on at once, whether it waits or was at its end. The memory of the edits is given
    /// back when this is done, also if the caller no longer waits.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::WrongState`] if it is cancelled,
    /// [`ActionError::Edit`], [`ActionError::TooManyMoves`], [`ActionError::Busy`],
    /// [`ActionError::Store`].
    pub async fn update(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        (edits, held): (Vec<Edit>, Held),
        by: String,
    ) -> Result<TaskHead, ActionError> {
        let request = TaskRequest {
            workspace: workspace.clone(),
            task,
            by,
            action: TaskAction::Update(edits),
        };
        let done = self.route(request, held).await?;
        done.ok_or_else(|| not_found(workspace, task))
    }

    /// Keeps a task for ever, or no longer than others. Nothing else of it changes.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::Busy`], [`ActionError::Store`].
    pub async fn set_kept(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        kept: bool,
    ) -> Result<TaskHead, ActionError> {
        let action = TaskAction::Keep(kept);
        self.done(workspace, task, String::new(), action).await
    }

    /// As [`Actions::update`] for a task that is not at its end; `None`, and nothing is changed, if there is no such
    /// task. One that comes to a good end while its run is waited for was open when this was asked for.
    ///
    /// The key of the delivery that asks for it becomes durable with the change.
    ///
    /// # Errors
    /// As [`Actions::update`], and [`StoreError::Duplicate`] if an earlier delivery has the key.
    pub async fn update_open(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        (edits, held): (Vec<Edit>, Held),
        by: String,
        dedup: Option<Dedup>,
    ) -> Result<Option<TaskHead>, ActionError> {
        let request = TaskRequest {
            workspace: workspace.clone(),
            task,
            by,
            action: TaskAction::Merge(edits, dedup),
        };
        self.route(request, held).await
    }

    async fn done(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        by: String,
        action: TaskAction,
    ) -> Result<TaskHead, ActionError> {
        let request = TaskRequest {
            workspace: workspace.clone(),
            task,
            by,
            action,
        };
        let done = self.route(request, None).await?;
        done.ok_or_else(|| not_found(workspace, task))
    }

    /// Does the action here, or on the node that owns the task. `None` if the task is to be open and is not.
    async fn route(
        self: &Arc<Self>,
        request: TaskRequest,
        held: Held,
    ) -> Result<Option<TaskHead>, ActionError> {
        if self.tasks.store.cluster().is_none() {
            return self.perform(request, None, held).await;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            if self.tasks.owned().owns(request.task) {
                match self.perform(request.clone(), None, held.clone()).await {
                    // Its partition has changed hands meanwhile, and nothing was done.
                    Err(ActionError::Store(StoreError::Fenced { .. }))
                        if Instant::now() < until => {}
                    done => return done,
                }
            } else {
                return self.ask(request).await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn ask(self: &Arc<Self>, request: TaskRequest) -> Result<Option<TaskHead>, ActionError> {
        let is_merge = matches!(request.action, TaskAction::Merge(..));
        // A request with the id of a task that does not exist makes no other node work.
        match self.loaded(&request.workspace, request.task).await {
            Err(ActionError::NotFound { .. }) if is_merge => return Ok(None),
            Ok(task) if is_merge && task.head.state().is_final() => return Ok(None),
            found => drop(found?),
        }
        match self.asker.ask(&request).await {
            Ok(Answered::Answer(answer)) => to_local_result(answer, &request),
            Ok(Answered::Nothing(waited)) => Err(ActionError::Unanswered {
                task: request.task,
                seconds: waited.as_secs(),
            }),
            Err(AskError::Full) => Err(ActionError::NoMemory),
            Err(AskError::Store(error)) => Err(error.into()),
        }
    }
}
