//! Values that may be too long for one key: the first piece says how many others there are.

use std::ops::Deref;

use sled::IVec;

use super::checked;
use super::codec::{Parts, damaged};
use super::puts::Puts;
use super::shapes::kind::kind;
use super::shapes::{Kind, Shape, read};
use super::{key_names, keys};
use crate::store::StoreError;

/// The longest value of one key, in bytes.
pub(super) const PIECE: usize = 6000;
/// Version byte and the number of further pieces.
const ENVELOPE: usize = 5;
/// Bytes before a value's first piece: a checksum and an envelope.
pub(super) const HEADER: usize = checked::HEADER + ENVELOPE;

/// The envelope of a value with so many further pieces, without the checksum.
pub(super) fn envelope(further: u32) -> [u8; ENVELOPE] {
    let [a, b, c, d] = further.to_le_bytes();
    [Envelope::NEWEST, a, b, c, d]
}

/// The content of an envelope: the number of further pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope(u32);

kind!('a, Envelope, "a value's envelope", 1 => Envelope);

impl Shape<'_> for Envelope {
    /// The value follows it.
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        Parts::new(bytes, kind).u32().map(Self)
    }
}

/// How many further pieces the value has whose envelope comes first here.
pub(super) fn pieces(first: &[u8]) -> Result<u32, StoreError> {
    read::<Envelope>(first).map(|Envelope(further)| further)
}

/// The first piece of the value at `key`, and how many others it has.
pub(super) fn first<'a>(key: &[u8], stored: &'a [u8]) -> Result<(&'a [u8], u32), StoreError> {
    let value = checked::open(key, stored)?;
    let further = pieces(value)?;
    Ok((&value[ENVELOPE..], further))
}

/// A value that was put by [`put`], as it was put, or a record from the archive.
#[derive(Debug)]
pub(super) struct Long {
    bytes: Bytes,
    further: u32,
}

#[derive(Debug)]
enum Bytes {
    /// Of one piece; where it begins in the value.
    Inline(IVec, usize),
    Owned(Vec<u8>),
}

impl Deref for Long {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Inline(bytes, begin) => &bytes[*begin..],
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl Long {
    /// A record from the archive.
    pub(super) fn archived(record: Vec<u8>) -> Self {
        Self {
            bytes: Bytes::Owned(record),
            further: 0,
        }
    }

    /// How many further pieces it has.
    pub(super) fn further(&self) -> u32 {
        self.further
    }
}

/// The whole value at `key`, whose first piece is stored as `stored`; `get` reads the others.
pub(super) fn gather(
    key: &[u8],
    stored: IVec,
    mut get: impl FnMut(&[u8]) -> Result<Option<IVec>, StoreError>,
) -> Result<Long, StoreError> {
    let (begin, further) = first(key, &stored)?;
    if further == 0 {
        let begin = stored.len() - begin.len();
        return Ok(Long {
            bytes: Bytes::Inline(stored, begin),
            further,
        });
    }
    // A damaged count must not become an allocation.
    let mut bytes = Vec::with_capacity(PIECE * (1 + further.min(4096) as usize));
    bytes.extend_from_slice(begin);
    let is_sealed = checked::is_sealed(&stored);
    for piece in 1..=further {
        let at = keys::piece(key, piece);
        let next = get(&at)?.ok_or_else(|| {
            let why = format!("piece {piece} of {further} is gone");
            damaged(&key_names::name_of(key), &why)
        })?;
        match (is_sealed, checked::is_sealed(&next)) {
            (true, true) => bytes.extend_from_slice(checked::open(&at, &next)?),
            (true, false) => return Err(checked::wrong(&at)),
            // An earlier version wrote it, and it may begin with any byte.
            (false, _) => bytes.extend_from_slice(&next),
        }
    }
    Ok(Long {
        bytes: Bytes::Owned(bytes),
        further,
    })
}

/// Puts `bytes` at `key` in place of a value of `old` further pieces.
pub(super) fn put(
    batch: &mut impl Puts,
    key: &[u8],
    bytes: &[u8],
    old: u32,
) -> Result<(), StoreError> {
    let (first, rest) = bytes.split_at(bytes.len().min(PIECE - HEADER));
    let pieces = rest.chunks(PIECE - checked::HEADER);
    let further = u32::try_from(pieces.len())
        .map_err(|_| StoreError::Refused("a value of 4 GiB or more is not stored".into()))?;
    let first = [&envelope(further), first].concat();
    batch.put(key, checked::seal(key, &first));
    for (piece, bytes) in (1..).zip(pieces) {
        let at = keys::piece(key, piece);
        batch.put(&at, checked::seal(&at, bytes));
    }
    for piece in further + 1..=old {
        batch.remove_key(&keys::piece(key, piece));
    }
    Ok(())
}

/// Removes the value at `key` with its `old` further pieces.
pub(super) fn remove(batch: &mut impl Puts, key: &[u8], old: u32) {
    batch.remove_key(key);
    for piece in 1..=old {
        batch.remove_key(&keys::piece(key, piece));
    }
}
