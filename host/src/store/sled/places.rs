//! Where in the archive each task's record is: keys of the tree that hold up to 200 places each, in
//! the order of their tasks.
//!
//! A key is the least id that its value may have, and a value has no id of the next key's or later:
//! an id has one value where it can be. Ids grow with time, so places are nearly always added to the
//! newest value. A task that has a record in the tree has that one; its place here is outdated.

use std::collections::BTreeSet;
use std::iter::Peekable;

use sled::Batch;

use super::archive::Place;
use super::checked;
use super::codec::bad_key;
use super::codec::{Parts, damaged};
use super::disk::{Disk, LOOKS};
use super::failure::from_sled;
use super::keys;
use super::long::PIECE;
use super::shapes::kind::kind;
use super::shapes::{Kind, Shape, check_version, read};
use super::terms::{self, Digests};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// A task that is in the archive: where, and what it is found by.
pub(super) type Entry = (TaskId, Place, Digests);

/// Bytes of an id and its place.
const ENTRY: usize = 16 + 12;
/// Places under one key.
const MOST: usize = 200;

const _: () = assert!(MOST * ENTRY + checked::HEADER < PIECE);

/// Where a task's record is in the archive, if it is there.
pub(super) fn find(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<Place>, StoreError> {
    let Some((key, value)) = at_or_before(disk, workspace, id)? else {
        return Ok(None);
    };
    disk.note(&key, LOOKS)?;
    let entries = decode(&key, &value)?;
    let found = entries.binary_search_by_key(&id, |(id, _)| *id);
    Ok(found.ok().map(|at| entries[at].1))
}

/// A task's record from the archive, if it is there.
pub(super) fn record(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let place = find(disk, workspace, id)?;
    place.map(|place| disk.archive.read(place)).transpose()
}

/// The newest task that is in the archive.
pub(super) fn newest(disk: &Disk, workspace: &WorkspaceName) -> Result<Option<TaskId>, StoreError> {
    let Some((key, value)) = at_or_before(disk, workspace, TaskId::MAX)? else {
        return Ok(None);
    };
    Ok(decode(&key, &value)?.last().map(|(id, _)| *id))
}

/// The oldest task that is in the archive.
pub(super) fn oldest(disk: &Disk, workspace: &WorkspaceName) -> Result<Option<TaskId>, StoreError> {
    let range = keys::places(workspace, TaskId::MIN)..=keys::places(workspace, TaskId::MAX);
    let Some(first) = disk.db.range(range).next() else {
        return Ok(None);
    };
    let (key, value) = first.map_err(from_sled)?;
    let entries = decode(&key, &value)?;
    Ok(entries.first().map(|(id, _)| *id))
}

/// Tasks before `before` that may have all of `wanted`, and their places, newest first. Where a
/// value has none that may, its least id stands for all that were passed over, without a place.
pub(super) fn before<'a>(
    disk: &'a Disk,
    workspace: &WorkspaceName,
    before: TaskId,
    wanted: &'a [u32],
) -> impl Iterator<Item = Result<(TaskId, Option<Place>), StoreError>> + use<'a> {
    let range = keys::places(workspace, TaskId::MIN)..keys::places(workspace, before);
    let workspace = workspace.clone();
    disk.db.range(range).rev().flat_map(move |entry| {
        let entries = entry.map_err(from_sled).and_then(|(key, value)| {
            disk.note(&key, LOOKS)?;
            let entries = with_digests(disk, &workspace, &key, &value, wanted)?;
            Ok((key, entries))
        });
        let (entries, passed) = match entries {
            Ok((key, entries)) => {
                let older = entries.into_iter().filter(|(id, ..)| *id < before);
                let fit = older.filter(|(.., digests)| digests.may_have(wanted));
                let fit: Vec<_> = fit.map(|(id, place, _)| Ok((id, Some(place)))).collect();
                let passed = fit.is_empty().then(|| {
                    let id = keys::id_of(&key).ok_or_else(|| bad_key("places"))?;
                    Ok((id, None))
                });
                (fit, passed)
            }
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        entries.into_iter().rev().chain(passed)
    })
}

/// The entries of one value. Digests are read only if some are wanted.
fn with_digests(
    disk: &Disk,
    workspace: &WorkspaceName,
    key: &[u8],
    value: &[u8],
    wanted: &[u32],
) -> Result<Vec<Entry>, StoreError> {
    let entries = decode(key, value)?;
    let digests = if wanted.is_empty() {
        vec![Digests::NONE; entries.len()]
    } else {
        digests_of(disk, workspace, key, entries.len())?
    };
    let both = entries.into_iter().zip(digests);
    Ok(both
        .map(|((id, place), digests)| (id, place, digests))
        .collect())
}

/// The digests of the tasks whose `count` places are at `key`.
fn digests_of(
    disk: &Disk,
    workspace: &WorkspaceName,
    key: &[u8],
    count: usize,
) -> Result<Vec<Digests>, StoreError> {
    let id = keys::id_of(key).ok_or_else(|| bad_key("places"))?;
    let key = keys::terms(workspace, id);
    let value = disk.db.get(&key).map_err(from_sled)?;
    let value = value.as_deref().map(|value| checked::open(&key, value));
    terms::decode(value.transpose()?, count)
}

/// How many tasks are in the archive that are not among `others`.
pub(super) fn count_without(
    disk: &Disk,
    workspace: &WorkspaceName,
    others: &BTreeSet<TaskId>,
) -> Result<u64, StoreError> {
    let mut count = 0;
    let mut newer = None;
    let range = keys::places(workspace, TaskId::MIN)..=keys::places(workspace, TaskId::MAX);
    for entry in disk.db.range(range).rev() {
        let (key, value) = entry.map_err(from_sled)?;
        disk.note(&key, LOOKS)?;
        let first = keys::id_of(&key).ok_or_else(|| bad_key("places"))?;
        let end = newer.replace(first).unwrap_or(TaskId::MAX);
        if others.range(first..=end).next().is_none() {
            count += length(&key, &value)?;
        } else {
            let entries = decode(&key, &value)?.into_iter();
            count += entries.filter(|(id, _)| !others.contains(id)).count() as u64;
        }
    }
    Ok(count)
}

/// Has `batch` add places, or put them in place of those that their tasks had. `new` is in the order
/// of its ids. Not twice in one batch for a workspace.
pub(super) fn insert(
    disk: &Disk,
    workspace: &WorkspaceName,
    new: &[Entry],
    batch: &mut Batch,
) -> Result<(), StoreError> {
    let mut new = new.iter().copied().peekable();
    while let Some((id, ..)) = new.peek() {
        let id = *id;
        let (first, there) = match at_or_before(disk, workspace, id)? {
            Some((key, value)) => {
                let entries = decode(&key, &value)?;
                let digests = digests_of(disk, workspace, &key, entries.len())?;
                let both = entries.into_iter().zip(digests);
                let there = both.map(|((id, place), digests)| (id, place, digests));
                let first = keys::id_of(&key).ok_or_else(|| bad_key("places"))?;
                (first, there.collect())
            }
            None => (id, Vec::new()),
        };
        let after = std::ops::Bound::Excluded(keys::places(workspace, id));
        let last = std::ops::Bound::Included(keys::places(workspace, TaskId::MAX));
        let next = match disk.db.range::<Vec<u8>, _>((after, last)).next() {
            Some(next) => {
                let (key, _) = next.map_err(from_sled)?;
                Some(keys::id_of(&key).ok_or_else(|| bad_key("places"))?)
            }
            None => None,
        };
        let merged = merge(there, &mut new, next);
        for (at, part) in merged.chunks(MOST).enumerate() {
            let first = match part.first() {
                Some((id, ..)) if at > 0 => *id,
                _ => first,
            };
            let key = keys::places(workspace, first);
            batch.insert(&key[..], encode(&key, part));
            let digests = part.iter().map(|(.., digests)| *digests);
            let key = keys::terms(workspace, first);
            batch.insert(&key[..], checked::seal(&key, &terms::encode(digests)));
        }
    }
    Ok(())
}

/// Has `batch` remove the places of tasks, in the order of their ids; those that have none are passed
/// over. Not twice in one batch for a workspace, and not beside [`insert`].
pub(super) fn remove(
    disk: &Disk,
    workspace: &WorkspaceName,
    ids: &BTreeSet<TaskId>,
    batch: &mut Batch,
) -> Result<(), StoreError> {
    let mut ids = ids.iter().peekable();
    while let Some(id) = ids.next().copied() {
        let Some((key, value)) = at_or_before(disk, workspace, id)? else {
            continue;
        };
        let entries = decode(&key, &value)?;
        let Some((last, _)) = entries.last().copied().filter(|(last, _)| id <= *last) else {
            continue;
        };
        let mut gone = BTreeSet::from([id]);
        while let Some(id) = ids.next_if(|id| **id <= last) {
            gone.insert(*id);
        }
        let digests = digests_of(disk, workspace, &key, entries.len())?;
        let both = entries.into_iter().zip(digests);
        let left: Vec<Entry> = both
            .filter(|((id, _), _)| !gone.contains(id))
            .map(|((id, place), digests)| (id, place, digests))
            .collect();
        let first = keys::id_of(&key).ok_or_else(|| bad_key("places"))?;
        let terms_key = keys::terms(workspace, first);
        if left.is_empty() {
            batch.remove(key);
            batch.remove(terms_key);
        } else {
            let value = encode(&key, &left);
            batch.insert(key, value);
            let digests = left.iter().map(|(.., digests)| *digests);
            let value = checked::seal(&terms_key, &terms::encode(digests));
            batch.insert(terms_key, value);
        }
    }
    Ok(())
}

/// `there` with what `new` has before `next`.
fn merge(
    there: Vec<Entry>,
    new: &mut Peekable<impl Iterator<Item = Entry>>,
    next: Option<TaskId>,
) -> Vec<Entry> {
    let mut merged = Vec::with_capacity(there.len() + 64);
    let mut there = there.into_iter().peekable();
    while let Some(entry) = new.next_if(|(id, ..)| next.is_none_or(|next| *id < next)) {
        while let Some(older) = there.next_if(|(old, ..)| *old < entry.0) {
            merged.push(older);
        }
        there.next_if(|(old, ..)| *old == entry.0);
        merged.push(entry);
    }
    merged.extend(there);
    merged
}

fn at_or_before(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<(sled::IVec, sled::IVec)>, StoreError> {
    let range = keys::places(workspace, TaskId::MIN)..=keys::places(workspace, id);
    disk.db
        .range(range)
        .next_back()
        .transpose()
        .map_err(from_sled)
}

/// The value at `key` that has these places.
pub(super) fn encode(key: &[u8], entries: &[Entry]) -> Vec<u8> {
    checked::seal(key, &encode_places(entries))
}

/// The same without a checksum.
pub(super) fn encode_places(entries: &[Entry]) -> Vec<u8> {
    let mut value = Vec::with_capacity(1 + entries.len() * ENTRY);
    value.push(Places::NEWEST);
    for (id, place, _) in entries {
        value.extend_from_slice(id.as_bytes());
        for number in [place.segment, place.offset, place.length] {
            value.extend_from_slice(&number.to_le_bytes());
        }
    }
    value
}

/// The places in a value, in the order of their tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places(Vec<(TaskId, Place)>);

kind!('a, Places, "places in the archive", 1 => Places);

impl Shape<'_> for Places {
    fn parse(bytes: &[u8], kind: &'static str) -> Result<Self, StoreError> {
        let mut parts = Parts::new(bytes, kind);
        let mut entries: Vec<(TaskId, Place)> = Vec::with_capacity(bytes.len() / ENTRY);
        while !parts.is_empty() {
            let id = TaskId::from_bytes(parts.array()?);
            let place = Place {
                segment: parts.u32()?,
                offset: parts.u32()?,
                length: parts.u32()?,
            };
            if entries.last().is_some_and(|(last, _)| *last >= id) {
                return Err(damaged(kind, "they are out of order"));
            }
            entries.push((id, place));
        }
        Ok(Self(entries))
    }
}

/// The places in the value at `key`, in the order of their tasks.
pub(super) fn decode(key: &[u8], value: &[u8]) -> Result<Vec<(TaskId, Place)>, StoreError> {
    decode_places(checked::open(key, value)?)
}

/// The same of a value without a checksum.
pub(super) fn decode_places(value: &[u8]) -> Result<Vec<(TaskId, Place)>, StoreError> {
    read::<Places>(value).map(|Places(entries)| entries)
}

/// How many places are in the value at `key`.
fn length(key: &[u8], value: &[u8]) -> Result<u64, StoreError> {
    let value = checked::open(key, value)?;
    let Some((version, places)) = value.split_first() else {
        return Err(damaged(Places::NAME, "it is empty"));
    };
    check_version(*version, Places::NEWEST, Places::NAME)?;
    Ok((places.len() / ENTRY) as u64)
}

#[cfg(test)]
mod tests;
