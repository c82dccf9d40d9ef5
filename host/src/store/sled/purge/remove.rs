//! Removes tasks from the tree, and from the archive's places.

use std::collections::BTreeSet;

use sled::Batch;

use super::super::disk::Disk;
use super::super::failpoint::Write;
use super::super::failure::from_sled;
use super::super::fold::index_keys;
use super::super::removed::Removed;
use super::super::shapes::record::Fixed;
use super::super::{Shared, bodies, checked, keys, long, places};
use super::expired::ExpiredTasks;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::store::StoreError;

/// Tasks that are removed in one go. It bounds how long writers wait.
const CHUNK: usize = 64;

/// Removes the expired tasks, except those that have changed since. Returns how many tasks are gone. Not while a
/// checkpoint is made.
pub(super) fn remove(
    shared: &Shared,
    workspace: &WorkspaceName,
    found: &ExpiredTasks,
    folded: u64,
) -> Result<usize, StoreError> {
    let mut count = 0;
    let tasks: Vec<TaskId> = found.tasks.iter().copied().collect();
    for chunk in tasks.chunks(CHUNK) {
        let gone = remove_some(shared, workspace, chunk, folded)?;
        for id in &gone {
            // If it fails, the sweep after the next start finds it.
            let removed = bodies::remove(shared, workspace, *id)
                .and_then(|()| shared.blobs.remove(workspace, *id));
            if let Err(error) = removed {
                tracing::warn!(%error, task.id = %id, "the bodies or files of a task that is gone stay for now");
            }
        }
        count += gone.len();
    }
    let mut batch = Batch::default();
    shared.with_disk(|disk| {
        places::remove(disk, workspace, &found.outdated, &mut batch)?;
        for span in &found.spans {
            if !has_done(disk, workspace, *span)? {
                batch.remove(keys::done(workspace, keys::span_start(*span)));
            }
        }
        Ok(())
    })?;
    apply(shared, batch)?;
    Ok(count)
}

/// Has the tree take a batch: all of it or nothing.
pub(in super::super) fn apply(shared: &Shared, batch: Batch) -> Result<(), StoreError> {
    let applied = || {
        let disk = shared.disk.write();
        let disk = disk.as_ref().ok_or_else(|| shared.without_disk())?;
        shared.settings.fail.before(Write::Fold)?;
        disk.db.apply_batch(batch).map_err(from_sled)
    };
    applied().map_err(|error| shared.could_not_fold(error))
}

fn remove_some(
    shared: &Shared,
    workspace: &WorkspaceName,
    chunk: &[TaskId],
    folded: u64,
) -> Result<BTreeSet<TaskId>, StoreError> {
    let _alone = shared.removing.write();
    let (gone, last) = {
        let overlay = shared.overlay.read();
        let at_rest = |id: &&TaskId| overlay.get(workspace, **id).is_none();
        let gone: BTreeSet<TaskId> = chunk.iter().filter(at_rest).copied().collect();
        (gone, overlay.applied)
    };
    if gone.is_empty() {
        return Ok(gone);
    }
    let mut batch = Batch::default();
    let removed = Removed { folded, last }.encode();
    batch.insert(keys::REMOVED, checked::seal(keys::REMOVED, &removed));
    shared.with_disk(|disk| {
        for id in &gone {
            task(disk, workspace, *id, &mut batch)?;
        }
        places::remove(disk, workspace, &gone, &mut batch)
    })?;
    apply(shared, batch)?;
    Ok(gone)
}

/// Has `batch` remove all that the tree has of a task, its place in the archive aside.
pub(in super::super) fn task(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    batch: &mut Batch,
) -> Result<(), StoreError> {
    let key = keys::task(workspace, id);
    // The first piece is enough: writers wait meanwhile.
    let Some(first) = disk.db.get(&key).map_err(from_sled)? else {
        return Ok(());
    };
    let (first, further) = long::first(&key, &first)?;
    let fixed = Fixed::decode(first)?;
    if fixed.streamed > 0 {
        for piece in disk
            .db
            .scan_prefix(keys::journal_prefix(workspace, id))
            .keys()
        {
            batch.remove(piece.map_err(from_sled)?);
        }
    }
    let wake_at = (fixed.wake_at != Millis::MAX).then_some(fixed.wake_at);
    for index in index_keys(workspace, id, fixed.state, wake_at) {
        batch.remove(index);
    }
    long::remove(batch, &key, further);
    Ok(())
}

/// Whether the tree has a task of that span that is done.
fn has_done(disk: &Disk, workspace: &WorkspaceName, span: u64) -> Result<bool, StoreError> {
    let end = keys::span_end(span).unwrap_or(TaskId::MAX);
    let range = keys::task(workspace, keys::span_start(span))..keys::task(workspace, end);
    for entry in disk.db.range(range) {
        let (key, value) = entry.map_err(from_sled)?;
        if Fixed::decode(long::first(&key, &value)?.0)?.state == TaskState::Done {
            return Ok(true);
        }
    }
    Ok(false)
}
