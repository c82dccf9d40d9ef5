//! Journals: entries one behind the other, each after its length, and the pieces of a long one.

use super::super::codec::{Parts, push_sized};
use super::kind::{Kind, Shape, Written, kind, read};
use crate::domain::journal::Entry;
use crate::store::StoreError;

/// Appends one journal entry.
pub(in super::super) fn push_entry(out: &mut Vec<u8>, entry: &Entry) -> Result<(), StoreError> {
    push_sized(out, |out| entry.write(out))
}

/// Reads journal entries from the `skip`th on.
pub(in super::super) fn pull_entries(
    bytes: &[u8],
    skip: usize,
    into: &mut Vec<Entry>,
) -> Result<(), StoreError> {
    let mut parts = Parts::new(bytes, "a journal");
    let mut at = 0;
    while !parts.is_empty() {
        let entry = parts.sized()?;
        if at >= skip {
            into.push(read(entry)?);
        }
        at += 1;
    }
    Ok(())
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
