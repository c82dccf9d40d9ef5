//! Files that are given to a task.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::HEXLOWER;

use super::incoming::Charge;
use super::{Arrived, BlobError, Blobs, failed, names, sync};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// Files that a task has been given. They are removed when it is dropped, unless the task is there
/// ([`Kept::stay`]); those that the task had before stay in any case.
#[derive(Debug)]
pub struct Kept {
    blobs: Arc<Blobs>,
    task: TaskId,
    directory: PathBuf,
    new: Vec<(PathBuf, Charge)>,
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
        let mut kept = self.kept(workspace, task);
        kept.make().map_err(failed("a file cannot be written"))?;
        for file in files {
            let path = kept.directory.join(HEXLOWER.encode(&file.digest));
            // It came twice.
            if path.exists() {
                continue;
            }
            let moved = file.path.persist(&path);
            moved.map_err(|error| failed("a file cannot be written")(error.error))?;
            kept.new.push((path, file.charge));
        }
        sync(&kept.directory).map_err(failed("a file cannot be written"))?;
        Ok(kept)
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
        for name in files {
            let (old, new) = (source.join(&name), kept.directory.join(&name));
            if new.exists() {
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

    fn kept(self: &Arc<Self>, workspace: &WorkspaceName, task: TaskId) -> Kept {
        *self.state.lock().arriving.entry(task).or_default() += 1;
        Kept {
            blobs: self.clone(),
            task,
            directory: self.of_task(workspace, task),
            new: Vec::new(),
        }
    }
}

impl Kept {
    /// The task that has been given them.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// The task is there, and the files are removed with it.
    pub fn stay(mut self) {
        for (_, mut charge) in self.new.drain(..) {
            charge.stay();
        }
    }

    /// Makes the task's folder, durably.
    fn make(&self) -> io::Result<()> {
        if self.directory.exists() {
            return Ok(());
        }
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
        for (path, _) in &self.new {
            let _ = fs::remove_file(path);
        }
        // Only what is empty is removed: another request may have given the task files.
        let _ = fs::remove_dir(&self.directory);
        let mut state = self.blobs.state.lock();
        if let Some(count) = state.arriving.get_mut(&self.task) {
            *count -= 1;
            if *count == 0 {
                state.arriving.remove(&self.task);
            }
        }
    }
}
