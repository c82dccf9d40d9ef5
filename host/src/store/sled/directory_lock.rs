//! One process at a time has the store's directory.

use std::path::Path;

use super::failure::{OpenError, unusable};
use crate::store::directory_lock::DirectoryLock;

/// Takes `path`, and creates it if it is missing. Fails with [`OpenError::Locked`] while another process,
/// or another store of this one, has it.
pub(super) fn take(path: &Path) -> Result<DirectoryLock, OpenError> {
    let failed = |error| unusable(path, &error);
    std::fs::create_dir_all(path).map_err(failed)?;
    let lock = DirectoryLock::take(path).map_err(failed)?;
    lock.ok_or_else(|| OpenError::Locked(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_taken_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let lock = take(directory.path()).unwrap();
        let refused = take(directory.path()).unwrap_err();
        assert!(matches!(refused, OpenError::Locked(_)), "{refused}");
        drop(lock);
        take(directory.path()).unwrap();
    }
}
