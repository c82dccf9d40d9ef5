//! The path against which a file's relative imports are resolved.

use std::path::{Path, PathBuf};

/// The path against which a file's relative imports are resolved: `canonical`, where its links lead, as in Node.js; or
/// `given`, the path without links followed, if a part of `canonical` below `root` is hidden. A mounted ConfigMap keeps
/// its files in folders such as `..2026_11_28`, of which each update makes another.
///
/// If `canonical` is outside `root`, all of it is checked for hidden parts.
pub fn import_base(root: &Path, given: &Path, canonical: &Path) -> PathBuf {
    let checked = canonical.strip_prefix(root).unwrap_or(canonical);
    let is_hidden = |part: &std::ffi::OsStr| part.as_encoded_bytes().starts_with(b".");
    if checked.iter().any(is_hidden) {
        given.to_path_buf()
    } else {
        canonical.to_path_buf()
    }
}
