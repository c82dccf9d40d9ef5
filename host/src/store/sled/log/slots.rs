//! The files of the log beside the one that is written to: those that are full, and spares.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use super::super::failpoint::{FailPoint, Write};
use super::super::failure::{io, is_passing, is_short};
use super::super::files::{slot_name, sync_directory};
use super::super::marks::Marks;
use super::file::{number_of, zeroed};
use crate::store::StoreError;

/// Slots kept for reuse; what a burst needed beyond them is given back.
const SPARES: usize = 4;
/// Spares that are made ahead once one is used: the committer must not make one, as all changes would wait for it.
const AHEAD: usize = 2;

/// A slot that is not written to any more: it is full, or its closing was wanted.
#[derive(Debug)]
pub(super) struct ClosedSlot {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) last: u64,
    pub(super) bytes: u64,
}

/// The part of the log that the checkpoint shares with the committer.
pub(in super::super) struct Slots {
    pub(in super::super) directory: PathBuf,
    pub(super) slot_bytes: u64,
    pub(super) closed: Mutex<VecDeque<ClosedSlot>>,
    pub(super) spares: Mutex<Vec<(PathBuf, File)>>,
    pub(super) next_name: AtomicU64,
    /// Whether the slot that is written to is to be closed, and then up to which group it was.
    pub(super) close: Mutex<Close>,
    pub(super) key: [u8; 32],
    /// Bytes of closed slots.
    pub(super) bytes: AtomicU64,
    pub(super) marks: Arc<Marks>,
    pub(super) fail: FailPoint,
    /// Held while [`Slots::make_ahead`] makes one, and while the log is opened again, which finds what is in the
    /// directory.
    pub(in super::super) making: Mutex<()>,
    /// Whether [`Slots::make_ahead`] is to look whether there are enough spares.
    pub(super) is_used: Mutex<bool>,
    pub(super) used: Condvar,
}

/// See [`Slots::close_current`].
#[derive(Debug, Default)]
pub(super) enum Close {
    #[default]
    Nothing,
    Wanted,
    Done(u64),
}

impl Slots {
    /// Bytes of the log that wait to be folded.
    pub(in super::super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The least number such that letting go of all groups before it leaves at most `bytes`.
    pub(in super::super) fn cut(&self, bytes: u64) -> u64 {
        let closed = self.closed.lock();
        let mut left = 0;
        for slot in closed.iter().rev() {
            left += slot.bytes;
            if left > bytes {
                return slot.last + 1;
            }
        }
        0
    }

    /// Whether [`Slots::drop_below`] would let go of anything.
    pub(in super::super) fn has_below(&self, low: u64) -> bool {
        self.closed
            .lock()
            .front()
            .is_some_and(|slot| slot.last < low)
    }

    /// Lets go of the slots that only have groups before `low`.
    pub(in super::super) fn drop_below(&self, low: u64) -> Result<(), StoreError> {
        loop {
            let slot = {
                let mut closed = self.closed.lock();
                match closed.front() {
                    Some(slot) if slot.last < low => closed.pop_front(),
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

    /// Has the committer close the slot that it writes to, after `wake`. To be called until it says up to
    /// which group it did.
    pub(in super::super) fn close_current(&self, wake: impl FnOnce()) -> Option<u64> {
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

    /// Whether a closed slot has the group, or one before it.
    pub(in super::super) fn has_up_to(&self, group: u64) -> bool {
        // A slot is closed before the next one is written to, so none has groups of both sides.
        let closed = self.closed.lock();
        closed.front().is_some_and(|slot| slot.last <= group)
    }

    /// Removes the spares, in which groups that were let go may be read yet.
    pub(in super::super) fn scrub(&self) -> Result<(), StoreError> {
        let spares = std::mem::take(&mut *self.spares.lock());
        for (path, _) in spares {
            self.fail.before(Write::Drop)?;
            self.remove(&path)?;
        }
        self.prepare()
    }

    pub(super) fn recycle(&self, path: PathBuf, file: File, bytes: u64) -> Result<(), StoreError> {
        let mut spares = self.spares.lock();
        if bytes == self.slot_bytes && spares.len() < SPARES {
            spares.push((path, file));
            return Ok(());
        }
        drop(spares);
        self.remove(&path)
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), StoreError> {
        let number = number_of(path);
        self.marks.change(|noted| {
            noted.slots.retain(|slot, _| Some(*slot) != number);
        })?;
        std::fs::remove_file(path).map_err(io("a slot of the log cannot be removed"))
    }

    /// Has the marks have the files that there are.
    pub(super) fn note_all(&self) -> Result<(), StoreError> {
        let mut slots = std::collections::BTreeMap::new();
        let closed = self.closed.lock();
        let spares = self.spares.lock();
        let closed = closed.iter().map(|slot| (&slot.path, &slot.file));
        let noted = self.marks.noted().slots;
        for (path, file) in closed.chain(spares.iter().map(|(path, file)| (path, file))) {
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
    pub(super) fn take_over(&self, other: &Self) {
        *self.closed.lock() = std::mem::take(&mut *other.closed.lock());
        *self.spares.lock() = std::mem::take(&mut *other.spares.lock());
        let (bytes, next) = (&other.bytes, &other.next_name);
        self.bytes
            .store(bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        self.next_name
            .store(next.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether the next slot need not be made.
    pub(in super::super) fn is_prepared(&self) -> bool {
        !self.spares.lock().is_empty()
    }

    /// Makes spares ahead whenever one was used, as long as `goes_on`; not while there is no room by `has_room`. For a
    /// thread of its own: a checkpoint may take seconds.
    pub(in super::super) fn make_ahead(
        &self,
        goes_on: impl Fn() -> bool,
        has_room: impl Fn() -> bool,
    ) {
        while goes_on() {
            let mut is_used = self.is_used.lock();
            self.used.wait_while(&mut is_used, |is_used| !*is_used);
            *is_used = false;
            drop(is_used);
            loop {
                let _making = self.making.lock();
                if !goes_on() || !has_room() || self.spares.lock().len() >= AHEAD {
                    break;
                }
                // If it fails, the committer makes the one that it needs, or says why it cannot.
                match self.create(self.slot_bytes) {
                    Ok(spare) => self.spares.lock().push(spare),
                    Err(error) if is_passing(&error) => break,
                    // A file that could not be noted stays; no more of these are made.
                    Err(_) => return,
                }
            }
        }
    }

    /// Has [`Slots::make_ahead`] look again.
    pub(in super::super) fn wake_maker(&self) {
        *self.is_used.lock() = true;
        self.used.notify_all();
    }

    /// Makes a spare if there is none, so that the committer need not.
    pub(in super::super) fn prepare(&self) -> Result<(), StoreError> {
        if self.spares.lock().is_empty() {
            let spare = self.create(self.slot_bytes)?;
            self.spares.lock().push(spare);
        }
        Ok(())
    }

    /// A new slot, written full of zeros: a sync of blocks that exist is all that an append costs.
    pub(super) fn create(&self, bytes: u64) -> Result<(PathBuf, File), StoreError> {
        self.fail.before(Write::Slot)?;
        let name = self.next_name.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(slot_name(name));
        let made = zeroed(&path, bytes).and_then(|file| {
            sync_directory(&self.directory)?;
            Ok(file)
        });
        let file = made.map_err(|error| {
            // A half made slot would take the space that is missing.
            let _ = std::fs::remove_file(&path);
            io("a slot of the log cannot be made")(error)
        })?;
        let noted = self.marks.change(|noted| {
            noted.slots.insert(name, bytes);
        });
        if let Err(error) = noted {
            // Else it stays: the marks may have it all the same.
            if is_short(&error) {
                let _ = std::fs::remove_file(&path);
            }
            return Err(error);
        }
        Ok((path, file))
    }

    /// A slot for a first group of `length` bytes.
    pub(super) fn slot(&self, length: u64) -> Result<(PathBuf, File, u64), StoreError> {
        if length <= self.slot_bytes {
            let spare = self.spares.lock().pop();
            self.wake_maker();
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
