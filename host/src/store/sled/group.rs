//! A group of the log: what becomes durable in one write. Nearly all are whole changes; of a long change a group has a
//! fragment, see [`super::fragments`].

use super::change::{Change, decode_change};
use super::codec::{Parts, push_length, push_sized};
use super::shapes::kind::kind;
use super::shapes::{Shape, read};
use crate::store::StoreError;

/// Adds an encoded change to a group.
pub(super) fn push_change(group: &mut Vec<u8>, encoded: &[u8]) -> Result<(), StoreError> {
    push_length(group, encoded.len())?;
    group.extend_from_slice(encoded);
    Ok(())
}

/// Begins a group of changes; its content decides the version.
pub(super) fn begin_group(group: &mut Vec<u8>, has_keys: bool, has_fragments: bool) {
    group.push(match (has_keys, has_fragments) {
        (_, true) => 3,
        (true, false) => 2,
        (false, false) => 1,
    });
}

/// The first byte of an item that is no change; a change has its kind there.
const FRAGMENT: u8 = 5;
const END: u8 = 6;

/// A fragment of changes that are too long for a group with others. It is nothing until their [`End`] is there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fragment {
    /// The group that has their first fragment.
    pub from: u64,
    /// The next bytes of them, as they would be in a group.
    pub bytes: Vec<u8>,
}

/// Changes of which all fragments are there: they are made, in one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct End {
    /// As their fragments have it.
    pub from: u64,
    /// How many bytes all fragments have, and their CRC-32.
    pub length: u64,
    pub sum: u32,
    /// The [`Change::index`] of each.
    pub indexes: Vec<u32>,
}

impl End {
    pub(super) fn push(&self, group: &mut Vec<u8>) -> Result<(), StoreError> {
        push_sized(group, |group| {
            group.push(END);
            group.extend_from_slice(&self.from.to_le_bytes());
            group.extend_from_slice(&self.length.to_le_bytes());
            group.extend_from_slice(&self.sum.to_le_bytes());
            for index in &self.indexes {
                group.extend_from_slice(&index.to_le_bytes());
            }
            Ok(())
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut parts = Parts::new(bytes, "the end of a long change in the log");
        parts.byte()?;
        let (from, length, sum) = (parts.u64()?, parts.u64()?, parts.u32()?);
        let mut indexes = Vec::new();
        while !parts.is_empty() {
            indexes.push(parts.u32()?);
        }
        Ok(Self {
            from,
            length,
            sum,
            indexes,
        })
    }
}

/// Adds a fragment to a group; `write` appends its bytes.
pub(super) fn push_fragment(
    group: &mut Vec<u8>,
    from: u64,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    push_sized(group, |group| {
        group.push(FRAGMENT);
        group.extend_from_slice(&from.to_le_bytes());
        write(group)
    })
}

/// An item of a group.
// Nearly every item is the large one: a box would cost each of them an allocation.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Change(Change),
    Fragment(Fragment),
    End(End),
}

impl Item {
    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        match bytes.first() {
            Some(&FRAGMENT) => {
                let mut parts = Parts::new(bytes, "a fragment of a long change in the log");
                parts.byte()?;
                Ok(Self::Fragment(Fragment {
                    from: parts.u64()?,
                    bytes: parts.rest().to_vec(),
                }))
            }
            Some(&END) => End::decode(bytes).map(Self::End),
            _ => decode_change(bytes, true).map(Self::Change),
        }
    }
}

/// What became durable in one write of the log, in order. Another layout of a change, or another kind of
/// change, is another version of the group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group(pub Vec<Item>);

/// A group in which no change has a key.
#[derive(Debug)]
pub(super) struct Keyless(Vec<Change>);

/// A group in which all changes are whole.
#[derive(Debug)]
pub(super) struct Keyed(Vec<Change>);

kind!('a, Group, "a group in the log", 1 => Keyless, 2 => Keyed, 3 => Group);

impl Shape<'_> for Keyless {
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        decode_items(bytes, kind, |item| decode_change(item, false)).map(Self)
    }
}

impl Shape<'_> for Keyed {
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        decode_items(bytes, kind, |item| decode_change(item, true)).map(Self)
    }
}

impl Shape<'_> for Group {
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        decode_items(bytes, kind, Item::decode).map(Self)
    }
}

impl From<Keyless> for Keyed {
    fn from(Keyless(changes): Keyless) -> Self {
        Self(changes)
    }
}

impl From<Keyed> for Group {
    fn from(Keyed(changes): Keyed) -> Self {
        Self(changes.into_iter().map(Item::Change).collect())
    }
}

fn decode_items<T>(
    bytes: &[u8],
    kind: &'static str,
    decode: impl Fn(&[u8]) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut parts = Parts::new(bytes, kind);
    let mut items = Vec::new();
    while !parts.is_empty() {
        items.push(decode(parts.sized()?)?);
    }
    Ok(items)
}

/// Changes that were written in fragments, from all of these.
pub(super) fn decode_fragments(bytes: &[u8], indexes: &[u32]) -> Result<Vec<Change>, StoreError> {
    let what = "a long change in the log";
    let mut changes = decode_items(bytes, what, |item| decode_change(item, true))?;
    if changes.len() != indexes.len() {
        return Err(Parts::new(bytes, what).wrong("its fragments have another number of changes"));
    }
    for (change, index) in changes.iter_mut().zip(indexes) {
        change.index = *index;
    }
    Ok(changes)
}

/// The items of a group, in order.
pub(super) fn decode_group(bytes: &[u8]) -> Result<Vec<Item>, StoreError> {
    read::<Group>(bytes).map(|Group(items)| items)
}
