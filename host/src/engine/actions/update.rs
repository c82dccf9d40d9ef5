//! Changes a task's data. The values of large data are a hundred times their text, so memory for them is taken before
//! they are made, they are made on threads that may block, and dropped before the change is written.

use std::sync::Arc;

use super::edits::{Held, HeldMemory, Made, SMALL, SMALL_VALUES, Update, change, held_bytes};
use super::error::ActionError;
use super::{Actions, Origin, moves};
use crate::domain::data::{Edit, memory_estimate};
use crate::domain::dedup::Dedup;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::limits;
use crate::domain::task::{StoredTask, TaskHead};
use crate::engine::commit::TaskWriter;
use crate::store::{Commit, StoreError, Transaction};

impl Actions {
    /// Memory for the values of a JSON text, to be held until what is made of them is done: see [`Held`].
    ///
    /// # Errors
    /// [`ActionError::NoMemory`] if there is none for the workspace within two seconds.
    pub async fn memory_for(
        &self,
        workspace: &WorkspaceName,
        text: &[u8],
    ) -> Result<Held, ActionError> {
        if text.len() <= SMALL {
            return Ok(None);
        }
        let bytes = memory_estimate(&String::from_utf8_lossy(text));
        let body = limits::BODY_COPIES * text.len() as u64;
        let values = self.memory.take(workspace, bytes, body).await;
        let values = values.ok_or(ActionError::NoMemory)?;
        Ok(Some(Arc::new(HeldMemory { values, body })))
    }

    /// `None` if the task is to be open, for a delivery with that key or none, and is not.
    pub(super) async fn updated(
        self: &Arc<Self>,
        (workspace, task): (&WorkspaceName, TaskId),
        update: Update,
        origin: &Origin,
        open: Option<Option<Dedup>>,
    ) -> Result<Option<TaskHead>, ActionError> {
        let writer = self.writer(task, origin);
        let before = self.loaded(workspace, task).await?.head.state();
        if open.is_some() && before.is_final() {
            return Ok(None);
        }
        let (lock, mut stored) = self.between_runs(workspace, task).await?;
        let done = loop {
            if open.is_some() && !moves::is_open_to(stored.head.state()) {
                break Ok(None);
            }
            let done = self.update_now(&writer, stored, (&update, open.flatten()));
            match done.await {
                // A subtask has ended meanwhile, which the lock does not keep from being noted.
                Err(ActionError::Store(StoreError::Conflict { .. })) => {}
                done => break done.map(Some),
            }
            stored = match self.loaded(workspace, task).await {
                Ok(stored) => stored,
                Err(error) => break Err(error),
            };
        };
        let wake = matches!(done, Ok(Some(_)));
        self.release(workspace, task, lock, wake);
        done
    }

    async fn update_now(
        &self,
        writer: &TaskWriter,
        stored: StoredTask,
        (update, dedup): (&Update, Option<Dedup>),
    ) -> Result<TaskHead, ActionError> {
        let task = stored.head.id;
        let head = moves::updated(stored.head, self.clock.now())?;
        if head.version > limits::COMMITS_PER_TASK || stored.journal > limits::JOURNAL_BYTES {
            return Err(ActionError::TooManyMoves { task });
        }
        let whose = (&head.workspace, task);
        let made = self.made(whose, &stored.data, update).await?;
        let entry = Entry::Changed {
            at: head.updated,
            by: update.by.clone(),
            changes: made.changes,
        };
        let commit = Commit {
            head: head.clone(),
            data: made.text,
            entries: vec![entry],
        };
        match dedup {
            None => writer.commit(commit).await?,
            Some(dedup) => {
                let changes = Transaction {
                    commits: vec![commit],
                    dedup: vec![(task, dedup)],
                    ..Transaction::default()
                };
                writer.transact(changes).await?;
            }
        }
        Ok(head)
    }

    /// What the update makes of a task's data.
    async fn made(
        &self,
        (workspace, task): (&WorkspaceName, TaskId),
        data: &Arc<str>,
        update: &Update,
    ) -> Result<Made, ActionError> {
        let work = {
            let (data, edits) = (data.clone(), update.edits.clone());
            move || change((task, &data), edits.to_vec())
        };
        if data.len() <= SMALL && update.bytes <= SMALL_VALUES {
            return work();
        }
        // The data before and after, and both sides of what differs.
        let bytes = 3 * memory_estimate(data) + 2 * update.bytes;
        let room = self.memory.take(workspace, bytes, update.beside).await;
        let room = room.ok_or(ActionError::NoMemory)?;
        let changing = move || {
            let _room = room;
            work()
        };
        self.pool.run_for(workspace, changing).await
    }

    /// A task's data with edits made to it, as text.
    pub(super) async fn edited(
        &self,
        whose: (&WorkspaceName, TaskId),
        data: &Arc<str>,
        (edits, held): (Vec<Edit>, &Held),
    ) -> Result<Arc<str>, ActionError> {
        let update = Update::new(edits, "", held_bytes(held));
        let made = self.made(whose, data, &update).await?;
        Ok(made.text.unwrap_or_else(|| data.clone()))
    }
}
