//! Files as they are copied to another store.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::folders::{failed, names, sync};
use super::{BlobDigest, Blobs};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// The name of a file while it is written. It is no digest.
const NEW: &str = ".new";

impl Blobs {
    /// The files of a task.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn files(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Vec<BlobDigest>, StoreError> {
        let names = names(&self.of_task(workspace, task));
        let names = names.map_err(failed("the files cannot be listed"))?;
        let digest = |name: String| HEXLOWER.decode(name.as_bytes()).ok()?.try_into().ok();
        let mut found: Vec<BlobDigest> = names.into_iter().filter_map(digest).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The SHA-256 of what a file has.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn hash(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: &BlobDigest,
    ) -> Result<[u8; 32], StoreError> {
        let unread = failed("a file cannot be read");
        let path = self.of_task(workspace, task).join(HEXLOWER.encode(digest));
        let mut file = File::open(path).map_err(&unread)?;
        let (mut hash, mut piece) = (Sha256::new(), vec![0; 256 * 1024]);
        loop {
            match file.read(&mut piece).map_err(&unread)? {
                0 => return Ok(hash.finalize().into()),
                read => hash.update(&piece[..read]),
            }
        }
    }

    /// Copies a task's file to the same task elsewhere, durably.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn copy_to(
        &self,
        other: &Arc<Self>,
        (workspace, task): (&WorkspaceName, TaskId),
        digest: &BlobDigest,
    ) -> Result<(), StoreError> {
        let name = HEXLOWER.encode(digest);
        let from = self.of_task(workspace, task).join(&name);
        let directory = other.of_task(workspace, task);
        let copy = || -> io::Result<()> {
            fs::create_dir_all(&directory)?;
            for above in directory.ancestors().skip(1).take(3) {
                sync(above)?;
            }
            let new = directory.join(NEW);
            fs::copy(&from, &new)?;
            File::open(&new)?.sync_all()?;
            fs::rename(&new, directory.join(&name))?;
            sync(&directory)
        };
        copy().map_err(failed("a file cannot be copied"))?;
        other
            .is_used
            .store(true, std::sync::atomic::Ordering::Release);
        Ok(())
    }
}
