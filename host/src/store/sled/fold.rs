//! Folds tasks into the tree: records, pieces of journals, index keys.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use sled::Batch;

use super::codec::{self, Record, VERSION, damaged};
use super::disk::{Disk, HEADER, PIECE, envelope, failed};
use super::failpoint::Write;
use super::overlay::Open;
use super::{Shared, keys};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::store::StoreError;

/// Writes tasks into the tree, with the buffers that it needs for it.
#[derive(Default)]
pub(super) struct Folder {
    record: Vec<u8>,
    /// The last key of [`keys::done`] that was written.
    noted: Vec<u8>,
}

impl Folder {
    pub(super) fn fold(&mut self, shared: &Shared, chunk: &[Arc<Open>]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let mut batched = false;
        {
            let disk = shared.disk.read();
            let disk = disk.as_ref().ok_or(StoreError::Closed)?;
            for open in chunk {
                if open.head.state == TaskState::Done {
                    self.note_done(disk, open)?;
                }
                if let Some(key) = self.encode(disk, open, &mut batch)? {
                    // One key is atomic by itself, and in order it is cheaper than in a batch.
                    shared.settings.fail.before(Write::Fold)?;
                    disk.db
                        .insert(key, self.record.as_slice())
                        .map_err(failed)?;
                } else {
                    batched = true;
                }
            }
        }
        if batched {
            let disk = shared.disk.write();
            let disk = disk.as_ref().ok_or(StoreError::Closed)?;
            shared.settings.fail.before(Write::Fold)?;
            disk.db.apply_batch(batch).map_err(failed)?;
        }
        Ok(())
    }

    /// Begins a record in the envelope of a value of one piece.
    fn begin(&mut self) {
        self.record.clear();
        self.record.extend_from_slice(&envelope(0));
    }

    /// Notes that there is a task that is done among those of about its age. What is noted and is
    /// not so costs a look; what is so and not noted would be lost, so this comes first.
    fn note_done(&mut self, disk: &Disk, open: &Open) -> Result<(), StoreError> {
        let key = keys::done(&open.head.workspace, open.head.id);
        if self.noted != key {
            disk.db.insert(&key, &[]).map_err(failed)?;
            self.noted = key;
        }
        Ok(())
    }

    /// The one key that folding `open` takes, its value being in `record`, or `None` if it took
    /// several, which are in `batch`.
    fn encode(
        &mut self,
        disk: &Disk,
        open: &Open,
        batch: &mut Batch,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (workspace, id) = (&open.head.workspace, open.head.id);
        let key = keys::task(workspace, id);
        let old = if open.folded {
            disk.get_long(&key)?
        } else {
            None
        };
        let old_record = old.as_deref().map(Record::decode).transpose()?;
        let found = old_record.as_ref().map_or(0, |old| old.fixed.count);
        if found != open.base || open.folded != old_record.is_some() {
            return Err(damaged(
                "a task's record",
                &format!(
                    "task {id} has {found} journal entries where {} were",
                    open.base
                ),
            ));
        }
        let data = match (&open.data, &old_record) {
            (Some(data), _) => data,
            (None, Some(old)) => old.data()?,
            (None, None) => return Err(damaged("a task's data", "it is nowhere")),
        };
        let old_journal = old_record.as_ref().map_or(&[][..], |old| old.journal);
        let streamed = old_record.as_ref().map_or(0, |old| old.fixed.streamed);
        let numbers = (open.count, open.settled, streamed);
        // What has pieces already goes on there, so that a record does not grow with its journal.
        let journal = if old_journal.is_empty() {
            Cow::Borrowed(&open.entries)
        } else {
            Cow::Owned([old_journal, &open.entries].concat())
        };
        self.begin();
        codec::encode_record(&mut self.record, &open.head, numbers, data, &journal)?;
        if streamed > 0 || self.record.len() > PIECE {
            self.begin();
            let numbers = (open.count, open.settled, streamed + journal.len() as u64);
            codec::encode_record(&mut self.record, &open.head, numbers, data, &[])?;
            let mut at = streamed;
            for piece in journal.chunks(PIECE - 1) {
                let value = [&[VERSION], piece].concat();
                batch.insert(keys::journal(workspace, id, at), value);
                at += piece.len() as u64;
            }
        } else if !open.folded && open.head.state == TaskState::Done {
            return Ok(Some(key));
        }
        let further = old.as_ref().map_or(0, super::disk::Long::further);
        Disk::put_long(batch, &key, &self.record[HEADER..], further)?;
        let now = index_keys(workspace, id, open.head.state, open.head.wake_at);
        if let Some(old) = &old_record {
            let wake_at = (old.fixed.wake_at != Millis::MAX).then_some(old.fixed.wake_at);
            let before = index_keys(workspace, id, old.fixed.state, wake_at);
            for key in before.difference(&now) {
                batch.remove(key.as_slice());
            }
        }
        for key in now {
            batch.insert(key, &[]);
        }
        Ok(None)
    }
}

/// The index keys of a task in `state`.
fn index_keys(
    workspace: &WorkspaceName,
    id: TaskId,
    state: TaskState,
    wake_at: Option<Millis>,
) -> HashSet<Vec<u8>> {
    let mut index = HashSet::new();
    match state {
        TaskState::Ready => {
            index.insert(keys::ready(workspace, id));
        }
        TaskState::Done => {}
        state => {
            index.insert(keys::state(workspace, state, id));
        }
    }
    if let Some(due_at) = state.due_at(wake_at) {
        index.insert(keys::waiting(due_at, workspace, id));
    }
    index
}
