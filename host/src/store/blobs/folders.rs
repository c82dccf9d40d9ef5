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

pub(super) fn remove_folder(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
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

/// Bytes of the files in a folder.
pub(super) fn bytes_in(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for name in names(path)? {
        bytes += fs::metadata(path.join(name))?.len();
    }
    Ok(bytes)
}

/// Makes the names in a folder durable.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
