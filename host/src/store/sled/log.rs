//! The group log: what has been acknowledged and not yet folded into the tree.
//!
//! A directory of slots, files of one size that are written over again when their groups are no
//! longer needed, so that a group costs one `pwrite` and one `fdatasync` of blocks that are there
//! already. It knows groups as bytes under a number; what is in them is the codec's.
//!
//! A slot: 32 bytes of header (magic, version, first group's number, checksum), then groups: 24
//! bytes of header (length, CRC-32 of the payload, number, seal), the payload, padding to 8
//! bytes. Numbers have no gaps. A group is synced before the next is written, so at most the very
//! last one can be torn; a torn one with a sound one behind it is damage.

mod file;
mod open;

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use self::file::{number_of, zeroed};
use super::failpoint::{FailPoint, Write};
use super::failure::io;
use super::files::{slot_name, sync_directory};
use super::frame::{self, HEADER, SLOT_HEADER};
use super::marks::Marks;
use crate::store::StoreError;

pub(super) use open::open;

/// The largest buffer that is kept for the next group, in bytes.
const KEEP: usize = 4 * 1024 * 1024;
/// Slots kept for reuse; what a burst needed beyond them is given back.
const SPARES: usize = 4;

/// A slot that is written full.
#[derive(Debug)]
struct Sealed {
    path: PathBuf,
    file: File,
    last: u64,
    bytes: u64,
}

/// The part of the log that the checkpoint shares with the committer.
pub(super) struct Slots {
    directory: PathBuf,
    slot_bytes: u64,
    sealed: Mutex<VecDeque<Sealed>>,
    spares: Mutex<Vec<(PathBuf, File)>>,
    next_name: AtomicU64,
    /// Whether the slot that is written to is to be sealed, and then up to which group it was.
    close: Mutex<Close>,
    key: [u8; 32],
    /// Bytes of sealed slots.
    bytes: AtomicU64,
    marks: Arc<Marks>,
    fail: FailPoint,
}

/// See [`Slots::close_current`].
#[derive(Debug, Default)]
enum Close {
    #[default]
    Nothing,
    Wanted,
    Done(u64),
}

/// The end of the log, where groups are appended.
pub(super) struct Tail {
    slots: Arc<Slots>,
    current: Option<Current>,
    next: u64,
    /// Behind the last group there may be a part of one that could not be written.
    torn: bool,
    /// A slot's header and a group's, then the group's payload.
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    offset: u64,
    bytes: u64,
}

impl Slots {
    /// Bytes of the log that wait to be folded.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The least number such that letting go of all groups before it leaves at most `bytes`.
    pub(super) fn cut(&self, bytes: u64) -> u64 {
        let sealed = self.sealed.lock();
        let mut left = 0;
        for slot in sealed.iter().rev() {
            left += slot.bytes;
            if left > bytes {
                return slot.last + 1;
            }
        }
        0
    }

    /// Whether [`Slots::drop_below`] would let go of anything.
    pub(super) fn has_below(&self, low: u64) -> bool {
        self.sealed
            .lock()
            .front()
            .is_some_and(|slot| slot.last < low)
    }

    /// Lets go of the slots that only have groups before `low`.
    pub(super) fn drop_below(&self, low: u64) -> Result<(), StoreError> {
        loop {
            let slot = {
                let mut sealed = self.sealed.lock();
                match sealed.front() {
                    Some(slot) if slot.last < low => sealed.pop_front(),
                    _ => return Ok(()),
                }
            };
            if let Some(slot) = slot {
                self.fail.before(Write::Drop)?;
                self.bytes.fetch_sub(slot.bytes, Ordering::Relaxed);
                self.recycle(slot.path, slot.file, slot.bytes)?;
            }
        }
    }

    /// Has the committer seal the slot that it writes to, after `wake`. To be called until it says up to
    /// which group it did.
    pub(super) fn close_current(&self, wake: impl FnOnce()) -> Option<u64> {
        let mut close = self.close.lock();
        if let Close::Done(last) = *close {
            *close = Close::Nothing;
            return Some(last);
        }
        *close = Close::Wanted;
        drop(close);
        wake();
        None
    }

    /// Whether a sealed slot has the group, or one before it.
    pub(super) fn has_up_to(&self, group: u64) -> bool {
        // A slot is sealed before the next one is written to, so none has groups of both sides.
        let sealed = self.sealed.lock();
        sealed.front().is_some_and(|slot| slot.last <= group)
    }

    /// Removes the spares, in which groups that were let go may be read yet.
    pub(super) fn scrub(&self) -> Result<(), StoreError> {
        let spares = std::mem::take(&mut *self.spares.lock());
        for (path, _) in spares {
            self.fail.before(Write::Drop)?;
            self.remove(&path)?;
        }
        self.prepare()
    }

    fn recycle(&self, path: PathBuf, file: File, bytes: u64) -> Result<(), StoreError> {
        let mut spares = self.spares.lock();
        if bytes == self.slot_bytes && spares.len() < SPARES {
            spares.push((path, file));
            return Ok(());
        }
        drop(spares);
        self.remove(&path)
    }

    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        let number = number_of(path);
        self.marks.change(|noted| {
            noted.slots.retain(|slot, _| Some(*slot) != number);
        })?;
        std::fs::remove_file(path).map_err(io("a slot of the log cannot be removed"))
    }

    /// Has the marks have the files that there are.
    fn note_all(&self) -> Result<(), StoreError> {
        let mut slots = std::collections::BTreeMap::new();
        let sealed = self.sealed.lock();
        let spares = self.spares.lock();
        let sealed = sealed.iter().map(|slot| (&slot.path, &slot.file));
        let noted = self.marks.noted().slots;
        for (path, file) in sealed.chain(spares.iter().map(|(path, file)| (path, file))) {
            let Some(number) = number_of(path) else {
                continue;
            };
            let failed = io("a slot of the log cannot be looked at");
            let bytes = file.metadata().map_err(&failed)?.len();
            if !noted.contains_key(&number) {
                // As a crash left it, it may be in memory alone.
                file.sync_all().map_err(&failed)?;
            }
            slots.insert(number, bytes);
        }
        self.marks.change(|noted| noted.slots = slots)
    }

    /// Takes what `other` has, in place of its own.
    fn take_over(&self, other: &Self) {
        *self.sealed.lock() = std::mem::take(&mut *other.sealed.lock());
        *self.spares.lock() = std::mem::take(&mut *other.spares.lock());
        let (bytes, next) = (&other.bytes, &other.next_name);
        self.bytes
            .store(bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        self.next_name
            .store(next.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether the next slot need not be made.
    pub(super) fn is_prepared(&self) -> bool {
        !self.spares.lock().is_empty()
    }

    /// Makes a spare if there is none, so that the committer need not.
    pub(super) fn prepare(&self) -> Result<(), StoreError> {
        if self.spares.lock().is_empty() {
            let spare = self.create(self.slot_bytes)?;
            self.spares.lock().push(spare);
        }
        Ok(())
    }

    /// A new slot, written full of zeros: a sync of blocks that exist is all that an append costs.
    fn create(&self, bytes: u64) -> Result<(PathBuf, File), StoreError> {
        self.fail.before(Write::Slot)?;
        let name = self.next_name.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(slot_name(name));
        let made = zeroed(&path, bytes).and_then(|file| {
            sync_directory(&self.directory)?;
            Ok(file)
        });
        let file = made.map_err(|error| {
            // What is half made would take the space that is missing.
            let _ = std::fs::remove_file(&path);
            io("a slot of the log cannot be made")(error)
        })?;
        // If that fails it stays: the marks may have it all the same.
        self.marks.change(|noted| {
            noted.slots.insert(name, bytes);
        })?;
        Ok((path, file))
    }

    /// A slot for a first group of `length` bytes.
    fn slot(&self, length: u64) -> Result<(PathBuf, File, u64), StoreError> {
        if length <= self.slot_bytes {
            let spare = self.spares.lock().pop();
            let (path, file) = match spare {
                Some(spare) => spare,
                None => self.create(self.slot_bytes)?,
            };
            return Ok((path, file, self.slot_bytes));
        }
        let (path, file) = self.create(length)?;
        Ok((path, file, length))
    }
}

impl Tail {
    /// Begins a group; its payload is what is appended to the buffer.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        if self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        self.buffer.resize(SLOT_HEADER + HEADER, 0);
        &mut self.buffer
    }

    /// Appends the group that was begun and makes it durable. After [`StoreError::Full`] the log is to
    /// be mended before the next one; after another error it must not be written again.
    pub(super) fn append(&mut self) -> Result<u64, StoreError> {
        let number = self.next;
        frame::seal_group(&mut self.buffer, &self.slots.key, number)?;
        let framed = (self.buffer.len() - SLOT_HEADER) as u64;
        let fits = self
            .current
            .as_ref()
            .is_some_and(|current| current.offset + framed <= current.bytes);
        if !fits {
            self.roll(framed)?;
        }
        let Some(current) = &mut self.current else {
            return Err(StoreError::Closed);
        };
        let at = current.offset;
        let bytes = if at == 0 {
            let header = frame::slot_header(number);
            self.buffer[..SLOT_HEADER].copy_from_slice(&header);
            &self.buffer[..]
        } else {
            &self.buffer[SLOT_HEADER..]
        };
        self.torn = true;
        self.slots.fail.before(Write::Append)?;
        current
            .file
            .write_all_at(bytes, at)
            .map_err(io("the log cannot be written"))?;
        self.slots.fail.before(Write::Sync)?;
        current
            .file
            .sync_data()
            .map_err(io("the log cannot be synced"))?;
        self.torn = false;
        current.offset += bytes.len() as u64;
        self.next += 1;
        Ok(number)
    }

    /// Overwrites, durably, what a failed [`Tail::append`] may have left: it was not acknowledged, so no
    /// later start may find it.
    pub(super) fn mend(&mut self) -> Result<(), StoreError> {
        if self.torn
            && let Some(current) = &self.current
        {
            let headers = match current.offset {
                0 => SLOT_HEADER + HEADER,
                _ => HEADER,
            };
            let zeros = [0; SLOT_HEADER + HEADER];
            self.slots.fail.before(Write::Mend)?;
            current
                .file
                .write_all_at(&zeros[..headers], current.offset)
                .and_then(|()| current.file.sync_data())
                .map_err(io("the log cannot be mended"))?;
        }
        self.torn = false;
        Ok(())
    }

    /// Seals the current slot if that is wanted.
    pub(super) fn close_if_wanted(&mut self) -> Result<(), StoreError> {
        let slots = self.slots.clone();
        let mut close = slots.close.lock();
        if !matches!(*close, Close::Wanted) || self.torn {
            return Ok(());
        }
        match self.current.take() {
            Some(current) if current.offset == 0 => {
                slots.recycle(current.path, current.file, current.bytes)?;
            }
            Some(full) => self.seal(full),
            None => {}
        }
        *close = Close::Done(self.next.saturating_sub(1));
        Ok(())
    }

    /// Has `slots` in place of those that it was opened with.
    pub(super) fn onto(self, slots: &Arc<Slots>) -> Self {
        slots.take_over(&self.slots);
        let slots = slots.clone();
        Self { slots, ..self }
    }

    /// Seals the current slot and takes another that has room for `framed` bytes.
    fn roll(&mut self, framed: u64) -> Result<(), StoreError> {
        let (path, file, bytes) = self.slots.slot(SLOT_HEADER as u64 + framed)?;
        let fresh = Current {
            path,
            file,
            offset: 0,
            bytes,
        };
        if let Some(full) = self.current.replace(fresh) {
            self.seal(full);
        }
        Ok(())
    }

    fn seal(&self, full: Current) {
        self.slots.bytes.fetch_add(full.bytes, Ordering::Relaxed);
        self.slots.sealed.lock().push_back(Sealed {
            path: full.path,
            file: full.file,
            last: self.next - 1,
            bytes: full.bytes,
        });
    }
}
