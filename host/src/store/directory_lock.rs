//! A lock that lets one process at a time use a directory.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Keeps other processes from a directory until it is dropped.
///
/// It is unlocked explicitly: closing the file would not be enough. A child process has a copy of the
/// file between its `fork` and its `exec`, and `flock(2)` holds as long as any copy is open.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// The file's name.
    pub const FILE: &str = "lock";

    /// Locks the directory at `path`, which must exist. None while another process, or another store of this one,
    /// has the lock.
    ///
    /// # Errors
    /// Its file `lock` cannot be made or locked.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        let file = options.open(path.join(Self::FILE))?;
        match file.try_lock() {
            // A repair may have put another directory there since the file was opened.
            Ok(()) => Ok(is_at(&file, &path.join(Self::FILE))?.then_some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Whether a path is that of an open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (open, there) = (file.metadata()?, std::fs::metadata(path));
    Ok(there.is_ok_and(|there| (open.dev(), open.ino()) == (there.dev(), there.ino())))
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
    fn the_file_of_a_directory_that_is_elsewhere_now_is_not_taken_for_another_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        std::fs::create_dir(&path).unwrap();
        let lock = DirectoryLock::take(&path).unwrap().unwrap();
        assert!(is_at(&lock.file, &path.join(DirectoryLock::FILE)).unwrap());
        std::fs::rename(&path, directory.path().join("kept")).unwrap();
        assert!(!is_at(&lock.file, &path.join(DirectoryLock::FILE)).unwrap());
        std::fs::create_dir(&path).unwrap();
        let _other = DirectoryLock::take(&path).unwrap().unwrap();
        assert!(!is_at(&lock.file, &path.join(DirectoryLock::FILE)).unwrap());
    }

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
