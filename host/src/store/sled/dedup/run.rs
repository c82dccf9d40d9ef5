//! A run: keys of deliveries of one workspace, in the order of their bytes, that are over on the same day. Its
//! values are in the tree, each under the first of its keys.

use std::sync::OnceLock;

use sled::Batch;

use super::super::checked;
use super::super::codec::bad_key;
use super::super::disk::{Disk, LOOKS};
use super::super::failure::from_sled;
use super::super::keys;
use super::block::{Entry, Holder, KeyBlock};
use super::filter::Filter;
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::ids::WorkspaceName;
use crate::domain::retention::DAY;
use crate::store::StoreError;

/// The day of a time, counted from 1970.
pub(super) fn day_of(time: Millis) -> u32 {
    u32::try_from(time / DAY).unwrap_or(u32::MAX)
}

#[derive(Debug)]
pub(super) struct Run {
    /// The day on which its keys are over.
    pub day: u32,
    /// How often its keys were merged.
    pub tier: u8,
    /// No other run of the store has it.
    pub number: u64,
    pub filter: OnceLock<Filter>,
}

impl Run {
    pub(super) fn new(day: u32, tier: u8, number: u64) -> Self {
        Self {
            day,
            tier,
            number,
            filter: OnceLock::new(),
        }
    }

    /// Whether a key has to be looked for in it.
    pub(super) fn may_have(&self, key: DedupKey) -> bool {
        self.filter.get().is_none_or(|filter| filter.may_have(key))
    }

    /// The prefix of the keys of all its values.
    pub(super) fn prefix(&self, workspace: &WorkspaceName) -> Vec<u8> {
        keys::dedup_run(workspace, self.day, self.tier, self.number)
    }

    fn at(&self, workspace: &WorkspaceName, key: DedupKey) -> Vec<u8> {
        let mut at = self.prefix(workspace);
        at.extend_from_slice(key.as_bytes());
        at
    }

    /// Has `batch` write some of its keys, which are in order.
    pub(super) fn write(&self, workspace: &WorkspaceName, some: &[Entry], batch: &mut Batch) {
        if let Some((first, _)) = some.first() {
            let at = self.at(workspace, *first);
            batch.insert(&at[..], checked::seal(&at, &KeyBlock::encode(some)));
        }
    }

    /// The holder of a key, if the key is here.
    pub(super) fn find(
        &self,
        disk: &Disk,
        workspace: &WorkspaceName,
        key: DedupKey,
    ) -> Result<Option<Holder>, StoreError> {
        let (prefix, last) = (self.prefix(workspace), self.at(workspace, key));
        let Some(found) = disk.db.range(prefix..=last).next_back() else {
            return Ok(None);
        };
        let (at, value) = found.map_err(from_sled)?;
        disk.note(&at, LOOKS)?;
        Ok(KeyBlock::decode(checked::open(&at, &value)?)?.find(key))
    }

    /// Its keys after `after`, or all.
    pub(super) fn entries(
        &self,
        disk: &Disk,
        workspace: &WorkspaceName,
        after: Option<DedupKey>,
    ) -> Result<Entries, StoreError> {
        let prefix = self.prefix(workspace);
        let mut end = prefix.clone();
        end.extend_from_slice(&[0xff; 17]);
        // The value that has `after` has keys after it, too.
        let begins = match after {
            Some(after) => {
                let until = self.at(workspace, after);
                let value = disk.db.range(prefix.clone()..=until).next_back();
                value.transpose().map_err(from_sled)?.map(|(at, _)| at)
            }
            None => None,
        };
        let start = begins.map_or(prefix, |at| at.to_vec());
        let mut entries = Entries {
            values: disk.db.range(start..end),
            block: Vec::new().into_iter(),
            next: None,
        };
        entries.advance(disk)?;
        while after.is_some_and(|after| entries.next.is_some_and(|(key, _)| key <= after)) {
            entries.advance(disk)?;
        }
        Ok(entries)
    }

    /// Has `batch` remove at most `most` of its first values; true if there are none left.
    pub(super) fn remove(
        &self,
        disk: &Disk,
        workspace: &WorkspaceName,
        most: usize,
        batch: &mut Batch,
    ) -> Result<bool, StoreError> {
        let mut left = most;
        for key in disk.db.scan_prefix(self.prefix(workspace)).keys() {
            if left == 0 {
                return Ok(false);
            }
            batch.remove(key.map_err(from_sled)?);
            left -= 1;
        }
        Ok(true)
    }
}

/// The keys of a run, one after another.
pub(super) struct Entries {
    values: sled::Iter,
    block: std::vec::IntoIter<Entry>,
    /// The one that is next.
    pub next: Option<Entry>,
}

impl Entries {
    pub(super) fn advance(&mut self, disk: &Disk) -> Result<(), StoreError> {
        loop {
            self.next = self.block.next();
            if self.next.is_some() {
                return Ok(());
            }
            let Some(value) = self.values.next() else {
                return Ok(());
            };
            let (at, value) = value.map_err(from_sled)?;
            disk.note(&at, LOOKS)?;
            self.block = KeyBlock::decode(checked::open(&at, &value)?)?.0.into_iter();
        }
    }
}

/// Every run that the tree has, with its workspace.
pub(super) fn all(disk: &Disk) -> Result<Vec<(WorkspaceName, Run)>, StoreError> {
    let mut runs = Vec::new();
    let mut from = keys::DEDUP.to_vec();
    while let Some(found) = disk.db.range(from..).keys().next() {
        let key = found.map_err(from_sled)?;
        if !key.starts_with(keys::DEDUP) {
            break;
        }
        let (workspace, day, tier, number) =
            keys::dedup_run_of(&key).ok_or_else(|| bad_key("dedup"))?;
        let run = Run::new(day, tier, number);
        // On to the next run.
        from = run.prefix(&workspace);
        from.extend_from_slice(&[0xff; 17]);
        runs.push((workspace, run));
    }
    Ok(runs)
}
