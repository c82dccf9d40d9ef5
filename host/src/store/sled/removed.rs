//! Tasks that were removed, as far as a start must know them.

use super::checked;
use super::codec::Parts;
use super::disk::Disk;
use super::failure::from_sled;
use super::keys;
use crate::store::StoreError;

/// The removed tasks whose changes the log may still have. A start skips these changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// Every task of the groups up to this one was folded before: one that is neither in the tree nor
    /// in the archive was removed.
    pub folded: u64,
    /// The last group when a task was last removed. A change up to it that is no acceptance may be of a
    /// task that was removed.
    pub last: u64,
}

impl Removed {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.folded.to_le_bytes(), self.last.to_le_bytes()].concat()
    }

    pub(super) fn read(disk: &Disk) -> Result<Self, StoreError> {
        let Some(value) = disk.db.get(keys::REMOVED).map_err(from_sled)? else {
            return Ok(Self::default());
        };
        Self::decode(checked::open(keys::REMOVED, &value)?)
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, StoreError> {
        let mut parts = Parts::new(value, "the mark of removals");
        let (folded, last) = (parts.u64()?, parts.u64()?);
        parts.end()?;
        Ok(Self { folded, last })
    }
}
