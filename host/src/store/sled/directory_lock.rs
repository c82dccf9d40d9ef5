//! One process at a time has the store's directory.

use std::fs::File;
use std::path::Path;

use super::failure::{OpenError, unusable};

/// The directory is this process's until this is dropped.
///
/// It is unlocked explicitly: closing the file would not be enough. A child process has a copy of the
/// file between its `fork` and its `exec`, and `flock(2)` holds as long as any copy is open.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Takes `path`, and creates it if it is missing. Fails with [`OpenError::Locked`] while another process,
    /// or another store of this one, has it.
    pub fn take(path: &Path) -> Result<Self, OpenError> {
        std::fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(|error| unusable(path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(OpenError::Locked(path.display().to_string()))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(unusable(path, &error)),
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
        let lock = DirectoryLock::take(directory.path()).unwrap();
        // As a process has it that was forked and has not begun its program yet.
        let _copy = lock.file.try_clone().unwrap();
        let refused = DirectoryLock::take(directory.path()).unwrap_err();
        assert!(matches!(refused, OpenError::Locked(_)), "{refused}");
        drop(lock);
        DirectoryLock::take(directory.path()).unwrap();
    }
}
