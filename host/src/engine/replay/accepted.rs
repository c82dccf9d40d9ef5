//! A task's data as it came in.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use super::past::Past;
use super::{REPLAY_BYTES, Replayer};
use crate::domain::data::{VIA, memory_estimate};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::engine::actions::{ActionError, history};
use crate::engine::tasks::document;
use crate::store::{History, StoreError};

/// A task's data before its first run.
#[derive(Debug)]
pub struct AsAccepted {
    /// The JSON text of the data without `$via`.
    pub text: Arc<str>,
    /// How the task came in, if its data say so.
    pub via: Option<Value>,
}

impl Replayer {
    /// A task's data as it came in: every change of the journal taken back, as its workspace's work and with memory of it.
    ///
    /// # Errors
    /// [`ActionError::NotFound`], [`ActionError::NoMemory`], [`ActionError::Store`].
    pub async fn as_accepted(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<AsAccepted, ActionError> {
        let (replayer, of) = (self.clone(), workspace.clone());
        let reading = async move { replayer.as_accepted_here(&of, task).await };
        let reading = self.workers.run(workspace, Box::pin(reading));
        let read = AbortOnDropHandle::new(reading).await;
        read.unwrap_or(Err(StoreError::Closed.into()))
    }

    async fn as_accepted_here(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<AsAccepted, ActionError> {
        let busy = |_| ActionError::NoMemory;
        let memory = self.memory.take(workspace, REPLAY_BYTES).map_err(busy)?;
        let bytes = self.history_bytes(workspace, task, 2).await?;
        memory.grow(bytes).map_err(busy)?;
        let History {
            task: stored,
            journal,
        } = history(&self.tasks, workspace, task).await?;
        let mut past = Past::new(task, document(stored.data)?.to_value(), &memory);
        for entry in journal.iter().rev() {
            past.take_back(entry)?;
            // A change of large data takes milliseconds.
            tokio::task::yield_now().await;
        }
        let mut data = past.into_data();
        let via = data.as_object_mut().and_then(|data| data.shift_remove(VIA));
        Ok(AsAccepted {
            text: data.to_string().into(),
            via,
        })
    }

    /// Roughly the memory of a task's journal, as it is stored and decoded, and of its data as they are so many times as
    /// values.
    pub(super) async fn history_bytes(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        copies: u64,
    ) -> Result<u64, StoreError> {
        let stored = self.tasks.store.load(workspace, task).await?;
        let bytes = stored.map_or(0, |stored| {
            2 * stored.journal + copies * memory_estimate(&stored.data)
        });
        // More than a workspace can ever have is not asked for.
        Ok(bytes.min(self.memory.most().saturating_sub(REPLAY_BYTES)))
    }
}
