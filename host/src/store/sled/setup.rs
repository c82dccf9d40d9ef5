//! The part of the setup that the store keeps in memory.

use std::path::Path;

use super::audit_logs::Logs;
use super::catalog_copy::CatalogCopy;
use super::components::Components;
use super::disk::Disk;
use super::failure::OpenError;
use super::registry_read;
use crate::store::Names;

/// The part of the setup that the store keeps in memory. A change holds its lock.
pub(super) struct Setup {
    pub(super) revision: u64,
    pub(super) names: Names,
    pub(super) components: Components,
    pub(super) audit: Logs,
    pub(super) copy: CatalogCopy,
}

impl Setup {
    pub(super) fn open(path: &Path, disk: &Disk, copy: CatalogCopy) -> Result<Self, OpenError> {
        let registry = registry_read::since(disk, 0)?;
        Ok(Self {
            revision: registry.revision,
            names: Names::of(&registry),
            components: Components::open(path, &registry.steps)?,
            audit: Logs::default(),
            copy,
        })
    }

    /// Whether nothing was changed after `revision`.
    pub(super) fn is_at(&self, revision: u64) -> bool {
        self.revision == revision
    }
}
