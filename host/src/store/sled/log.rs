//! The group log: changes that have been acknowledged and not yet folded into the tree.
//!
//! A directory of slots, files of one size that are written over again when their groups are no
//! longer needed, so that a group costs one `pwrite` and one `fdatasync` of blocks that are there
//! already. It knows groups as bytes under a number; the codec knows their content.
//!
//! A slot: 32 bytes of header (magic, version, first group's number, checksum), then groups: 24
//! bytes of header (length, CRC-32 of the payload, number, MAC), the payload, padding to 8
//! bytes. Numbers have no gaps. A group is synced before the next is written, so at most the very
//! last one can be torn; a torn one with a sound one behind it is damage.

mod file;
mod open;
mod slots;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::slots::{Close, ClosedSlot};
use super::failpoint::Write;
use super::failure::io;
use super::frame::{self, HEADER, SLOT_HEADER};
use crate::store::StoreError;

pub(super) use open::open;
pub(super) use slots::Slots;

/// The largest buffer that is kept for the next group, in bytes.
const KEEP: usize = 4 * 1024 * 1024;

/// Appends groups at the end of the log.
pub(super) struct LogWriter {
    slots: Arc<Slots>,
    current: Option<Current>,
    /// The number of the next group.
    next: u64,
    /// Behind the last group there may be a part of one that could not be written.
    torn: bool,
    /// A slot's header and a group's, then the group's payload.
    buffer: Vec<u8>,
}

/// The slot that is written to.
#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    /// Where the next group goes: bytes from the beginning. 0 if the slot has no group.
    offset: u64,
    /// The size of the slot in bytes, however full it is.
    capacity: u64,
}

impl LogWriter {
    /// Begins a group; the bytes that are appended to the buffer are its payload.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        if self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        self.buffer.resize(SLOT_HEADER + HEADER, 0);
        &mut self.buffer
    }

    /// The group that was begun.
    pub(super) fn group(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// The number that the next group has.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Appends the group that was begun and makes it durable. After [`StoreError::Full`] the log is to
    /// be mended before the next one; after another error it must not be written again.
    pub(super) fn append(&mut self) -> Result<u64, StoreError> {
        let number = self.next;
        frame::authenticate_group(&mut self.buffer, &self.slots.key, number)?;
        let framed = (self.buffer.len() - SLOT_HEADER) as u64;
        let fits = self
            .current
            .as_ref()
            .is_some_and(|current| current.offset + framed <= current.capacity);
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

    /// Overwrites, durably, what a failed [`LogWriter::append`] may have left: it was not acknowledged, so no
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

    /// Closes the current slot if [`Slots::close_current`] wants it: the erasure of a workspace ([`super::erase`]), so that
    /// the groups of the slot can be dropped.
    pub(super) fn close_if_wanted(&mut self) -> Result<(), StoreError> {
        let slots = self.slots.clone();
        let mut close = slots.close.lock();
        if !matches!(*close, Close::Wanted) || self.torn {
            return Ok(());
        }
        match self.current.take() {
            Some(current) if current.offset == 0 => {
                slots.recycle(current.path, current.file, current.capacity)?;
            }
            Some(current) => self.close(current),
            None => {}
        }
        *close = Close::Done(self.next.saturating_sub(1));
        Ok(())
    }

    /// The same with `slots` in place of those that it was opened with: after the log was opened again, since the rest of
    /// the store keeps the slots of its first opening.
    pub(super) fn with_slots(self, slots: &Arc<Slots>) -> Self {
        slots.take_over(&self.slots);
        let slots = slots.clone();
        Self { slots, ..self }
    }

    /// Closes the current slot and takes another that has room for `framed` bytes.
    fn roll(&mut self, framed: u64) -> Result<(), StoreError> {
        let (path, file, capacity) = self.slots.slot(SLOT_HEADER as u64 + framed)?;
        let fresh = Current {
            path,
            file,
            offset: 0,
            capacity,
        };
        if let Some(full) = self.current.replace(fresh) {
            self.close(full);
        }
        Ok(())
    }

    /// Adds a slot to those that are not written to any more.
    fn close(&self, full: Current) {
        self.slots.bytes.fetch_add(full.capacity, Ordering::Relaxed);
        self.slots.closed.lock().push_back(ClosedSlot {
            path: full.path,
            file: full.file,
            last: self.next - 1,
            bytes: full.capacity,
        });
    }
}
