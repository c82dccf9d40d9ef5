//! Journals: entries one behind the other, each after its length, and the pieces of a long one.

use super::super::codec::{Parts, damaged, push_sized};
use super::kind::{Kind, Shape, StoredValue, kind, read};
use crate::domain::journal::Entry;
use crate::store::StoreError;

/// Appends one journal entry.
pub(in super::super) fn push_entry(out: &mut Vec<u8>, entry: &Entry) -> Result<(), StoreError> {
    push_sized(out, |out| entry.write(out))
}

/// Reads journal entries from the `skip`th on. Returns how many there are, those included that were skipped.
pub(in super::super) fn pull_entries(
    bytes: &[u8],
    skip: usize,
    into: &mut Vec<Entry>,
) -> Result<usize, StoreError> {
    let mut parts = Parts::new(bytes, "a journal");
    let mut at = 0;
    while !parts.is_empty() {
        let entry = parts.sized()?;
        if at >= skip {
            into.push(read(entry)?);
        }
        at += 1;
    }
    Ok(at)
}

/// Reads a journal that comes in pieces, entry by entry.
#[derive(Debug, Default)]
pub(in super::super) struct Pull {
    /// The beginning of an entry that is not there as a whole.
    rest: Vec<u8>,
    /// Entries that were read.
    count: u64,
}

impl Pull {
    /// Returns the entries that are whole with the next piece, each with its place in the journal.
    pub(in super::super) fn feed(
        &mut self,
        piece: &[u8],
        mut take: impl FnMut(u64, Entry),
    ) -> Result<(), StoreError> {
        if self.rest.is_empty() {
            let used = self.entries(piece, &mut take)?;
            self.rest.extend_from_slice(&piece[used..]);
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(piece);
        let used = self.entries(&rest, &mut take)?;
        rest.drain(..used);
        self.rest = rest;
        Ok(())
    }

    /// Returns the whole entries that `bytes` begin with, and how many bytes these are.
    fn entries(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(u64, Entry),
    ) -> Result<usize, StoreError> {
        let mut left = bytes;
        while let Some((length, behind)) = left.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some((entry, behind)) = behind.split_at_checked(length) else {
                break;
            };
            take(self.count, read(entry)?);
            self.count += 1;
            left = behind;
        }
        Ok(bytes.len() - left.len())
    }

    /// Refuses a journal that ends within an entry.
    pub(in super::super) fn end(&self) -> Result<(), StoreError> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(damaged("a journal", "it is cut short")),
        }
    }
}

/// A piece of a journal under a key of its own: bytes of entries, which may begin and end within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Piece<'a>(pub &'a [u8]);

kind!('a, Piece<'a>, "a piece of a journal", 1 => Piece<'a>);

impl<'a> Shape<'a> for Piece<'a> {
    fn parse(bytes: &'a [u8], _: &'static str) -> Result<Self, StoreError> {
        Ok(Self(bytes))
    }
}

impl Piece<'_> {
    /// The value of its key.
    pub(in super::super) fn encode(self) -> Vec<u8> {
        [&[Self::NEWEST], self.0].concat()
    }
}
