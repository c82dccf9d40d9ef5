//! Whether the tree's file has all that was durable in it, before sled opens it: sled would pass over what it
//! cannot read, and write zeros behind it. What was not durable ends at the first hole, also for sled.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::codec::damaged;
use super::generation::Tag;
use super::message::{Kind, SEGMENT};
use super::pages;
use super::segments::{Hole, scan, segments_after};
use crate::store::StoreError;

/// Refuses the tree in `tree` if anything is missing that was written before it was durable at generation
/// `durable`, when its file had `bytes`. Of what was written later, nothing is left behind the first hole, see [`cut`].
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
    let (holes, mut at) = since(&file, from, tag, durable).map_err(unreadable)?;
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
    if let Some(Hole { offset, bytes, .. }) = holes.iter().find(|hole| hole.lsn < at) {
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
    let Some(tear) = holes.iter().find(|hole| hole.lsn >= at) else {
        return Ok(());
    };
    let opened = File::options().read(true).write(true).open(&file);
    let opened = opened.map_err(unreadable)?;
    let behind = segments_after(&opened, tear.lsn).map_err(unreadable)?;
    if behind.is_empty() {
        return Ok(());
    }
    // sled may have written behind it, in the place of what was there before.
    let values = pages::read(&file, Some(tag), Some(durable)).map_err(unreadable)?;
    if !values.gaps.is_empty() {
        let why = format!(
            "what follows byte {} of tree/db is not whole, and what was there before is gone in part",
            tear.offset
        );
        return Err(damaged("the tree", &why));
    }
    cut(&opened, &behind).map_err(unreadable)
}

/// Fills the segments behind a tear with zeros, as sled does with those that it gives up. It takes the end of its
/// log for torn only near the newest segment; from a tear before that it goes on with the next segment, and has pages of two
/// times beside each other. Nothing there was durable, and the store's own log has it.
fn cut(file: &File, behind: &[u64]) -> io::Result<()> {
    let length = file.metadata()?.len();
    let zeros = vec![0; SEGMENT];
    // From the last one on: what is left of a cut that does not come to its end is a tear at the same place.
    for offset in behind.iter().rev() {
        let bytes = usize::try_from(length.saturating_sub(*offset))
            .map_or(SEGMENT, |left| left.min(SEGMENT));
        file.write_all_at(&zeros[..bytes], *offset)?;
        file.sync_data()?;
    }
    tracing::warn!(
        segments = behind.len(),
        "a part of the tree that was being written when the server stopped is not whole, and what was written after it is \
         left out; the log has it all"
    );
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
