//! Whether the tree's file has all that was durable in it, before sled opens it: sled would pass over what it
//! cannot read, and write zeros behind it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::codec::damaged;
use super::generation::Tag;
use super::message::Kind;
use super::pages;
use super::segments::{Hole, scan};
use crate::store::StoreError;

/// Refuses the tree in `tree` if anything is missing that was written before it was durable at generation
/// `durable`, when its file had `bytes`.
///
/// # Errors
/// [`StoreError::Damaged`] says where; the tree is as it was.
pub(in super::super) fn check(
    tree: &Path,
    tag: Tag,
    durable: u64,
    bytes: u64,
) -> Result<(), StoreError> {
    let file = tree.join("db");
    let unreadable =
        |error: io::Error| StoreError::unavailable(format!("{}: {error}", file.display()));
    if durable == 0 {
        return Ok(());
    }
    let from = snapshot(tree).map_err(unreadable)?;
    let (mut holes, mut at) = since(&file, from, tag, durable).map_err(unreadable)?;
    if at.is_none() && from > 0 {
        // It was durable before the snapshot. What sled does not read anew it reads when it is asked for.
        let (_, before) = since(&file, 0, tag, durable).map_err(unreadable)?;
        at = before;
    }
    let Some(at) = at else {
        return Err(damaged(
            "the tree",
            &format!("tree/db is older than what was written last (generation {durable})"),
        ));
    };
    holes.retain(|hole| hole.lsn < at);
    if let Some(Hole { offset, bytes, .. }) = holes.first() {
        return Err(damaged(
            "the tree",
            &format!("{bytes} bytes at byte {offset} of tree/db are not what was written"),
        ));
    }
    let length = fs::metadata(&file).map_err(unreadable)?.len();
    if length < bytes {
        // sled gives back what it does not use at the end.
        let values = pages::read(&file, Some(tag), Some(durable)).map_err(unreadable)?;
        if !values.gaps.is_empty() || !values.holes.is_empty() {
            return Err(damaged(
                "the tree",
                &format!("tree/db has {length} bytes of {bytes}"),
            ));
        }
    }
    Ok(())
}

/// The holes from `from` on, and where the generation first stands there.
fn since(file: &Path, from: i64, tag: Tag, durable: u64) -> io::Result<(Vec<Hole>, Option<i64>)> {
    let mut found: Option<(u64, i64)> = None;
    let holes = scan(file, from, |message| {
        if matches!(message.kind, Kind::Node | Kind::Link)
            && let Some(generation) = tag.find(message.body)
            && generation >= durable
            && found.is_none_or(|(least, _)| generation < least)
        {
            found = Some((generation, message.lsn));
        }
    })?;
    Ok((holes, found.map(|(_, lsn)| lsn)))
}

/// Where in its log sled begins to read: its newest list of pages says so.
fn snapshot(tree: &Path) -> io::Result<i64> {
    let mut newest = None;
    for entry in fs::read_dir(tree)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with("snap.") && !name.ends_with(".generating") {
            newest = newest.max(Some(path));
        }
    }
    let Some(newest) = newest else { return Ok(0) };
    let mut first = [0; 8];
    if File::open(newest)?.read_exact_at(&mut first, 0).is_err() {
        return Ok(0);
    }
    // One more than it is; 0 for none.
    Ok((i64::from_le_bytes(first) - 1).max(0))
}
