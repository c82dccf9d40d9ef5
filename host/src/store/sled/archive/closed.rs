//! Segments that are not appended to any more.

use std::fs::File;
use std::os::unix::fs::FileExt;

use memchr::memmem;

use super::{Archive, BLOCK, HEADER, Place, failed, numbers, path};
use crate::store::StoreError;
use crate::store::sled::failpoint::Write;

impl Archive {
    /// The segments that are not appended to any more, with their bytes. No place in them is ever
    /// given again.
    pub(in super::super) fn closed(&self) -> Result<Vec<(u32, u64)>, StoreError> {
        let end = self.end.lock().number;
        let mut closed = Vec::new();
        for number in numbers(&self.directory).map_err(failed)? {
            if number < end {
                let file = std::fs::metadata(path(&self.directory, number));
                closed.push((number, file.map_err(failed)?.len()));
            }
        }
        Ok(closed)
    }

    /// Whether a closed segment has that text anywhere.
    pub(in super::super) fn has_text(&self, segment: u32, text: &[u8]) -> Result<bool, StoreError> {
        let file = File::open(path(&self.directory, segment)).map_err(failed)?;
        let (mut block, mut at) = (vec![0; BLOCK], 0);
        let finder = memmem::Finder::new(text);
        loop {
            let read = file.read_at(&mut block, at).map_err(failed)?;
            let there = block.get(..read).unwrap_or_default();
            if finder.find(there).is_some() {
                return Ok(true);
            }
            // The next one begins where the text may have begun.
            match (read + 1).checked_sub(text.len()) {
                Some(step @ 1..) if read > 0 => at += step as u64,
                _ => return Ok(false),
            }
        }
    }

    /// The bytes that a record takes in its segment.
    pub(in super::super) fn framed(place: Place) -> u64 {
        HEADER as u64 + u64::from(place.length)
    }

    /// Removes a segment. The caller makes sure that nothing points to it, durably, and that no reader has it open.
    pub(in super::super) fn remove(&self, segment: u32) -> Result<(), StoreError> {
        self.marks.change(|noted| {
            noted.segments.remove(&segment);
        })?;
        self.durable.lock().remove(&segment);
        self.fail.before(Write::Drop)?;
        self.reading.lock().remove(&segment);
        std::fs::remove_file(path(&self.directory, segment)).map_err(failed)
    }
}
