//! One step of a workspace is compiled at a time, so that a workspace that uploads many does not keep the others
//! waiting.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::domain::ids::WorkspaceName;

/// The workspaces whose steps are being compiled.
#[derive(Default)]
pub(super) struct Uploads(Mutex<HashMap<WorkspaceName, Arc<tokio::sync::Mutex<()>>>>);

impl Uploads {
    /// Waits for the workspace's lock.
    pub(super) async fn lock(&self, workspace: &WorkspaceName) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock();
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(workspace.clone()).or_default().clone()
        };
        lock.lock_owned().await
    }
}
