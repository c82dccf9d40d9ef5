//! Names of files, made durable.

use std::fs::File;
use std::path::Path;

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}
