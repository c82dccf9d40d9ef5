//! Large response bodies: files named by workspace and digest, beside the tree, so that a journal stays
//! small and a body that comes again is kept once. A body is durable before anything names it.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::codec::damaged;
use super::disk::sync_directory;
use super::failpoint::Write;
use super::shared::Shared;
use crate::domain::hex::hex;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

fn failed(error: std::io::Error) -> StoreError {
    super::failure::io("a response's body cannot be written")(error)
}

/// The directory of a workspace's bodies. A workspace's name is a plain file name.
fn directory(store: &Path, workspace: &WorkspaceName) -> PathBuf {
    store.join("bodies").join(workspace.as_str())
}

/// Makes a body durable and gives its SHA-256. Blocks on the disk.
pub(super) fn put(
    shared: &Shared,
    workspace: &WorkspaceName,
    bytes: &[u8],
) -> Result<[u8; 32], StoreError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    shared.takes_writes()?;
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let directory = directory(&shared.settings.path, workspace);
    let path = directory.join(hex(&digest));
    if path.exists() {
        return Ok(digest);
    }
    shared.settings.fail.before(Write::Body)?;
    if !directory.exists() {
        std::fs::create_dir_all(&directory).map_err(failed)?;
        sync_directory(&shared.settings.path.join("bodies")).map_err(failed)?;
        sync_directory(&shared.settings.path).map_err(failed)?;
    }
    // Two runs may bring the same body at once.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let unfinished = path.with_extension(format!("{number}.tmp"));
    let written = whole(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, &path));
    if let Err(error) = written {
        // What is half made would take the space that is missing.
        let _ = std::fs::remove_file(&unfinished);
        return Err(failed(error));
    }
    if let Err(error) = sync_directory(&directory) {
        // The name is there, and would be taken for a durable one when the body comes again.
        return Err(shared.fail(&failed(error)));
    }
    Ok(digest)
}

/// A new file with `bytes`, durable but for its name.
fn whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// A body by its digest. Blocks on the disk.
pub(super) fn get(
    shared: &Shared,
    workspace: &WorkspaceName,
    digest: &[u8; 32],
) -> Result<Option<Arc<[u8]>>, StoreError> {
    shared.with_disk(|_| Ok(()))?;
    let path = directory(&shared.settings.path, workspace).join(hex(digest));
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let error = format!("a response's body cannot be read: {error}");
            return Err(StoreError::unavailable(error));
        }
    };
    if Sha256::digest(&bytes)[..] != digest[..] {
        return Err(damaged(
            "a response's body",
            &format!("{} is another one", hex(digest)),
        ));
    }
    Ok(Some(bytes.into()))
}

/// Removes what a crash left half written. Blocks on the disk.
pub(super) fn tidy(store: &Path) -> std::io::Result<()> {
    let workspaces = match std::fs::read_dir(store.join("bodies")) {
        Ok(workspaces) => workspaces,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for workspace in workspaces {
        for file in std::fs::read_dir(workspace?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == "tmp") {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}
