//! Whether all parts of a store are there, before anything is opened.

use std::path::Path;

use super::codec::damaged;
use super::files::{CATALOG_COPY, MARKS, segment_name, slot_name};
use super::marks::StoreMarks;
use crate::store::StoreError;

/// Refuses the store at `path` if a part is missing or cut that was there.
///
/// # Errors
/// [`StoreError::Damaged`] names the part and the file.
pub(super) fn check(path: &Path, noted: Option<&StoreMarks>) -> Result<(), StoreError> {
    match missing(path, noted).into_iter().next() {
        Some(Missing { part, why, .. }) => Err(damaged(part, &why)),
        None => Ok(()),
    }
}

/// A file that is not there as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub part: &'static str,
    /// Its path in the store.
    pub file: String,
    pub why: String,
}

/// The files that are missing or cut in the store at `path`.
pub(super) fn missing(path: &Path, noted: Option<&StoreMarks>) -> Vec<Missing> {
    let mut all = Vec::new();
    let has_tree = path.join("tree/db").exists();
    let Some(noted) = noted else {
        let others = ["log", "archive", "bodies", CATALOG_COPY];
        let other = others.iter().find(|part| has_any(&path.join(part)));
        if let (false, Some(other)) = (has_tree, other) {
            all.push(Missing {
                part: "the tree",
                file: "tree/db".into(),
                why: format!("tree/db is missing, and {other} is there"),
            });
        }
        return all;
    };
    if !has_tree {
        all.push(Missing {
            part: "the tree",
            file: "tree/db".into(),
            why: format!("tree/db is missing, and the file {} is there", MARKS),
        });
    }
    let mut look = |part, file: String, bytes: u64| {
        let why = match std::fs::metadata(path.join(&file)) {
            Err(_) => format!("{file} is missing"),
            Ok(found) if found.len() < bytes => {
                format!("{file} is cut: it has {} bytes of {bytes}", found.len())
            }
            Ok(_) => return,
        };
        all.push(Missing { part, file, why });
    };
    for (number, bytes) in &noted.slots {
        look("the log", format!("log/{}", slot_name(*number)), *bytes);
    }
    for (number, bytes) in &noted.segments {
        look(
            "the archive",
            format!("archive/{}", segment_name(*number)),
            *bytes,
        );
    }
    all
}

/// Whether there is a file, or a directory that is not empty.
fn has_any(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.exists(),
    }
}
