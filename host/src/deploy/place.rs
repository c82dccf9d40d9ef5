//! Where a file counts as standing.

use std::path::{Path, PathBuf};

/// Where a file counts as standing, which is what relative imports start from. As in Node.js that is
/// where a link leads to; but not if a part of that place is hidden: a mounted ConfigMap keeps its
/// files in folders such as `..2026_11_28`, of which each update makes another.
pub fn place(root: &Path, written: &Path, real: &Path) -> PathBuf {
    let below = real.strip_prefix(root).unwrap_or(real);
    let is_hidden = |part: &std::ffi::OsStr| part.as_encoded_bytes().starts_with(b".");
    if below.iter().any(is_hidden) {
        written.to_path_buf()
    } else {
        real.to_path_buf()
    }
}
