//! One process at a time has a directory.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// The directory is this process's until this is dropped.
///
/// It is unlocked explicitly: closing the file would not be enough. A child process has a copy of the
/// file between its `fork` and its `exec`, and `flock(2)` holds as long as any copy is open.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Takes the directory at `path`, which is there. None while another process, or another store of this one,
    /// has it.
    ///
    /// # Errors
    /// Its file `lock` cannot be made or locked.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        let file = options.open(path.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_free_again_although_a_child_has_a_copy_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::take(directory.path()).unwrap().unwrap();
        // As a process has it that was forked and has not begun its program yet.
        let _copy = lock.file.try_clone().unwrap();
        assert!(DirectoryLock::take(directory.path()).unwrap().is_none());
        drop(lock);
        assert!(DirectoryLock::take(directory.path()).unwrap().is_some());
    }
}
