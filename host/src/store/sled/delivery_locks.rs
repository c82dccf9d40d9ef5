//! Who changes the files of recorded deliveries: one of each workspace at a time.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::ids::WorkspaceName;

/// The locks of all workspaces. A workspace's lock is held over every change of its files, and not while they are read.
#[derive(Debug, Default)]
pub(super) struct DeliveryLocks(Mutex<HashMap<WorkspaceName, Arc<Mutex<IsSound>>>>);

/// Whether a workspace's file has been looked at since the start, and ends with a whole record.
#[derive(Debug, Default)]
pub(super) struct IsSound(pub(super) bool);

impl DeliveryLocks {
    pub(super) fn of(&self, workspace: &WorkspaceName) -> Arc<Mutex<IsSound>> {
        let mut all = self.0.lock();
        if let Some(known) = all.get(workspace) {
            return known.clone();
        }
        all.entry(workspace.clone()).or_default().clone()
    }

    /// Forgets a workspace, unless its files are in use.
    pub(super) fn forget(&self, workspace: &WorkspaceName) {
        let mut all = self.0.lock();
        let known = all.get(workspace);
        if known.is_some_and(|known| Arc::strong_count(known) == 1) {
            all.remove(workspace);
        }
    }
}
