//! Frees the disk space of unused values in the archive.
//!
//! First the places of all tasks are gone through, to see how much of each segment is in use. Of one of
//! which less than half is, the used values are moved to another; then it is removed. Nothing is ever
//! placed in a closed segment again, so an unused value stays unused.

use std::collections::{HashMap, HashSet};

use super::super::archive::{Archive, End};
use super::super::disk::{Disk, LOOKS};
use super::super::failpoint::Write;
use super::super::failure::from_sled;
use super::super::{Shared, keys, places, terms};
use crate::domain::clock::Millis;
use crate::store::StoreError;

/// Values of places, 200 tasks each, that are counted in one go: some 10 ms.
const COUNTED: usize = 256;
/// Bytes that are moved in one go, roughly.
const MOVED: usize = 4 * 1024 * 1024;

/// How far it has come.
pub(in super::super) struct Compaction {
    /// Bytes of each closed segment.
    closed: HashMap<u32, u64>,
    /// Bytes of it that are in use.
    used: HashMap<u32, u64>,
    /// Segments that are to be removed.
    going: HashSet<u32>,
    /// All of them go, however much is in use.
    is_forced: bool,
    stage: Stage,
    /// The key of the places to go on from.
    from: Vec<u8>,
    /// Where records are moved to.
    moved: Option<End>,
}

#[derive(Clone, Copy)]
enum Stage {
    Count,
    Move,
    Remove,
}

/// New places of values, and the values that were read for them.
#[derive(Default)]
struct Moves {
    values: Vec<(sled::IVec, Vec<u8>)>,
    bytes: usize,
    looked: usize,
    next: Option<Vec<u8>>,
}

impl Compaction {
    /// Of an archive whose end is closed if it has tasks that ended before the day of `now`.
    pub(in super::super) fn begin(disk: &Disk, now: Millis) -> Result<Self, StoreError> {
        disk.archive.close_before(now)?;
        Ok(Self {
            closed: disk.archive.closed()?.into_iter().collect(),
            ..Self::none()
        })
    }

    /// Of these closed segments, none of which stays.
    pub(in super::super) fn of(disk: &Disk, segments: HashSet<u32>) -> Result<Self, StoreError> {
        let closed = disk.archive.closed()?.into_iter();
        Ok(Self {
            closed: closed
                .filter(|(number, _)| segments.contains(number))
                .collect(),
            is_forced: true,
            ..Self::none()
        })
    }

    /// Of nothing.
    pub(in super::super) fn none() -> Self {
        Self {
            closed: HashMap::new(),
            used: HashMap::new(),
            going: HashSet::new(),
            is_forced: false,
            stage: Stage::Count,
            from: keys::PLACES.to_vec(),
            moved: None,
        }
    }

    /// Goes on for a moment; true at the end. Not while a checkpoint is made.
    pub(in super::super) fn go_on(&mut self, shared: &Shared) -> Result<bool, StoreError> {
        if self.closed.is_empty() {
            return Ok(true);
        }
        match self.stage {
            Stage::Count => {
                if shared.with_disk(|disk| self.count(disk))? {
                    self.choose(shared.space.is_low());
                    self.from = keys::PLACES.to_vec();
                    self.stage = Stage::Move;
                }
            }
            Stage::Move => {
                let some_in_use = |number| self.used.contains_key(number);
                if !self.going.iter().any(some_in_use) || self.move_some(shared)? {
                    self.stage = Stage::Remove;
                }
            }
            Stage::Remove => {
                let removed = self.remove(shared);
                removed.map_err(|error| shared.could_not_fold(error))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts the used bytes; true at the end.
    fn count(&mut self, disk: &Disk) -> Result<bool, StoreError> {
        let range = disk.db.range(self.from.clone()..);
        for (looked, entry) in range.enumerate() {
            let (key, value) = entry.map_err(from_sled)?;
            if !key.starts_with(keys::PLACES) {
                break;
            }
            if looked >= COUNTED {
                self.from = key.to_vec();
                return Ok(false);
            }
            disk.note(&key, LOOKS)?;
            for (_, place) in places::decode(&key, &value)? {
                *self.used.entry(place.segment).or_default() += Archive::framed(place);
            }
        }
        Ok(true)
    }

    /// Chooses the segments that go. On a disk that is nearly full nothing is moved.
    fn choose(&mut self, is_low: bool) {
        let goes = |(number, bytes): &(&u32, &u64)| {
            let used = self.used.get(*number).copied().unwrap_or(0);
            self.is_forced || used == 0 || (!is_low && used < **bytes / 2)
        };
        let going = self.closed.iter().filter(goes);
        self.going = going.map(|(number, _)| *number).collect();
    }

    /// Moves some records that are in use; true at the end.
    fn move_some(&mut self, shared: &Shared) -> Result<bool, StoreError> {
        let moves = shared.with_disk(|disk| self.copy(disk));
        let moves = match moves {
            Err(error @ StoreError::Damaged(_)) => return Err(error),
            moves => moves.map_err(|error| shared.could_not_fold(error))?,
        };
        let place = || {
            let disk = shared.disk.write();
            let disk = disk.as_ref().ok_or_else(|| shared.without_disk())?;
            shared.settings.fail.before(Write::Fold)?;
            let mut batch = sled::Batch::default();
            for (key, value) in moves.values {
                batch.insert(key, value);
            }
            disk.db.apply_batch(batch).map_err(from_sled)
        };
        place().map_err(|error| shared.could_not_fold(error))?;
        match moves.next {
            Some(next) => {
                self.from = next;
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// Copies some records, durably, and gives the places that they have now.
    fn copy(&mut self, disk: &Disk) -> Result<Moves, StoreError> {
        let mut moves = Moves::default();
        for entry in disk.db.range(self.from.clone()..) {
            let (key, value) = entry.map_err(from_sled)?;
            if !key.starts_with(keys::PLACES) {
                break;
            }
            if moves.bytes >= MOVED || moves.looked >= COUNTED {
                moves.next = Some(key.to_vec());
                break;
            }
            moves.looked += 1;
            disk.note(&key, LOOKS)?;
            let mut entries = places::decode(&key, &value)?;
            let goes = |segment: u32| self.going.contains(&segment);
            if !entries.iter().any(|(_, place)| goes(place.segment)) {
                continue;
            }
            for (id, place) in &mut entries {
                if !self.going.contains(&place.segment) {
                    continue;
                }
                let record = match disk.archive.read(*place) {
                    Ok(record) => record,
                    // What cannot be read is left where it is, with all that is beside it, unless that
                    // has to go.
                    Err(error @ StoreError::Damaged(_)) => {
                        tracing::error!(task.id = %id, %error, "a task in the archive cannot be moved");
                        if !self.is_forced {
                            self.going.remove(&place.segment);
                        }
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                moves.bytes += record.len();
                let end = self.moved.get_or_insert_with(|| disk.archive.begin());
                *place = disk.archive.append_to(end, &record)?;
            }
            let entries = entries.into_iter();
            let entries: Vec<_> = entries
                .map(|(id, place)| (id, place, terms::Digests::NONE))
                .collect();
            let value = places::encode(&key, &entries);
            moves.values.push((key, value));
        }
        if let Some(end) = &mut self.moved {
            disk.archive.sync_end(end)?;
        }
        Ok(moves)
    }

    fn remove(&mut self, shared: &Shared) -> Result<(), StoreError> {
        if self.going.is_empty() {
            return Ok(());
        }
        // After this no start finds a place in them.
        shared.with_disk(Disk::flush)?;
        for number in &self.going {
            let disk = shared.disk.write();
            let disk = disk.as_ref().ok_or_else(|| shared.without_disk())?;
            disk.archive.remove(*number)?;
        }
        Ok(())
    }
}
