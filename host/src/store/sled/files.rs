//! The names of the store's files, and files that are there whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// The extension of a file that is being written.
pub(super) const UNFINISHED: &str = "tmp";

/// The file with the marks of the store's parts.
pub(super) const MARKS: &str = "marks";
/// The file with the copy of the catalog.
pub(super) const CATALOG_COPY: &str = "catalog";

/// The name of a file of the log.
pub(super) fn slot_name(number: u64) -> String {
    format!("{number:08}.log")
}

/// The name of a file of the archive.
pub(super) fn segment_name(number: u32) -> String {
    format!("{number:08}.tasks")
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a file beside `path`, in `directory` of the same file system, makes it durable and renames it to
/// `path`. The name is durable only after [`sync_directory`]. After an error no part of the file is left;
/// after a crash there may be one with the extension [`UNFINISHED`].
pub(super) fn write_durable(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .suffix(&format!(".{UNFINISHED}"))
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path)?;
    Ok(())
}
