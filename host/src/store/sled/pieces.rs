//! Long journals: pieces of them under keys of their own, before what the task's record has. They are only appended, and
//! those that no record counts are nothing. So a reader need not hold the tree over all of them, and a fold puts them
//! there in portions, before the record: all reads of the tree wait for a batch of it.

use sled::Batch;

use super::codec::damaged;
use super::disk::Disk;
use super::failpoint::Write;
use super::failure::from_sled;
use super::long::PIECE;
use super::overlay::OverlayTask;
use super::shapes::journal::Piece;
use super::shapes::read;
use super::shapes::record::Record;
use super::{Shared, archive, checked, keys};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// Pieces that are read while the tree is held: who writes to it waits meanwhile.
const PIECES: usize = 64;
/// Pieces in one batch.
const PORTION: usize = 16;
/// Bytes that are put into the tree between two syncs of it: the committer's sync waits for what others have written
/// since the last one.
pub(super) const UNSYNCED: usize = 512 * 1024;
/// A journal that has grown by less goes into the tree with its record.
const LONG: usize = 64 * 1024;

/// Bytes of the journal in a piece.
const BYTES: usize = PIECE - 1 - checked::HEADER;

/// Returns the journal that the tree has of a task, piece by piece. The tree is held for some of them at a time: pieces
/// do not change, and those that a fold has put behind them are not of the record. False if one is
/// missing, as all are if the task was removed meanwhile.
pub(super) fn each_piece(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
    record: &Record<'_>,
    mut give: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let prefix = keys::journal_prefix(workspace, id);
    let (mut next, mut left) = (prefix.clone(), record.fixed.streamed);
    while left > 0 {
        let pieces: Vec<_> = shared.with_disk(|disk| {
            let pieces = disk.db.range(&next[..]..).take(PIECES);
            pieces.collect::<Result<_, _>>().map_err(from_sled)
        })?;
        let before = left;
        for (key, stored) in &pieces {
            if left == 0 || !key.starts_with(&prefix) {
                break;
            }
            let piece = read::<Piece<'_>>(checked::open(key, stored)?)?.0;
            left = left
                .checked_sub(piece.len() as u64)
                .ok_or_else(|| damaged("a journal", "a piece of it is longer than it was"))?;
            give(piece)?;
            next = [key, &[0][..]].concat();
        }
        if left == before {
            return Ok(false);
        }
    }
    give(record.journal)?;
    Ok(true)
}

/// The keys and values of the pieces of a journal that has `streamed` bytes in pieces already and continues with `parts`.
pub(super) fn each_new<'a>(
    (workspace, id): (&WorkspaceName, TaskId),
    streamed: u64,
    parts: impl Iterator<Item = &'a [u8]>,
    mut put: impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut at = streamed;
    let mut piece = Vec::with_capacity(BYTES);
    let mut put = |piece: &mut Vec<u8>| {
        let key = keys::journal(workspace, id, at);
        at += piece.len() as u64;
        let stored = checked::seal(&key, &Piece(piece).encode());
        piece.clear();
        put(key, stored)
    };
    for mut part in parts {
        while !part.is_empty() {
            let (begin, rest) = part.split_at(part.len().min(BYTES - piece.len()));
            piece.extend_from_slice(begin);
            part = rest;
            if piece.len() == BYTES {
                put(&mut piece)?;
            }
        }
    }
    match piece.is_empty() {
        true => Ok(()),
        false => put(&mut piece),
    }
}

/// Puts what a task's journal has grown by into the tree, if that is much. True if it did. A fold that does not come to
/// its end leaves pieces that no record counts; the next one, which has the same entries and perhaps more, puts the same
/// at the same keys. So it is only done for tasks that can no longer go to the archive.
pub(super) fn put_ahead(shared: &Shared, open: &OverlayTask) -> Result<bool, StoreError> {
    let length = open.entries.len();
    if length < LONG || (!open.folded && length <= archive::LONGEST) {
        return Ok(false);
    }
    let (workspace, id) = (&open.head.workspace, open.head.id);
    let key = keys::task(workspace, id);
    let old = match open.folded {
        true => shared.with_disk(|disk| disk.get_long(&key))?,
        false => None,
    };
    let old = old.as_deref().map(Record::decode).transpose()?;
    let (streamed, journal) = old.map_or((0, &[][..]), |old| (old.fixed.streamed, old.journal));
    let parts = std::iter::once(journal).chain(open.entries.iter());
    let (mut batch, mut count, mut unsynced) = (Batch::default(), 0, 0);
    let apply = |batch: &mut Batch| {
        shared.settings.fail.before(Write::Fold)?;
        let batch = std::mem::take(batch);
        // They are not read any more, so readers of several keys need not be kept out.
        shared.with_disk(|disk| disk.db.apply_batch(batch).map_err(from_sled))
    };
    each_new((workspace, id), streamed, parts, |key, stored| {
        unsynced += stored.len();
        count += 1;
        batch.insert(key, stored);
        if count % PORTION == 0 {
            apply(&mut batch)?;
        }
        if unsynced >= UNSYNCED {
            unsynced = 0;
            shared.with_disk(Disk::sync_written)?;
        }
        Ok(())
    })?;
    apply(&mut batch)?;
    Ok(true)
}
