//! Keeps a task beyond its workspace's retention.

use std::sync::Arc;

use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskHead;
use crate::engine::commit::TaskWriter;
use crate::engine::{ActionError, Engine};
use crate::store::{Commit, StoreError};

impl Engine {
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
        let (engine, workspace) = (self.clone(), workspace.clone());
        self.whole(async move {
            let writer = engine.writer();
            engine.loaded(&workspace, task).await?;
            let (turn, _) = engine.between_runs(&workspace, task).await?;
            let done = loop {
                match engine.set_kept_now(&writer, &workspace, task, kept).await {
                    // A subtask has ended meanwhile, which a turn does not keep from being noted.
                    Err(ActionError::Store(StoreError::Conflict { .. })) => {}
                    done => break done,
                }
            };
            engine.release(&workspace, task, turn, false);
            done
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
