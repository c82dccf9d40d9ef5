//! Whether sled opens the tree. All of its file may be read, and sled still give it up: after a power cut, if what it
//! wrote last is there in part, and what it wrote before is not.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::failure::{OpenError, io};
use super::super::repair;
use super::super::room;
use super::super::tree::Tree;
use super::report::Damage;
use crate::store::StoreError;

/// Bytes of the tree that are held in memory meanwhile.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// The prefix of the names of copies.
const PREFIX: &str = "tree-trial-";

/// Opens a copy of the tree of the store at `path`, and returns the error if sled does not open it. Nothing is lost
/// by that, if the tree's file is sound. The copy is beside the store, and is removed again. On a disk without room for
/// it nothing is tried.
///
/// # Errors
/// The tree cannot be copied.
pub(super) fn open_a_copy(path: &Path) -> Result<Option<Damage>, OpenError> {
    let tree = path.join("tree");
    if !tree.join("db").exists() {
        return Ok(None);
    }
    let copy = match copied(&tree, path) {
        Ok(copy) => copy,
        Err(StoreError::Full) => {
            tracing::warn!(
                "the disk has no room for a copy of the tree, to try whether sled opens it"
            );
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    repair::before_open(copy.path(), copy.path()).map_err(io("the tree's copy"))?;
    match Tree::open(copy.path(), CACHE_BYTES) {
        Ok(_) => Ok(None),
        Err(OpenError::Store(StoreError::Damaged(why))) => {
            let what = format!("all of it can be read, but it does not open: {why}");
            Ok(Some(Damage::new(
                "the tree",
                "tree/db",
                "the database",
                what,
            )))
        }
        Err(error) => Err(error),
    }
}

fn copied(tree: &Path, store: &Path) -> Result<tempfile::TempDir, StoreError> {
    let failed = io("the tree cannot be copied");
    let beside = match store.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // Those of a check that was killed.
    for entry in fs::read_dir(&beside).map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_dir_all(entry.path()).map_err(&failed)?;
        }
    }
    let bytes = fs::metadata(tree.join("db")).map_err(&failed)?.len();
    if room::free(store) < bytes.saturating_add(2 * room::needed(store)) {
        return Err(StoreError::Full);
    }
    let copy = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(beside)
        .map_err(&failed)?;
    for entry in fs::read_dir(tree).map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        if entry.file_type().map_err(&failed)?.is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).map_err(&failed)?;
        }
    }
    Ok(copy)
}
