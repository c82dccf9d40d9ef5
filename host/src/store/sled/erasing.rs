//! Which workspaces were deleted and are not erased yet.

use std::collections::HashSet;

use parking_lot::RwLock;

use super::codec::bad_key;
use super::disk::Disk;
use super::failure::from_sled;
use super::keys;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

/// The workspaces that are being erased.
#[derive(Default)]
pub(super) struct Erasing(pub(super) RwLock<HashSet<WorkspaceName>>);

impl Erasing {
    pub(super) fn read(disk: &Disk) -> Result<HashSet<WorkspaceName>, StoreError> {
        let mut all = HashSet::new();
        for key in disk.db.scan_prefix(keys::ERASING).keys() {
            let key = key.map_err(from_sled)?;
            all.insert(keys::workspace_of(&key).ok_or_else(|| bad_key("erasing"))?);
        }
        Ok(all)
    }

    pub(super) fn of(all: HashSet<WorkspaceName>) -> Self {
        Self(RwLock::new(all))
    }

    /// Whether a workspace is being erased.
    pub(super) fn has(&self, workspace: &WorkspaceName) -> bool {
        self.0.read().contains(workspace)
    }

    /// [`StoreError::Erasing`] if it is.
    pub(super) fn check(&self, workspace: &WorkspaceName) -> Result<(), StoreError> {
        if self.has(workspace) {
            return Err(StoreError::Erasing(workspace.clone()));
        }
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<WorkspaceName> {
        self.0.read().iter().cloned().collect()
    }
}
