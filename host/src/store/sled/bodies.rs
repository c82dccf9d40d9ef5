//! Large response bodies: files beside the tree, so that a journal stays small. A task's are in a
//! directory of their own, which goes with the task: `bodies/<workspace>/<task>/<digest>`. A body is
//! durable before anything names it. Earlier versions had `bodies/<workspace>/<digest>`, for all tasks.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::codec::damaged;
use super::failpoint::Write;
use super::files::{UNFINISHED, write_durable};
use super::shared::Shared;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

fn failed(error: std::io::Error) -> StoreError {
    super::failure::io("a response's body cannot be written")(error)
}

/// The directory of a workspace's bodies. A workspace's name is a plain file name.
pub(super) fn directory(store: &Path, workspace: &WorkspaceName) -> PathBuf {
    store.join("bodies").join(workspace.as_str())
}

/// Makes a body durable and gives its SHA-256. Blocks on the disk.
pub(super) fn put(
    shared: &Shared,
    workspace: &WorkspaceName,
    task: TaskId,
    bytes: &[u8],
) -> Result<[u8; 32], StoreError> {
    shared.takes_writes()?;
    shared.erasing.check(workspace)?;
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let of_workspace = directory(&shared.settings.path, workspace);
    let directory = of_workspace.join(task.to_string());
    let path = directory.join(HEXLOWER.encode(&digest));
    if path.exists() {
        return Ok(digest);
    }
    shared.settings.fail.before(Write::Body)?;
    let bodies = shared.settings.path.join("bodies");
    for (parent, directory) in [
        (&shared.settings.path, &bodies),
        (&bodies, &of_workspace),
        (&of_workspace, &directory),
    ] {
        make_directory(parent, directory).map_err(failed)?;
    }
    // Before there is a name that is not durable: there may be no more files to be had.
    let opened = File::open(&directory).map_err(failed)?;
    // What a crash leaves unfinished lies where `tidy` looks for it.
    write_durable(&of_workspace, &path, bytes).map_err(failed)?;
    if let Err(error) = opened.sync_all() {
        // The name is there, and would be taken for a durable one when the body comes again.
        return Err(shared.fail(&failed(error)));
    }
    Ok(digest)
}

/// Makes a directory, durably, if it is not there. One whose name could not be made durable is not left.
fn make_directory(parent: &Path, directory: &Path) -> std::io::Result<()> {
    if directory.exists() {
        return Ok(());
    }
    let opened = File::open(parent)?;
    match std::fs::create_dir(directory) {
        // Another call of the task was first.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return opened.sync_all();
        }
        made => made?,
    }
    opened.sync_all().inspect_err(|_| {
        let _ = std::fs::remove_dir(directory);
    })
}

/// A body by its digest. Blocks on the disk.
pub(super) fn get(
    shared: &Shared,
    workspace: &WorkspaceName,
    task: TaskId,
    digest: &[u8; 32],
) -> Result<Option<Arc<[u8]>>, StoreError> {
    shared.check_disk()?;
    if shared.erasing.has(workspace) {
        return Ok(None);
    }
    let directory = directory(&shared.settings.path, workspace);
    let own = read(
        &directory
            .join(task.to_string())
            .join(HEXLOWER.encode(digest)),
    )?;
    let bytes = match own {
        Some(bytes) => Some(bytes),
        // As an earlier version kept it.
        None => read(&directory.join(HEXLOWER.encode(digest)))?,
    };
    let Some(bytes) = bytes else { return Ok(None) };
    if Sha256::digest(&bytes)[..] != digest[..] {
        return Err(damaged(
            "a response's body",
            &format!("{} is another one", HEXLOWER.encode(digest)),
        ));
    }
    Ok(Some(bytes.into()))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let error = format!("a response's body cannot be read: {error}");
            Err(StoreError::unavailable(error))
        }
    }
}

/// Removes a task's bodies, if it has any. Blocks on the disk.
pub(super) fn remove(
    shared: &Shared,
    workspace: &WorkspaceName,
    task: TaskId,
) -> Result<(), StoreError> {
    let path = directory(&shared.settings.path, workspace).join(task.to_string());
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

/// Removes all bodies of a workspace. Blocks on the disk.
pub(super) fn remove_all(shared: &Shared, workspace: &WorkspaceName) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(directory(&shared.settings.path, workspace)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

/// The workspaces that have bodies.
pub(super) fn workspaces(store: &Path) -> Result<Vec<WorkspaceName>, StoreError> {
    let entries = match std::fs::read_dir(store.join("bodies")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse().ok()));
    }
    Ok(found)
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
            if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}
