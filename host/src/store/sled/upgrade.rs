//! Brings what an older version wrote up to date, a little at a time beside the store's work: the
//! digests of the terms of tasks that are in the archive. Until then a search reads their records.

use super::codec::bad_key;
use super::disk::Disk;
use super::failure::from_sled;
use super::shapes::record::Record;
use super::shared::Shared;
use super::terms::{self, Digests};
use super::{checked, keys, places};
use crate::store::StoreError;

/// Values of the archive's places that are brought up to date in one go, 200 tasks each: some 30 ms.
const AT_ONCE: usize = 16;

/// How far it has come.
#[derive(Default)]
pub(super) struct Upgrade {
    /// The key to go on from; none at the beginning.
    from: Option<Vec<u8>>,
    done: bool,
}

impl Upgrade {
    /// Goes on for a moment; true if everything is up to date. Not while a checkpoint is made.
    pub(super) fn go_on(&mut self, shared: &Shared) -> Result<bool, StoreError> {
        let _one = shared.checkpointing.lock();
        if self.done || shared.stopped() {
            return Ok(self.done);
        }
        self.done = shared.with_disk(|disk| self.some(disk))?;
        Ok(self.done)
    }

    fn some(&mut self, disk: &Disk) -> Result<bool, StoreError> {
        if disk.db.contains_key(keys::UPGRADED).map_err(from_sled)? {
            return Ok(true);
        }
        let from = self.from.clone().unwrap_or_else(|| keys::PLACES.to_vec());
        let (mut written, mut passed) = (0, 0);
        for entry in disk.db.range(from..) {
            let (key, value) = entry.map_err(from_sled)?;
            if !key.starts_with(keys::PLACES) {
                break;
            }
            if written >= AT_ONCE || passed >= 64 * AT_ONCE {
                self.from = Some(key.to_vec());
                return Ok(false);
            }
            passed += 1;
            let (workspace, _) = keys::split(&key).ok_or_else(|| bad_key("places"))?;
            let first = keys::id_of(&key).ok_or_else(|| bad_key("places"))?;
            let at = keys::terms(&workspace, first);
            if disk.db.contains_key(&at).map_err(from_sled)? {
                continue;
            }
            let mut digests = Vec::new();
            for (_, place) in places::decode(&key, &value)? {
                let record = disk.archive.read(place)?;
                digests.push(Digests::of(&Record::decode(&record)?.head()?));
            }
            let value = checked::seal(&at, &terms::encode(digests));
            disk.db.insert(at, value).map_err(from_sled)?;
            written += 1;
        }
        disk.db.insert(keys::UPGRADED, &[]).map_err(from_sled)?;
        tracing::info!(
            "tasks of an older version are found by webhook, name and tag as fast as new ones"
        );
        Ok(true)
    }
}
