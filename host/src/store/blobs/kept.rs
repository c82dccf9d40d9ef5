//! Files that are given to a task.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;

use super::folders::{failed, names, sync};
use super::incoming::Charge;
use super::{Arrived, BlobError, Blobs};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// Files of a form up to which each is synced by itself: a sync of all writes what others have not synced, too.
const SYNCED_ALONE: usize = 8;

/// Files that a task has been given. They are removed when it is dropped, unless the task may be there by then
/// ([`Kept::begin_acceptance`]) or is ([`Kept::stay`]); those that the task had before stay in any case.
#[derive(Debug)]
pub struct Kept {
    blobs: Arc<Blobs>,
    task: TaskId,
    directory: PathBuf,
    new: Vec<(PathBuf, Charge)>,
    acceptance: Acceptance,
}

/// How far the write is that makes the files their task's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acceptance {
    /// It has not begun, or was refused.
    None,
    /// It is under way.
    RunOrigin,
    /// Only the next start of the store can tell whether the task was stored.
    Unknown,
}

impl Blobs {
    /// Gives files to a task, durably. To be called before the task is accepted.
    ///
    /// # Errors
    /// They cannot be moved; none is left.
    pub fn keep(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        files: Vec<Arrived>,
    ) -> Result<Kept, StoreError> {
        // Before one has its name: another request that finds it there takes it for durable.
        self.make_durable(&files)
            .map_err(failed("a file cannot be written"))?;
        let mut kept = self.kept(workspace, task);
        kept.make().map_err(failed("a file cannot be written"))?;
        self.settle(workspace, task)?;
        for file in files {
            let path = kept.directory.join(HEXLOWER.encode(&file.digest));
            // It came twice.
            if kept.is_there(&path) {
                continue;
            }
            let moved = file.path.persist(&path);
            moved.map_err(|error| failed("a file cannot be written")(error.error))?;
            kept.new.push((path, file.charge));
        }
        sync(&kept.directory).map_err(failed("a file cannot be written"))?;
        Ok(kept)
    }

    /// Makes the bytes of files durable: each by itself if they are few, or else all at once, so that a form of many small
    /// files does not have the disk write its journal for each.
    fn make_durable(&self, files: &[Arrived]) -> io::Result<()> {
        if files.len() > SYNCED_ALONE {
            self.count_sync();
            return Ok(rustix::fs::syncfs(File::open(&self.root)?)?);
        }
        for file in files {
            self.count_sync();
            File::open(&file.path)?.sync_data()?;
        }
        Ok(())
    }

    /// Gives a task the files that another one of its workspace has; none if it has none.
    ///
    /// # Errors
    /// [`BlobError`]; none is left.
    pub fn share(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        (from, to): (TaskId, TaskId),
    ) -> Result<Option<Kept>, BlobError> {
        let source = self.of_task(workspace, from);
        let unwritten = failed("a file cannot be written");
        let files = names(&source).map_err(&unwritten)?;
        if files.is_empty() {
            return Ok(None);
        }
        let mut kept = self.kept(workspace, to);
        kept.make().map_err(&unwritten)?;
        self.settle(workspace, to)?;
        for name in files {
            let (old, new) = (source.join(&name), kept.directory.join(&name));
            if kept.is_there(&new) {
                continue;
            }
            let mut charge = Charge::none(self, workspace);
            charge.grow(fs::metadata(&old).map_err(&unwritten)?.len())?;
            fs::hard_link(&old, &new).map_err(&unwritten)?;
            kept.new.push((new, charge));
        }
        sync(&kept.directory).map_err(unwritten)?;
        Ok(Some(kept))
    }

    /// What the task has already is counted before it is given more, which counts by itself.
    fn settle(&self, workspace: &WorkspaceName, task: TaskId) -> Result<(), StoreError> {
        let settled = self
            .usage(workspace)
            .settle(&self.of_workspace(workspace), task);
        settled.map_err(failed("the files cannot be counted"))
    }

    /// Removes the files of writes that ended with [`StoreError::Undecided`] and have been taken back.
    pub fn take_back_undecided(&self) {
        let undecided = std::mem::take(&mut self.state.lock().undecided);
        undecided.into_iter().for_each(Kept::remove);
    }

    fn kept(self: &Arc<Self>, workspace: &WorkspaceName, task: TaskId) -> Kept {
        self.state.lock().arriving.entry(task).or_default().requests += 1;
        Kept {
            blobs: self.clone(),
            task,
            directory: self.of_task(workspace, task),
            new: Vec::new(),
            acceptance: Acceptance::None,
        }
    }
}

impl Kept {
    /// The task that has been given them.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// The write that makes the files their task's begins, and may be durable before its result is known. If the files
    /// are dropped without the result, as at a shutdown, they are left: without a task they are removed after the next
    /// start.
    pub fn begin_acceptance(&mut self) {
        self.acceptance = Acceptance::RunOrigin;
    }

    /// The task is there, and the files are removed with it.
    pub fn stay(mut self) {
        self.acceptance = Acceptance::RunOrigin;
    }

    /// The task is not there, and the files are removed now.
    pub fn remove(mut self) {
        self.acceptance = Acceptance::None;
    }

    /// The write has failed. The files are removed, unless the task may be there in spite of the error.
    pub fn refuse(mut self, error: &StoreError) {
        if matches!(error, StoreError::Undecided) {
            let blobs = self.blobs.clone();
            blobs.state.lock().undecided.push(self);
            return;
        }
        self.acceptance = match error.is_outcome_unknown() {
            true => Acceptance::Unknown,
            false => Acceptance::None,
        };
    }

    /// Whether the task has a file already. Then it stays although the request that gave it first is refused.
    fn is_there(&self, path: &Path) -> bool {
        if self.new.iter().any(|(new, _)| new == path) {
            return true;
        }
        let _given = self.blobs.given(self.task);
        let is_there = path.exists();
        let mut state = self.blobs.state.lock();
        if is_there && let Some(arriving) = state.arriving.get_mut(&self.task) {
            arriving.given_again.push(path.to_owned());
        }
        is_there
    }

    /// Makes the task's folder, durably. If it is there already, another request may have made it a moment ago, and its
    /// name may not be durable yet.
    fn make(&self) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        // The task's name, the workspace's, the name of all: each is in the one above.
        for above in self.directory.ancestors().skip(1).take(3) {
            sync(above)?;
        }
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let (blobs, is_refused) = (self.blobs.clone(), self.acceptance == Acceptance::None);
        let mut given_back = Vec::new();
        // No other request takes a file for the task's that is removed now.
        let given = blobs.given(self.task);
        let given_again = match blobs.state.lock().arriving.get(&self.task) {
            Some(arriving) => arriving.given_again.clone(),
            None => return,
        };
        for (path, mut charge) in self.new.drain(..) {
            if is_refused && !given_again.contains(&path) {
                let _ = fs::remove_file(path);
                given_back.push(charge);
            } else {
                charge.stay();
            }
        }
        if is_refused {
            // Only an empty directory is removed: another request may have given the task files.
            let _ = fs::remove_dir(&self.directory);
        }
        let mut state = blobs.state.lock();
        let Some(arriving) = state.arriving.get_mut(&self.task) else {
            return;
        };
        // This process must not take a task for one that is not there if it may be.
        if self.acceptance != Acceptance::Unknown {
            arriving.requests -= 1;
            if arriving.requests == 0 {
                state.arriving.remove(&self.task);
            }
        }
        drop(state);
        drop(given);
        drop(given_back);
    }
}
