//! A file on its way in.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};

use super::folders::failed;
use super::{BlobDigest, BlobError, Blobs, INCOMING};
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;

/// Free bytes of the disk that files leave: beyond what the store keeps for tasks that are under way.
const LEFT_FREE: u64 = 64 * 1024 * 1024;
/// Bytes after which it is looked again how many are free.
const LOOK_EVERY: u64 = 1024 * 1024;

/// A file that is being written. It is gone when it is dropped.
#[derive(Debug)]
pub struct Incoming {
    file: NamedTempFile,
    hash: Sha256,
    /// How long hashing took that was not asked for yet.
    hashing: Duration,
    charge: Charge,
    looked_at: u64,
}

/// A file that is whole, not durable and not yet a task's. It is gone when it is dropped.
#[derive(Debug)]
pub struct Arrived {
    /// Its SHA-256.
    pub digest: BlobDigest,
    /// Its size in bytes.
    pub size: u64,
    pub(super) path: TempPath,
    pub(super) charge: Charge,
}

/// Bytes that count as the workspace's until it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    blobs: Arc<Blobs>,
    workspace: WorkspaceName,
    pub(super) bytes: u64,
}

impl Charge {
    pub(super) fn none(blobs: &Arc<Blobs>, workspace: &WorkspaceName) -> Self {
        Self {
            blobs: blobs.clone(),
            workspace: workspace.clone(),
            bytes: 0,
        }
    }

    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), BlobError> {
        self.blobs.take(&self.workspace, bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// They count until the file is removed.
    pub(super) fn stay(&mut self) {
        self.bytes = 0;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.blobs.give_back(&self.workspace, self.bytes);
        }
    }
}

impl Blobs {
    /// Begins a file of a workspace.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(self: &Arc<Self>, workspace: &WorkspaceName) -> Result<Incoming, BlobError> {
        let directory = self.root.join(INCOMING);
        let made = fs::create_dir_all(&directory)
            .and_then(|()| tempfile::Builder::new().tempfile_in(&directory));
        self.is_used.store(true, Ordering::Release);
        Ok(Incoming {
            file: made.map_err(failed("a file cannot be made"))?,
            hash: Sha256::new(),
            hashing: Duration::ZERO,
            charge: Charge::none(self, workspace),
            looked_at: 0,
        })
    }
}

impl Incoming {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`BlobError`]; [`StoreError::Full`] already while there is room for the store itself.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.charge.grow(bytes.len() as u64)?;
        if self.charge.bytes >= self.looked_at {
            let disk = rustix::fs::fstatvfs(self.file.as_file());
            let free = disk.map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
            if free < LEFT_FREE {
                return Err(StoreError::Full.into());
            }
            self.looked_at = self.charge.bytes + LOOK_EVERY;
        }
        let began = Instant::now();
        self.hash.update(bytes);
        self.hashing += began.elapsed();
        let written = self.file.write_all(bytes);
        Ok(written.map_err(failed("a file cannot be written"))?)
    }

    /// How long hashing took since this was last asked.
    pub fn take_hashing(&mut self) -> Duration {
        std::mem::take(&mut self.hashing)
    }

    /// Ends it. It is durable when it is a task's: most of a form's files would be synced for nothing if the form breaks
    /// off.
    pub fn finish(self) -> Arrived {
        Arrived {
            digest: self.hash.finalize().into(),
            size: self.charge.bytes,
            path: self.file.into_temp_path(),
            charge: self.charge,
        }
    }
}
