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
use super::codec::{Parts, damaged};
use super::disk::{Disk, LOOKS, PIECE};
use super::failure::failed;
use super::keys;
use super::shapes::kind::kind;
use super::shapes::{Kind, Shape, check_version, read};
use super::tasks::bad_key;
use super::terms::{self, Digests};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// A task that is in the archive: where, and what it is found by.
pub(super) type Entry = (TaskId, Place, Digests);

/// Bytes of an id and its place.
const ENTRY: usize = 16 + 12;
/// Places under one key.
const MOST: usize = 200;

const _: () = assert!(MOST * ENTRY < PIECE);

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
    let entries = decode(&value)?;
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
    let Some((_, value)) = at_or_before(disk, workspace, TaskId::MAX)? else {
        return Ok(None);
    };
    Ok(decode(&value)?.last().map(|(id, _)| *id))
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
        let entries = entry.map_err(failed).and_then(|(key, value)| {
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
    let entries = decode(value)?;
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
    let value = disk.db.get(&key).map_err(failed)?;
    terms::decode(value.as_deref(), count)
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
        let (key, value) = entry.map_err(failed)?;
        disk.note(&key, LOOKS)?;
        let first = keys::id_of(&key).ok_or_else(|| bad_key("places"))?;
        let end = newer.replace(first).unwrap_or(TaskId::MAX);
        if others.range(first..=end).next().is_none() {
            count += length(&value)?;
        } else {
            let entries = decode(&value)?.into_iter();
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
                let entries = decode(&value)?;
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
                let (key, _) = next.map_err(failed)?;
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
            batch.insert(keys::places(workspace, first), encode(part));
            let digests = part.iter().map(|(.., digests)| *digests);
            batch.insert(keys::terms(workspace, first), terms::encode(digests));
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
    disk.db.range(range).next_back().transpose().map_err(failed)
}

pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
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

/// The places in a value, in the order of their tasks.
pub(super) fn decode(value: &[u8]) -> Result<Vec<(TaskId, Place)>, StoreError> {
    read::<Places>(value).map(|Places(entries)| entries)
}

/// How many places are in a value.
fn length(value: &[u8]) -> Result<u64, StoreError> {
    let Some((version, places)) = value.split_first() else {
        return Err(damaged(Places::NAME, "it is empty"));
    };
    check_version(*version, Places::NEWEST, Places::NAME)?;
    Ok((places.len() / ENTRY) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::store::sled::settings::SledSettings;

    fn id(n: u16) -> TaskId {
        TaskId::from_bytes((u128::from(n) << 80).to_be_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Whatever is added in whatever portions, the places are a map.
        #[test]
        fn places_are_a_map(portions in prop::collection::vec(
            prop::collection::btree_set(0u16..2000, 1..400), 1..8,
        )) {
            let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let (disk, _) = Disk::open(&SledSettings::at(home.path())).unwrap();
            let workspace = "default".parse().unwrap();
            let mut model = BTreeMap::new();
            for (portion, segment) in portions.iter().zip(1..) {
                let place = |n: &u16| Place { segment, offset: u32::from(*n), length: 1 };
                let new: Vec<_> = portion.iter().map(|n| (id(*n), place(n), Digests::NONE)).collect();
                let mut batch = Batch::default();
                insert(&disk, &workspace, &new, &mut batch).unwrap();
                disk.db.apply_batch(batch).unwrap();
                model.extend(new.into_iter().map(|(id, place, _)| (id, place)));
            }
            for n in 0..2000 {
                prop_assert_eq!(find(&disk, &workspace, id(n)).unwrap(), model.get(&id(n)).copied());
            }
            for end in [0, 1, 700, 1999, 2000] {
                let there: Vec<_> = before(&disk, &workspace, id(end), &[])
                    .map(Result::unwrap)
                    .filter_map(|(id, place)| Some((id, place?)))
                    .collect();
                let expected: Vec<_> = model.range(..id(end)).rev().map(|(id, place)| (*id, *place)).collect();
                prop_assert_eq!(there, expected);
            }
            let last = model.last_key_value().map(|(id, _)| *id);
            prop_assert_eq!(newest(&disk, &workspace).unwrap(), last);
            let other = "another".parse().unwrap();
            prop_assert_eq!(newest(&disk, &other).unwrap(), None);
        }
    }

    #[test]
    fn a_value_that_is_cut_or_out_of_order_is_damage() {
        let place = Place {
            segment: 1,
            offset: 16,
            length: 9,
        };
        let value = encode(&[(id(1), place, Digests::NONE), (id(2), place, Digests::NONE)]);
        assert!(decode(&value).is_ok());
        for length in 0..value.len() {
            let cut = decode(&value[..length]);
            // Between two entries it is a shorter list.
            assert_eq!(cut.is_ok(), length == 1 || length == 1 + ENTRY, "{length}");
        }
        assert!(
            decode(&encode(&[
                (id(2), place, Digests::NONE),
                (id(1), place, Digests::NONE)
            ]))
            .is_err()
        );
    }
}
