//! Files that came with tasks: `blobs/<workspace>/<task>/<SHA-256>`. A task's files are in a folder of its own, which goes with
//! the task, so that no workspace learns from time or space whether another one has a file. A file is durable before
//! anything names it. A file that is being received is in `blobs/.incoming`, and is removed at the next start after a crash.
//!
//! Everything here blocks on the disk: see [`on_disk`].

mod copied;
mod erase;
mod incoming;
mod kept;

use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::StoreError;
use crate::domain::blocking::spawn_blocking;
use crate::domain::ids::{TaskId, WorkspaceName};

pub use incoming::{Arrived, Incoming};
pub use kept::Kept;

/// No workspace has this name.
const INCOMING: &str = ".incoming";

/// The SHA-256 of a file.
pub type BlobDigest = [u8; 32];

/// Why a file is not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BlobError {
    /// The workspace has as many bytes of files as it may have.
    #[error(
        "the workspace's files have {most} bytes, the most that they may have; they are removed with their tasks, or let the operator set `serve --files-bytes`"
    )]
    WorkspaceFull {
        /// The bound.
        most: u64,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The files of all workspaces.
#[derive(Debug)]
pub struct Blobs {
    root: PathBuf,
    /// Whether there may be any.
    is_used: AtomicBool,
    /// The most bytes of all files of one workspace.
    most: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes of each workspace that was asked for since the start, those on their way in included.
    used: FxHashMap<WorkspaceName, u64>,
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
        let path = self.of_task(workspace, task);
        // Under the lock, so that nothing is counted meanwhile.
        let mut state = self.state.lock();
        let bytes = bytes_in(&path).map_err(failed("a file cannot be looked at"))?;
        remove_folder(&path)?;
        state.give_back(workspace, bytes);
        Ok(())
    }

    /// Removes all files of a workspace.
    ///
    /// # Errors
    /// They cannot be removed.
    pub fn remove_all(&self, workspace: &WorkspaceName) -> Result<(), StoreError> {
        if !self.is_used.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = self.state.lock();
        remove_folder(&self.of_workspace(workspace))?;
        // A file that is being received counts already; its bytes are given back if it fails.
        state.used.remove(workspace);
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
        let mut state = self.state.lock();
        let used = match state.used.entry(workspace.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let counted = bytes_below(&self.of_workspace(workspace));
                let counted = counted.map_err(failed("the files cannot be counted"))?;
                unknown.insert(counted)
            }
        };
        if used.saturating_add(bytes) > most {
            return Err(BlobError::WorkspaceFull { most });
        }
        *used += bytes;
        Ok(())
    }

    fn give_back(&self, workspace: &WorkspaceName, bytes: u64) {
        self.state.lock().give_back(workspace, bytes);
    }
}

impl State {
    fn give_back(&mut self, workspace: &WorkspaceName, bytes: u64) {
        if let Some(used) = self.used.get_mut(workspace) {
            *used = used.saturating_sub(bytes);
        }
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

fn failed(what: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::unavailable(format!("{what}: {error}")),
    }
}

fn remove_folder(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("a file cannot be removed")(error))
        }
        _ => Ok(()),
    }
}

/// The names in a folder; none if it is not there.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
    names.filter_map(Result::transpose).collect()
}

/// Bytes of the files in a folder.
fn bytes_in(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for name in names(path)? {
        bytes += fs::metadata(path.join(name))?.len();
    }
    Ok(bytes)
}

/// Bytes of the files in the folders of a folder.
fn bytes_below(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for name in names(path)? {
        bytes += bytes_in(&path.join(name))?;
    }
    Ok(bytes)
}

/// Makes the names in a folder durable.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests;
