//! Keeps a task beyond its workspace's retention.

use std::sync::Arc;

use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskHead;
use crate::engine::commit::TaskWriter;
use crate::store::Commit;

use super::{ActionError, Actions};

impl Actions {
    /// Keeps a task for ever, or no longer. Nothing else of it changes, also not the time from which
    /// its retention counts.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::Busy`], [`ActionError::Store`].
    pub async fn set_kept(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        kept: bool,
    ) -> Result<TaskHead, ActionError> {
        let (actions, workspace) = (self.clone(), workspace.clone());
        self.whole(async move {
            let writer = actions.tasks.writer();
            let keep = || actions.set_kept_now(&writer, &workspace, task, kept);
            actions
                .moved_between_runs(&workspace, task, false, keep)
                .await
        })
        .await
    }

    async fn set_kept_now(
        &self,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        kept: bool,
    ) -> Result<TaskHead, ActionError> {
        let mut head = self.loaded(workspace, task).await?.head;
        if head.kept != kept {
            head.version += 1;
            head.kept = kept;
            let commit = Commit {
                head: head.clone(),
                data: None,
                entries: Vec::new(),
            };
            writer.commit(commit).await?;
        }
        Ok(head)
    }
}
