//! Components: files named by their digest. sled would keep values of their size as files that it never
//! syncs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::codec;
use super::failpoint::{FailPoint, Write};
use super::failure::{self, OpenError, unusable};
use super::files::{sync_directory, write_durable};
use crate::domain::ids::WorkspaceName;
use crate::domain::step::Step;
use crate::store::StoreError;

/// The components and how many steps refer to each, by any of their versions.
pub(super) struct Components {
    directory: PathBuf,
    uses: HashMap<String, usize>,
}

impl Components {
    /// Counts what the steps refer to, and removes the files that none does: those of
    /// a change that was cut short.
    pub(super) fn open(path: &Path, steps: &[(WorkspaceName, Step)]) -> Result<Self, OpenError> {
        let directory = path.join("components");
        let unusable = |error: std::io::Error| unusable(&directory, &error);
        std::fs::create_dir_all(&directory).map_err(unusable)?;
        let mut uses = HashMap::new();
        for (_, step) in steps {
            for digest in step.digests() {
                *uses.entry(digest.to_owned()).or_insert(0) += 1;
            }
        }
        for entry in std::fs::read_dir(&directory).map_err(unusable)? {
            let path = entry.map_err(unusable)?.path();
            let used = path
                .extension()
                .is_some_and(|extension| extension == "wasm")
                && path
                    .file_stem()
                    .and_then(|name| name.to_str())
                    .is_some_and(|name| uses.contains_key(name));
            if !used {
                std::fs::remove_file(&path).map_err(unusable)?;
            }
        }
        Ok(Self { directory, uses })
    }

    /// The file of a component, if `digest` is a digest at all.
    pub(super) fn path(&self, digest: &str) -> Option<PathBuf> {
        let bytes = HEXLOWER.decode(digest.as_bytes()).ok()?;
        (bytes.len() == 32).then(|| self.directory.join(format!("{digest}.wasm")))
    }

    /// Makes a component's bytes durable before anything refers to them.
    pub(super) fn write(
        &self,
        fail: &FailPoint,
        digest: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let failed = failure::io("a component cannot be written");
        let Some(path) = self.path(digest) else {
            return Err(StoreError::Refused(format!(
                "`{digest}` is no digest of a component: 64 lower-case hex digits"
            )));
        };
        if path.exists() {
            return Ok(());
        }
        fail.before(Write::Component)?;
        // What a crash leaves of it is removed at the next start, as nothing refers to it.
        let written = write_durable(&self.directory, &path, bytes)
            .and_then(|()| sync_directory(&self.directory));
        if let Err(error) = written {
            // A name that is not durable would be taken for one that is.
            let _ = std::fs::remove_file(&path);
            return Err(failed(error));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, digest: &str) {
        *self.uses.entry(digest.to_owned()).or_insert(0) += 1;
    }

    pub(super) fn release(&mut self, digest: &str) {
        if let Some(uses) = self.uses.get_mut(digest) {
            *uses = uses.saturating_sub(1);
            if *uses == 0 {
                self.uses.remove(digest);
                if let Some(path) = self.path(digest)
                    && let Err(error) = std::fs::remove_file(&path)
                {
                    // It is removed when the store is next opened.
                    tracing::warn!(%error, digest, "a component that nothing uses stays on disk");
                }
            }
        }
    }

    /// Whether a step refers to the component.
    pub(super) fn is_used(&self, digest: &str) -> bool {
        self.uses.contains_key(digest)
    }
}

/// The bytes in a component's file, if it is there.
pub(super) fn read(path: &Path, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let error = format!("component {digest} cannot be read: {error}");
            return Err(StoreError::unavailable(error));
        }
    };
    let found = HEXLOWER.encode(&Sha256::digest(&bytes));
    if found != digest {
        return Err(codec::damaged(
            "a component",
            &format!("{digest} has the digest {found}"),
        ));
    }
    Ok(Some(Arc::from(bytes)))
}
