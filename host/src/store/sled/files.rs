//! The names of the store's files, and files that are there whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
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

/// Bytes of a file that are written before they are made durable: what others write waits for that.
const PORTION: usize = 256 * 1024;

/// Writes a file beside `path`, in `directory` of the same file system, makes it durable and renames it to
/// `path`. The name is durable only after [`sync_directory`]. After an error no part of the file is left;
/// after a crash there may be one with the extension [`UNFINISHED`]. An error has the system's number.
pub(super) fn write_durable(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .suffix(&format!(".{UNFINISHED}"))
        // What the builder opens itself, and what is written through it, has errors without the number.
        .make_in(directory, |path| {
            let mut options = File::options();
            options.read(true).write(true).create_new(true);
            options.mode(0o600).open(path)
        })?;
    let written = file.as_file_mut();
    in_portions(bytes, |portion| {
        written.write_all(portion)?;
        written.sync_data()
    })?;
    file.persist(path)?;
    Ok(())
}

/// Gives the portions of a file, in order; there is one at least.
fn in_portions(bytes: &[u8], mut write: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let (first, rest) = bytes.split_at(bytes.len().min(PORTION));
    write(first)?;
    rest.chunks(PORTION).try_for_each(write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_durable_in_portions() {
        for length in [0, 1, PORTION, PORTION + 1, 5 * PORTION - 1] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut portions = Vec::new();
            let gave = in_portions(&bytes, |portion| {
                portions.push(portion.to_vec());
                Ok(())
            });
            gave.unwrap();
            assert_eq!(portions.len(), length.div_ceil(PORTION).max(1));
            assert!(portions.iter().all(|portion| portion.len() <= PORTION));
            assert_eq!(portions.concat(), bytes);
        }
    }
}
