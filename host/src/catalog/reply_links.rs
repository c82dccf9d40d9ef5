//! Links by which a sender reads the result of its task. A link names workspace and task, sealed by the vault: it
//! tells its holder nothing, and no other one can be made of it.

use data_encoding::BASE64URL_NOPAD;

use super::{Catalog, CatalogError};
use crate::domain::ids::{TaskId, WorkspaceName};

/// The longest sealed text that can be a link's.
const LONGEST: usize = 512;

impl Catalog {
    /// The last part of a link to a task's reply.
    ///
    /// # Errors
    /// [`CatalogError::Vault`].
    pub fn reply_link(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<String, CatalogError> {
        let place = format!("{task} {workspace}");
        Ok(BASE64URL_NOPAD.encode(&self.vault.seal_link(place.as_bytes())?))
    }

    /// Whose reply a link is to, if this server made it.
    pub fn linked_reply(&self, link: &str) -> Option<(WorkspaceName, TaskId)> {
        if link.len() > LONGEST {
            return None;
        }
        let sealed = BASE64URL_NOPAD.decode(link.as_bytes()).ok()?;
        let place = String::from_utf8(self.vault.open_link(&sealed)?).ok()?;
        let (task, workspace) = place.split_once(' ')?;
        Some((workspace.parse().ok()?, task.parse().ok()?))
    }
}
