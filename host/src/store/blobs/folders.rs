//! Folders and the files in them.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::store::StoreError;

pub(super) fn failed(what: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::unavailable(format!("{what}: {error}")),
    }
}

/// Removes a folder with all that is in it, or a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("a file cannot be removed")(error))
        }
        _ => Ok(()),
    }
}

/// The names in a folder; none if it is not there.
pub(super) fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
    names.filter_map(Result::transpose).collect()
}

/// Bytes of the files in a folder. One that is removed meanwhile has none.
pub(super) fn bytes_in(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for name in names(path)? {
        bytes += match fs::metadata(path.join(name)) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}

/// Makes the names in a folder durable.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_goes_while_a_folder_is_counted_has_no_bytes() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), [0; 10]).unwrap();
        // It is listed and not there, as one that was removed in between.
        std::os::unix::fs::symlink("nowhere", folder.path().join("b")).unwrap();
        assert_eq!(bytes_in(folder.path()).unwrap(), 10);
    }

    #[test]
    fn files_and_folders_are_removed_alike() {
        let home = tempfile::tempdir().unwrap();
        let [folder, file] = ["folder", "file"].map(|name| home.path().join(name));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), "a").unwrap();
        fs::write(&file, "a").unwrap();
        for path in [&folder, &file, &home.path().join("none")] {
            remove(path).unwrap();
            assert!(!path.exists());
        }
    }
}
