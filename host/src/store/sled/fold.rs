//! Folds tasks into the tree and the archive: records, pieces of journals, index keys.

use std::collections::HashSet;
use std::sync::Arc;

use sled::Batch;

use super::archive::{self, Place};
use super::checked;
use super::codec::damaged;
use super::disk::Disk;
use super::failpoint::Write;
use super::failure::from_sled;
use super::long::{self, HEADER, Long, PIECE};
use super::overlay::OverlayTask;
use super::shapes::record::{Record, encode_record};
use super::terms::{self, Digests};
use super::{Shared, keys, pieces, places};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::StoreError;

/// Places that are put into the tree in one go. It bounds how long readers of several keys wait.
const PLACES: usize = 256;

/// Writes tasks from the overlay into the tree and the archive, with reused buffers.
#[derive(Default)]
pub(super) struct Folder {
    record: Vec<u8>,
    /// The last key of [`keys::done`] that was written.
    noted: Vec<u8>,
    /// Tasks whose records were appended to the archive, in the order of their keys. Until
    /// [`Folder::place`] no look-up finds them there.
    archived: Vec<(Arc<OverlayTask>, Place)>,
}

impl Folder {
    /// Folds tasks, which are in the order of their keys, and gives those that the tree has now.
    pub(super) fn fold(
        &mut self,
        shared: &Shared,
        chunk: Vec<Arc<OverlayTask>>,
    ) -> Result<Vec<Arc<OverlayTask>>, StoreError> {
        let mut batch = Batch::default();
        let mut in_tree: Vec<Arc<OverlayTask>> = Vec::new();
        {
            for open in chunk {
                let is_ahead = pieces::put_ahead(shared, &open)?;
                let place = shared.with_disk(|disk| {
                    let is_done = self.encode(disk, (&open, is_ahead), &mut batch)?;
                    let append = || disk.archive.append(&self.record, open.head.updated);
                    is_done.then(append).transpose()
                })?;
                match place {
                    Some(place) => self.archived.push((open, place)),
                    None => in_tree.push(open),
                }
            }
            shared.with_disk(|disk| leave_archive(disk, &in_tree, &mut batch))?;
        }
        if !in_tree.is_empty() {
            let disk = shared.disk.write();
            let disk = disk.as_ref().ok_or_else(|| shared.without_disk())?;
            shared.settings.fail.before(Write::Fold)?;
            disk.db.apply_batch(batch).map_err(from_sled)?;
        }
        Ok(in_tree)
    }

    /// Makes the archive's new records durable and has the tree point to them; only then they leave
    /// the overlay.
    pub(super) fn place(&mut self, shared: &Shared) -> Result<(), StoreError> {
        if self.archived.is_empty() {
            return Ok(());
        }
        shared.with_disk(|disk| disk.archive.sync())?;
        let of_one = |(a, _): &(Arc<OverlayTask>, Place), (b, _): &(Arc<OverlayTask>, Place)| {
            a.head.workspace == b.head.workspace
        };
        for part in self
            .archived
            .chunk_by(of_one)
            .flat_map(|one| one.chunks(PLACES))
        {
            let Some((first, _)) = part.first() else {
                continue;
            };
            let new: Vec<_> = part
                .iter()
                .map(|(open, place)| (open.head.id, *place, Digests::of(&open.head)))
                .collect();
            {
                let disk = shared.disk.write();
                let disk = disk.as_ref().ok_or_else(|| shared.without_disk())?;
                let mut batch = Batch::default();
                places::insert(disk, &first.head.workspace, &new, &mut batch)?;
                shared.settings.fail.before(Write::Fold)?;
                disk.db.apply_batch(batch).map_err(from_sled)?;
            }
            let mut gone = Vec::with_capacity(part.len());
            {
                let mut overlay = shared.overlay.write();
                gone.extend(part.iter().filter_map(|(open, _)| overlay.archived(open)));
                shared.measure(&overlay);
            }
            if shared.has_room() {
                shared.room.notify_waiters();
            }
        }
        self.archived.clear();
        Ok(())
    }

    /// Notes that there is a finished task in the task's range of ids. A note without a task costs a look-up;
    /// a task without a note would never be found, so the note is written first.
    fn note_done(&mut self, disk: &Disk, open: &OverlayTask) -> Result<(), StoreError> {
        let key = keys::done(&open.head.workspace, open.head.id);
        if self.noted != key {
            disk.db.insert(&key, &[]).map_err(from_sled)?;
            self.noted = key;
        }
        Ok(())
    }

    /// Leaves a task's record in `record` and is true if that is for the archive; else puts what folding
    /// the task takes into `batch`. `is_ahead`: the tree has the pieces of its journal, by [`pieces::put_ahead`].
    fn encode(
        &mut self,
        disk: &Disk,
        (open, is_ahead): (&OverlayTask, bool),
        batch: &mut Batch,
    ) -> Result<bool, StoreError> {
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
        let journal = || std::iter::once(old_journal).chain(open.entries.iter());
        let length = old_journal.len() + open.entries.len();
        self.record.clear();
        encode_record(&mut self.record, &open.head, numbers, data)?;
        let whole = self.record.len() + length;
        if open.head.state() == TaskState::Done {
            if !open.folded && whole <= archive::LONGEST {
                journal().for_each(|part| self.record.extend_from_slice(part));
                return Ok(true);
            }
            self.note_done(disk, open)?;
        }
        // A journal that has pieces already continues in pieces, so that a record does not grow with its journal.
        if streamed > 0 || is_ahead || whole + HEADER > PIECE {
            self.record.clear();
            let numbers = (open.count, open.settled, streamed + length as u64);
            encode_record(&mut self.record, &open.head, numbers, data)?;
            if !is_ahead {
                pieces::each_new((workspace, id), streamed, journal(), |key, stored| {
                    batch.insert(key, stored);
                    Ok(())
                })?;
            }
        } else {
            journal().for_each(|part| self.record.extend_from_slice(part));
        }
        let further = old.as_ref().map_or(0, Long::further);
        long::put(batch, &key, &self.record, further)?;
        let now = index_keys(workspace, id, open.head.state(), open.head.wake_at());
        if let Some(old) = &old_record {
            let wake_at = (old.fixed.wake_at != Millis::MAX).then_some(old.fixed.wake_at);
            let before = index_keys(workspace, id, old.fixed.state, wake_at);
            for key in before.difference(&now) {
                batch.remove(key.as_slice());
            }
        }
        let found_by = terms::encode([Digests::of(&open.head)]);
        for key in now {
            let is_due = key.starts_with(keys::WAITING);
            let value = match is_due {
                true => Vec::new(),
                false => checked::seal(&key, &found_by),
            };
            batch.insert(key, value);
        }
        Ok(false)
    }
}

/// Has `batch` remove the places of tasks that were in the archive and are in the tree now, so that what
/// is left of them there is given back.
fn leave_archive(
    disk: &Disk,
    in_tree: &[Arc<OverlayTask>],
    batch: &mut Batch,
) -> Result<(), StoreError> {
    let archived = in_tree.iter().filter(|open| open.archived);
    let archived: Vec<&TaskHead> = archived.map(|open| &open.head).collect();
    for one in archived.chunk_by(|a, b| a.workspace == b.workspace) {
        let ids = one.iter().map(|head| head.id).collect();
        if let Some(head) = one.first() {
            places::remove(disk, &head.workspace, &ids, batch)?;
        }
    }
    Ok(())
}

/// The index keys of a task in `state`.
pub(super) fn index_keys(
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
