//! Makes tasks without a webhook.

use std::sync::Arc;

use super::{ActionError, Actions, Held};
use crate::domain::data::Edit;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::NewTask;
use crate::store::blobs::{Kept, on_disk};

impl Actions {
    /// Makes a new task of a task's data, with `edits` made to it, whose memory is held meanwhile. What happened to the original is
    /// not its history.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::Edit`], [`ActionError::Store`].
    pub async fn clone_task(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        (edits, held): (Vec<Edit>, Held),
        by: String,
    ) -> Result<TaskHead, ActionError> {
        let original = self.loaded(workspace, task).await?;
        let data = if edits.is_empty() {
            original.data
        } else {
            let edited = self.edited((workspace, task), &original.data, (edits, &held));
            edited.await?
        };
        let now = self.clock.now();
        let head = TaskHead {
            webhook: original.head.webhook,
            ..TaskHead::new(self.tasks.place(TaskId::new())?, workspace.clone(), now)
        };
        let (blobs, files) = (self.tasks.store.blobs().clone(), (task, head.id));
        let of = workspace.clone();
        let shared = on_disk(move || blobs.share(&of, files)).await?;
        let entry = Entry::State {
            at: now,
            state: TaskState::Ready,
            reason: format!("a copy of task {task}, made by {by}"),
        };
        let new = NewTask {
            head,
            data,
            entries: vec![entry],
            dedup: None,
        };
        self.create_with(new, shared).await
    }

    /// Makes a task durable and takes it up.
    ///
    /// # Errors
    /// [`ActionError::Store`].
    pub async fn create(self: &Arc<Self>, task: NewTask) -> Result<TaskHead, ActionError> {
        self.create_with(task, None).await
    }

    async fn create_with(
        self: &Arc<Self>,
        mut task: NewTask,
        mut files: Option<Kept>,
    ) -> Result<TaskHead, ActionError> {
        let actions = self.clone();
        let workspace = task.head.workspace.clone();
        self.whole(&workspace, async move {
            task.head.id = actions.tasks.place(task.head.id)?;
            let head = task.head.clone();
            files.iter_mut().for_each(Kept::begin_acceptance);
            match actions.tasks.writer().accept(task).await {
                Ok(()) => files.into_iter().for_each(Kept::stay),
                Err(error) => {
                    files.into_iter().for_each(|files| files.refuse(&error));
                    return Err(error.into());
                }
            }
            actions.dispatcher.offer(&head.workspace, head.id);
            Ok(head)
        })
        .await
    }
}
