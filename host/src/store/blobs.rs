//! Files that came with tasks: `blobs/<workspace>/<task>/<SHA-256>`. A task's files are in a folder of its own, which goes with
//! the task, so that no workspace learns from time or space whether another one has a file. A file is durable before
//! anything names it. A file that is being received is in `blobs/.incoming`, and is removed at the next start after a crash.
//!
//! Everything here blocks on the disk: see [`on_disk`].

mod copied;
mod erase;
mod error;
mod folders;
mod incoming;
mod kept;
mod usage;

use std::fs::{self, File};
use std::hash::BuildHasher as _;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use data_encoding::HEXLOWER;
use parking_lot::{Mutex, MutexGuard};
use rustc_hash::{FxBuildHasher, FxHashMap};

use self::folders::{failed, names, remove};
use self::usage::Usage;
use super::StoreError;
use crate::domain::blocking::spawn_blocking;
use crate::domain::ids::{TaskId, WorkspaceName};

pub use error::BlobError;
pub use incoming::{Arrived, Incoming};
pub use kept::Kept;

/// No workspace has this name.
const INCOMING: &str = ".incoming";

/// Locks of files that are given to tasks.
const GIVEN: usize = 64;

/// The SHA-256 of a file.
pub type BlobDigest = [u8; 32];

/// The files of all workspaces.
#[derive(Debug)]
pub struct Blobs {
    root: PathBuf,
    /// Whether there may be any.
    is_used: AtomicBool,
    /// The most bytes of all files of one workspace.
    most: AtomicU64,
    state: Mutex<State>,
    /// Held while a file is looked for or removed that requests give to tasks, by the tasks' ids: so that none takes a file
    /// for its task's that is removed then. Before [`Blobs::state`], which is held for no work on the disk.
    given: [Mutex<()>; GIVEN],
    /// How many workspaces' files are being counted.
    counts: AtomicUsize,
    /// How often bytes of files were synced.
    #[cfg(test)]
    pub(crate) syncs: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Of each workspace that was asked for since the start.
    used: FxHashMap<WorkspaceName, Arc<Usage>>,
    /// Tasks that have been given files and may not be there yet.
    arriving: FxHashMap<TaskId, OpenUploads>,
    /// Files whose tasks' acceptance has not ended for want of room.
    undecided: Vec<Kept>,
}

/// The files that requests give to one task now.
#[derive(Debug, Default)]
struct OpenUploads {
    requests: u32,
    /// Files that a request gave after another one.
    given_again: Vec<PathBuf>,
}

impl Blobs {
    /// The files below `root`, which is made with the first one.
    pub fn new(root: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            is_used: AtomicBool::new(root.exists()),
            root,
            most: AtomicU64::new(u64::MAX),
            state: Mutex::default(),
            given: std::array::from_fn(|_| Mutex::new(())),
            counts: AtomicUsize::new(0),
            #[cfg(test)]
            syncs: AtomicU64::new(0),
        })
    }

    /// The same where other processes may make it: whether there are any is seen on the disk.
    pub fn shared(root: PathBuf) -> Arc<Self> {
        let blobs = Self::new(root);
        blobs.is_used.store(true, Ordering::Release);
        blobs
    }

    /// Limits the files of a workspace to `most` bytes in all. Files that are there already are kept.
    pub fn limit(&self, most: u64) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Removes what a crash left half written.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn tidy(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.root.join(INCOMING)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn count_sync(&self) {
        #[cfg(test)]
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    fn of_workspace(&self, workspace: &WorkspaceName) -> PathBuf {
        // A workspace's name is a plain file name.
        self.root.join(workspace.as_str())
    }

    fn of_task(&self, workspace: &WorkspaceName, task: TaskId) -> PathBuf {
        self.of_workspace(workspace).join(task.to_string())
    }

    /// A task's file with its size in bytes, open for reading; none if it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: &BlobDigest,
    ) -> Result<Option<(File, u64)>, StoreError> {
        if !self.is_used.load(Ordering::Acquire) {
            return Ok(None);
        }
        let path = self.of_task(workspace, task).join(HEXLOWER.encode(digest));
        let opened = File::open(path).and_then(|file| {
            let size = file.metadata()?.len();
            Ok((file, size))
        });
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("a file cannot be read")(error)),
        }
    }

    /// The size of a task's file in bytes, and at most `length` of them from `offset` on; none if it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: &BlobDigest,
        (offset, length): (u64, usize),
    ) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let Some((file, size)) = self.open(workspace, task, digest)? else {
            return Ok(None);
        };
        let length = size.saturating_sub(offset).min(length as u64) as usize;
        let mut bytes = vec![0; length];
        let read = file.read_exact_at(&mut bytes, offset);
        read.map_err(failed("a file cannot be read"))?;
        Ok(Some((size, bytes)))
    }

    /// Removes a task's files, if it has any.
    ///
    /// # Errors
    /// They cannot be removed; the sweep after the next start does it.
    pub fn remove(&self, workspace: &WorkspaceName, task: TaskId) -> Result<(), StoreError> {
        if !self.is_used.load(Ordering::Acquire) {
            return Ok(());
        }
        let usage = self.usage(workspace);
        usage.remove(&self.of_workspace(workspace), task)
    }

    /// Removes all files of a workspace.
    ///
    /// # Errors
    /// They cannot be removed.
    pub fn remove_all(&self, workspace: &WorkspaceName) -> Result<(), StoreError> {
        if !self.is_used.load(Ordering::Acquire) {
            return Ok(());
        }
        remove(&self.of_workspace(workspace))?;
        // A file that is being received counts already; its bytes are given back if it fails.
        self.state.lock().used.remove(workspace);
        Ok(())
    }

    /// The tasks that have files, by workspace, but for those that may not be there yet.
    ///
    /// # Errors
    /// The folders cannot be listed.
    pub fn owners(&self) -> Result<Vec<(WorkspaceName, TaskId)>, StoreError> {
        if !self.is_used.load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let unread = failed("the files cannot be listed");
        let mut found = Vec::new();
        for workspace in names(&self.root).map_err(&unread)? {
            let Ok(workspace) = workspace.parse::<WorkspaceName>() else {
                continue;
            };
            for task in names(&self.of_workspace(&workspace)).map_err(&unread)? {
                found.extend(task.parse().ok().map(|task| (workspace.clone(), task)));
            }
        }
        Ok(found)
    }

    /// Whether a task has been given files and may not be there yet. To be asked before whether it is there.
    pub fn is_arriving(&self, task: TaskId) -> bool {
        self.state.lock().arriving.contains_key(&task)
    }

    /// Counts bytes of a workspace that are about to be written.
    fn take(&self, workspace: &WorkspaceName, bytes: u64) -> Result<(), BlobError> {
        let most = self.most.load(Ordering::Relaxed);
        let folder = self.of_workspace(workspace);
        let usage = self.usage(workspace);
        usage.take(&folder, (bytes, most), &self.counts)
    }

    fn usage(&self, workspace: &WorkspaceName) -> Arc<Usage> {
        let mut state = self.state.lock();
        if let Some(known) = state.used.get(workspace) {
            return known.clone();
        }
        state.used.entry(workspace.clone()).or_default().clone()
    }

    fn give_back(&self, workspace: &WorkspaceName, bytes: u64) {
        let usage = self.state.lock().used.get(workspace).cloned();
        if let Some(usage) = usage {
            usage.give_back(bytes);
        }
    }

    /// See [`Blobs::given`].
    fn given(&self, task: TaskId) -> MutexGuard<'_, ()> {
        let place = FxBuildHasher.hash_one(task) as usize % GIVEN;
        self.given[place].lock()
    }
}

/// Does work on files on a thread that may block.
///
/// # Errors
/// Those of the work; [`StoreError::Closed`] if it was cut off.
pub async fn on_disk<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(StoreError::Closed.into()))
}

#[cfg(test)]
mod tests;
