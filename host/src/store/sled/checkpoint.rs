//! The thread that folds tasks into the tree, in key order and many at once, and lets go of the
//! log behind them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use sled::Batch;

use super::change::Mark;
use super::codec::{self, Record, VERSION, damaged};
use super::disk::{Disk, HEADER, PIECE, envelope, failed};
use super::failpoint::Write;
use super::overlay::{Open, Overlay};
use super::{Shared, keys};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::store::StoreError;

/// Tasks folded between two looks at the overlay, and bytes of them, roughly. It bounds how long
/// readers of several keys wait.
const CHUNK: usize = 64;
/// See [`CHUNK`].
const CHUNK_BYTES: usize = 512 * 1024;

/// Runs until the store stops.
pub(super) fn run(shared: &Shared) {
    while !shared.stopped() {
        {
            let mut wanted = shared.wanted.lock();
            if !*wanted {
                match shared.settings.checkpoint_every {
                    Some(every) => {
                        shared.want.wait_for(&mut wanted, every);
                    }
                    None => shared.want.wait(&mut wanted),
                }
            }
            *wanted = false;
        }
        if shared.stopped() {
            break;
        }
        if let Err(error) = checkpoint(shared) {
            shared.fail(&error);
        }
    }
}

/// Folds every task that came to rest, and the oldest others if memory or log are past their
/// bounds; then lets go of the log that nobody needs.
pub(super) fn checkpoint(shared: &Shared) -> Result<(), StoreError> {
    checkpoint_with(shared, |overlay| surplus(shared, overlay))
}

/// [`checkpoint`], with a say in which tasks are folded although they are not at rest.
pub(super) fn checkpoint_with(
    shared: &Shared,
    surplus: impl FnOnce(&Overlay) -> Vec<(WorkspaceName, TaskId)>,
) -> Result<(), StoreError> {
    let _one = shared.checkpointing.lock();
    if shared.stopped() {
        return Err(StoreError::Closed);
    }
    let rested = shared.overlay.write().take_rested();
    fold(shared, rested, false)?;
    let surplus = surplus(&shared.overlay.read());
    if !surplus.is_empty() {
        fold(shared, surplus, true)?;
    }
    let mark = {
        let overlay = shared.overlay.read();
        Mark {
            low: overlay.low(),
            last: overlay.applied,
        }
    };
    if shared.slots.has_below(mark.low) {
        shared.with_disk(|disk| {
            shared.settings.fail.before(Write::Mark)?;
            // After the folds in sled's own log, so it cannot be durable without them.
            disk.db.insert(keys::MARK, mark.encode()).map_err(failed)?;
            disk.flush()
        })?;
        shared.slots.drop_below(mark.low)?;
    }
    shared.slots.prepare()?;
    shared.room.notify_waiters();
    Ok(())
}

/// The tasks to fold although they are not at rest: those that the log is kept for longest.
fn surplus(shared: &Shared, overlay: &Overlay) -> Vec<(WorkspaceName, TaskId)> {
    let settings = &shared.settings;
    let too_much = overlay.bytes() > settings.overlay_bytes;
    let too_long = shared.slots.bytes() > settings.log_bytes;
    if !too_much && !too_long {
        return Vec::new();
    }
    let cut = if too_long {
        shared.slots.cut(settings.log_bytes / 2)
    } else {
        0
    };
    let mut left = overlay.bytes();
    let mut all: Vec<_> = overlay
        .all()
        .map(|(first, workspace, id, bytes)| (first, workspace.clone(), id, bytes))
        .collect();
    all.sort_unstable();
    let mut surplus = Vec::new();
    for (first, workspace, id, bytes) in all {
        if first >= cut && (!too_much || left <= settings.overlay_bytes / 2) {
            break;
        }
        left -= bytes.min(left);
        surplus.push((workspace, id));
    }
    surplus.sort_unstable();
    surplus
}

fn fold(
    shared: &Shared,
    tasks: Vec<(WorkspaceName, TaskId)>,
    also_ready: bool,
) -> Result<(), StoreError> {
    let mut tasks = tasks.into_iter().peekable();
    let mut writer = Folder::default();
    while tasks.peek().is_some() {
        let mut chunk: Vec<Arc<Open>> = Vec::with_capacity(CHUNK);
        {
            let overlay = shared.overlay.read();
            let mut bytes = 0;
            while chunk.len() < CHUNK
                && bytes < CHUNK_BYTES
                && let Some((workspace, id)) = tasks.next()
            {
                if let Some(open) = overlay.get(&workspace, id)
                    && (also_ready || open.head.state != TaskState::Ready)
                {
                    bytes += open.bytes();
                    chunk.push(open.clone());
                }
            }
        }
        if shared.stopped() {
            return Err(StoreError::Closed);
        }
        writer.fold(shared, &chunk)?;
        let mut gone = Vec::with_capacity(chunk.len());
        {
            let mut overlay = shared.overlay.write();
            for open in &chunk {
                gone.extend(overlay.folded(open));
            }
            shared.measure(&overlay);
        }
        if shared.has_room() {
            shared.room.notify_waiters();
        }
    }
    Ok(())
}

/// Writes tasks into the tree, with the buffers that it needs for it.
#[derive(Default)]
struct Folder {
    record: Vec<u8>,
    /// The last key of [`keys::done`] that was written.
    noted: Vec<u8>,
}

impl Folder {
    fn fold(&mut self, shared: &Shared, chunk: &[Arc<Open>]) -> Result<(), StoreError> {
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
