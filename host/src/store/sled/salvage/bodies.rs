//! The bodies of responses that journals name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::report::Damage;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;

/// The bodies of a store.
pub(super) struct Bodies<'a> {
    /// The store.
    pub path: &'a Path,
    /// The bodies that are lost.
    pub lost: &'a BTreeSet<PathBuf>,
}

impl Bodies<'_> {
    /// Looks whether the bodies are there that a task's journal names.
    pub(super) fn check(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        entries: &[Entry],
        damages: &mut Vec<Damage>,
    ) {
        for entry in entries {
            let Entry::Effect(effect) = entry else {
                continue;
            };
            let Some(digest) = effect.body else { continue };
            let name = HEXLOWER.encode(&digest);
            let file = format!("bodies/{workspace}/{task}/{name}");
            // Earlier versions kept them by workspace alone.
            let earlier = format!("bodies/{workspace}/{name}");
            let found = [&file, &earlier].map(|file| std::fs::read(self.path.join(file)));
            let why = match found.iter().flatten().next() {
                Some(bytes) if Sha256::digest(bytes)[..] == digest[..] => continue,
                Some(_) => "it is not what was written",
                None if self.lost.contains(Path::new(&file)) => continue,
                None => "it is missing",
            };
            let damage = Damage::new("the bodies", file, "a response's body", why);
            damages.push(
                damage
                    .of(workspace, Some(task))
                    .losing("the body of a recorded response"),
            );
        }
    }
}
