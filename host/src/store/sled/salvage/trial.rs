//! Whether a start reads the tree as its file was read here. All of the file may be read, and sled still give it up, or have
//! other values: after a power cut, if what it wrote last is there in part, and what it wrote before is not.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::super::failure::{GAVE_UP, OpenError, from_sled, io};
use super::super::repair;
use super::super::room;
use super::super::scan::before_open;
use super::super::scan::pages::Fingerprint;
use super::super::tree::Tree;
use super::read::Salvage;
use super::report::Damage;
use crate::store::StoreError;

/// Bytes of the tree that are held in memory meanwhile.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// The prefix of the names of copies.
const PREFIX: &str = "tree-trial-";

/// Opens a copy of the tree of the store at `path` as a start does, and compares its values with those that were read of the
/// file. Nothing is lost if it does not open, or has others: the file is sound. The copy is beside the store, and is
/// removed again. On a disk without room for it nothing is tried.
///
/// # Errors
/// The tree cannot be copied.
pub(super) fn open_a_copy(path: &Path, salvage: &Salvage) -> Result<Option<Damage>, OpenError> {
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
    let what = match fingerprint(copy.path(), salvage) {
        Ok(found) if found == salvage.tree => return Ok(None),
        Ok(_) => "all of it can be read, but a start reads other values".to_owned(),
        Err(OpenError::Store(StoreError::Damaged(why))) => {
            format!("all of it can be read, but it does not open: {why}")
        }
        Err(error) => return Err(error),
    };
    Ok(Some(Damage::new(
        "the tree",
        "tree/db",
        "the database",
        what,
    )))
}

/// The fingerprint of the values that a start reads of the tree at `tree`.
fn fingerprint(tree: &Path, salvage: &Salvage) -> Result<[u8; 32], OpenError> {
    repair::before_open(tree, tree).map_err(io("the tree's copy"))?;
    if let Some(noted) = &salvage.noted {
        before_open::check(tree, noted.tag, noted.generation, noted.tree_bytes)?;
    }
    let db = Tree::open(tree, CACHE_BYTES)?;
    let read = catch_unwind(AssertUnwindSafe(|| {
        let mut all = Fingerprint::default();
        for pair in db.iter() {
            let (key, value) = pair.map_err(from_sled)?;
            all.add(&key, &value);
        }
        Ok(all.digest())
    }));
    read.unwrap_or_else(|_| Err(StoreError::Damaged(GAVE_UP.to_owned()).into()))
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
