//! Keeps a task beyond its workspace's retention.

use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskHead;
use crate::engine::commit::TaskWriter;
use crate::store::Commit;

use super::{ActionError, Actions};

impl Actions {
    /// Nothing else of the task changes, also not the time from which its retention counts.
    pub(super) async fn set_kept_now(
        &self,
        writer: &TaskWriter,
        (workspace, task): (&WorkspaceName, TaskId),
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
