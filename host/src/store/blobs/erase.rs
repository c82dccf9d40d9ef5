//! Removes the files of a workspace that was deleted where other processes may set up another one of its name meanwhile.

use std::fs;
use std::sync::atomic::Ordering;

use super::Blobs;
use super::folders::{failed, names, remove};
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

impl Blobs {
    /// The names in the folder of a workspace: those of its tasks that have files.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn listed(&self, workspace: &WorkspaceName) -> Result<Vec<String>, StoreError> {
        if !self.is_used.load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let listed = names(&self.of_workspace(workspace));
        listed.map_err(failed("the files cannot be listed"))
    }

    /// Removes what was listed. Tasks of a later workspace have other ids, so that it loses nothing.
    ///
    /// # Errors
    /// They cannot be removed.
    pub fn remove_listed(
        &self,
        workspace: &WorkspaceName,
        listed: &[String],
    ) -> Result<(), StoreError> {
        let folder = self.of_workspace(workspace);
        for name in listed {
            remove(&folder.join(name))?;
        }
        // Only if nothing is left in it.
        let _ = fs::remove_dir(&folder);
        self.state.lock().used.remove(workspace);
        Ok(())
    }
}
