//! The files of the log: their numbers, and how one is made.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much of a new slot is written in one go. The page cache remembers a write in pieces as large as
/// it was, and writes a piece back whole though only some bytes of it have changed: with 256 KiB a
/// sync of 20 KiB wrote 300.
const BLOCK: usize = 4096;

/// How much of a new slot is made durable in one go: what others write waits for no more than this.
const PORTION: u64 = 1024 * 1024;

/// The number in the name of a slot's file.
pub(super) fn number_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// A new file of `bytes` zeros, durable but for its name.
pub(super) fn zeroed(path: &Path, bytes: u64) -> std::io::Result<File> {
    let mut options = File::options();
    let file = options.create_new(true).read(true).write(true).open(path)?;
    let zeros = [0; BLOCK];
    let mut at = 0;
    while at < bytes {
        let length = zeros.len().min((bytes - at) as usize);
        file.write_all_at(&zeros[..length], at)?;
        at += length as u64;
        if at.is_multiple_of(PORTION) {
            file.sync_data()?;
        }
    }
    file.sync_all()?;
    Ok(file)
}
