//! Tells when what is recorded of a workspace's deliveries is to be looked at as a whole.

use std::collections::HashMap;

use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

/// How many bytes of a workspace this node records until it looks at all that there are.
const TRIM_EVERY: u64 = 1024 * 1024;

/// What this node has recorded of each workspace since it last looked at all of it.
#[derive(Debug, Default)]
pub(super) struct Recorded(HashMap<WorkspaceName, u64>);

impl Recorded {
    /// Counts bytes that were recorded. Whether it is time to look at all that there are.
    pub(super) fn is_to_trim(&mut self, workspace: &WorkspaceName, bytes: u64) -> bool {
        let Some(recorded) = self.0.get_mut(workspace) else {
            // Of workspaces that are gone, too.
            if self.0.len() >= limits::WORKSPACES {
                self.0.clear();
            }
            self.0.insert(workspace.clone(), 0);
            return true;
        };
        *recorded += bytes;
        let is_time = *recorded >= TRIM_EVERY;
        if is_time {
            *recorded = 0;
        }
        is_time
    }
}
