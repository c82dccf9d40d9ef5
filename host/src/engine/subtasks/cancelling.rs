//! Subtasks that are cancelled with their parent.

use super::Subtasks;
use super::decide::cancelled;
use crate::domain::ids::TaskId;
use crate::domain::task::{TaskHead, TaskState};
use crate::engine::commit::TaskWriter;
use crate::store::StoreError;

impl Subtasks {
    /// Whether a subtask is to be cancelled because its parent was.
    pub(in crate::engine) async fn is_orphan(
        &self,
        writer: &TaskWriter,
        head: &TaskHead,
    ) -> Result<bool, StoreError> {
        let Some(parent) = &head.parent else {
            return Ok(false);
        };
        let parent = self.tasks.store.load(&head.workspace, parent.task).await?;
        if parent.is_none_or(|parent| parent.head.state() != TaskState::Cancelled) {
            return Ok(false);
        }
        match writer.commit(cancelled(head, self.clock.now())).await {
            Ok(()) => self.cancel_children(writer, head).await?,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Cancels the open subtasks of a task that was cancelled, and theirs. A crash before the end
    /// leaves some: each looks at its parent before its next run.
    pub(super) async fn cancel_children(
        &self,
        writer: &TaskWriter,
        head: &TaskHead,
    ) -> Result<(), StoreError> {
        let workspace = &head.workspace;
        let mut open: Vec<TaskId> = head.children.iter().map(|child| child.id).collect();
        while let Some(id) = open.pop() {
            // Until it stands still for a moment.
            while let Some(task) = self.tasks.store.load(workspace, id).await? {
                if task.head.state().is_final() {
                    break;
                }
                let end = cancelled(&task.head, self.clock.now());
                match writer.commit(end).await {
                    Ok(()) => {
                        self.locks.stop(id);
                        open.extend(task.head.children.iter().map(|child| child.id));
                        break;
                    }
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}
