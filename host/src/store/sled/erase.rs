//! Erases workspaces that were deleted. Until that is done there is nothing of
//! them to be seen, and their names are not taken again.
//!
//! The deletion is one batch: all that was set up goes, and `y/<ws>` comes. From then on no change of a
//! task of the workspace is taken, so that the rest does not grow. [`Erasure`] then removes it from
//! memory, log, tree, archive and bodies, in steps each of which may be made twice, and `y/<ws>` last.

use std::collections::HashSet;

use sled::Batch;

use super::archive::Archive;
use super::audit_logs::Appended;
use super::catalog_copy::CatalogCopy;
use super::codec::bad_key;
use super::components::Components;
use super::disk::Disk;
use super::failpoint::Write;
use super::failure::from_sled;
use super::purge::compact::Compaction;
use super::purge::remove;
use super::puts::{Changes, Puts as _};
use super::shapes::read;
use super::shared::Shared;
use super::{bodies, deliveries, keys, long};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::step::Step;
use crate::store::StoreError;

/// Keys that are removed in one go.
const AT_ONCE: usize = 256;

/// Deletes a workspace, and appends to the audit log of the server. Of one that is not there, nothing is left to be done.
pub(super) fn delete(
    shared: &Shared,
    components: &mut Components,
    copy: &mut CatalogCopy,
    workspace: &WorkspaceName,
    revision: u64,
    appended: &Appended,
) -> Result<(), StoreError> {
    let mut digests = Vec::new();
    let batch = shared.with_disk(|disk| {
        let mut batch = Changes::default();
        appended.add_to(&mut batch);
        batch.put(
            &keys::workspace_revision(workspace),
            revision.to_be_bytes().to_vec(),
        );
        let own = keys::workspace(workspace);
        let further = disk.pieces_at(&own)?;
        long::remove(&mut batch, &own, further);
        for prefix in keys::SET_UP {
            for entry in disk.db.scan_prefix(keys::all_of(prefix, workspace)) {
                let (key, first) = entry.map_err(from_sled)?;
                if prefix == keys::MARKS {
                    batch.remove_key(&key);
                    continue;
                }
                let value = disk.gather(&key, first)?;
                if prefix == keys::STEPS {
                    let step: Step = read(&value)?;
                    digests.extend(step.digests().map(str::to_owned));
                }
                long::remove(&mut batch, &key, value.further());
            }
        }
        batch.put(&keys::erasing(workspace), Vec::new());
        Ok(batch)
    })?;
    let is_new = !shared.erasing.has(workspace);
    {
        // No change of its tasks that is being made durable is let through after this.
        let _alone = shared.removing.write();
        shared.erasing.0.write().insert(workspace.clone());
    }
    let written = shared.with_disk(|disk| copy.commit(disk, revision, &batch));
    if let Err(error) = written {
        if is_new {
            shared.erasing.0.write().remove(workspace);
        }
        return Err(shared.could_not_fold(error));
    }
    for digest in digests {
        components.release(&digest);
    }
    Ok(())
}

/// How far the erasure of one workspace has come.
pub(super) struct Erasure {
    workspace: WorkspaceName,
    stage: Stage,
}

enum Stage {
    /// The log's file that is written to is to be closed.
    Close,
    /// The log is to be let go up to this group.
    Log(u64),
    Tree,
    Archive(Vec<u32>, HashSet<u32>),
    Compact(Compaction),
    Rest,
}

impl Erasure {
    pub(super) fn of(workspace: WorkspaceName) -> Self {
        Self {
            workspace,
            stage: Stage::Close,
        }
    }

    /// Whether every task is to be folded before it goes on.
    pub(super) fn wants_fold(&self) -> bool {
        matches!(self.stage, Stage::Log(_))
    }

    /// Goes on for a moment; true at the end. Not while a checkpoint is made.
    pub(super) fn go_on(&mut self, shared: &Shared) -> Result<bool, StoreError> {
        let workspace = &self.workspace;
        match &mut self.stage {
            Stage::Close => {
                let mut overlay = shared.overlay.write();
                let gone = overlay.forget(workspace);
                shared.measure(&overlay);
                drop(overlay);
                shared.dedup.forget(workspace);
                drop(gone);
                if let Some(last) = shared.slots.close_current(|| shared.wake_committer()) {
                    self.stage = Stage::Log(last);
                }
            }
            Stage::Log(last) => {
                if !shared.slots.has_up_to(*last) {
                    let scrubbed = shared.slots.scrub();
                    scrubbed.map_err(|error| shared.could_not_fold(error))?;
                    self.stage = Stage::Tree;
                }
            }
            Stage::Tree => {
                if tree(shared, workspace)? {
                    self.stage = shared.with_disk(|disk| {
                        disk.archive.close_before(Millis::MAX)?;
                        let closed = disk.archive.closed()?.into_iter();
                        let numbers = closed.map(|(number, _)| number).collect();
                        Ok(Stage::Archive(numbers, HashSet::new()))
                    })?;
                }
            }
            Stage::Archive(left, having) => match left.pop() {
                Some(number) => {
                    let has = |archive: &Archive| archive.has_text(number, &mark_of(workspace));
                    if shared.with_disk(|disk| has(&disk.archive))? {
                        having.insert(number);
                    }
                }
                None => {
                    let having = std::mem::take(having);
                    let compact = |disk: &Disk| Compaction::of(disk, having);
                    self.stage = Stage::Compact(shared.with_disk(compact)?);
                }
            },
            Stage::Compact(compaction) => {
                if compaction.go_on(shared)? {
                    self.stage = Stage::Rest;
                }
            }
            Stage::Rest => {
                bodies::remove_all(shared, workspace)?;
                shared.blobs.remove_all(workspace)?;
                deliveries::remove_all(shared, workspace)?;
                let mut setup = shared.setup.lock();
                let done = shared.with_disk(|disk| {
                    disk.flush()?;
                    shared.settings.fail.before(Write::Registry)?;
                    disk.db
                        .remove(keys::erasing(workspace))
                        .map_err(from_sled)?;
                    disk.flush_catalog()?;
                    // The changes that it had have the workspace yet.
                    setup.copy.write_anew(disk)
                });
                drop(setup);
                done.map_err(|error| shared.could_not_fold(error))?;
                shared.erasing.0.write().remove(workspace);
                tracing::info!(workspace.id = %workspace, "a workspace that was deleted is erased");
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What every record of a workspace's tasks has in its head: the name after its length.
fn mark_of(workspace: &WorkspaceName) -> Vec<u8> {
    let name = workspace.as_str();
    // At most 40 bytes, so that the length is one.
    [&[name.len() as u8], name.as_bytes()].concat()
}

/// Has `batch` remove a task's record that cannot be read, and the keys by which it is due. The rest goes
/// with that of the others.
fn damaged(
    disk: &Disk,
    workspace: &WorkspaceName,
    id: TaskId,
    batch: &mut Batch,
) -> Result<(), StoreError> {
    for key in disk.db.scan_prefix(keys::WAITING).keys() {
        let key = key.map_err(from_sled)?;
        if keys::waiting_of(&key).is_some_and(|(_, of, task)| of == *workspace && task == id) {
            batch.remove(key);
        }
    }
    batch.remove(keys::task(workspace, id));
    Ok(())
}

/// Removes some of what the tree has of a workspace's tasks; true if nothing is left.
fn tree(shared: &Shared, workspace: &WorkspaceName) -> Result<bool, StoreError> {
    let (batch, count) = shared.with_disk(|disk| {
        let mut batch = Batch::default();
        let mut count = 0;
        for key in disk
            .db
            .scan_prefix(keys::all_of(keys::TASKS, workspace))
            .keys()
        {
            let key = key.map_err(from_sled)?;
            let id = keys::id_of(&key).ok_or_else(|| bad_key("task"))?;
            match remove::task(disk, workspace, id, &mut batch) {
                Err(StoreError::Damaged(error)) => {
                    tracing::error!(workspace.id = %workspace, task.id = %id, error, "a damaged task is erased");
                    damaged(disk, workspace, id, &mut batch)?;
                }
                removed => removed?,
            }
            count += 4;
            if count >= AT_ONCE {
                return Ok((batch, count));
            }
        }
        // What belongs to no record, and what does not stand beside one.
        for prefix in keys::OF_TASKS {
            for key in disk.db.scan_prefix(keys::all_of(prefix, workspace)).keys() {
                batch.remove(key.map_err(from_sled)?);
                count += 1;
                if count >= AT_ONCE {
                    return Ok((batch, count));
                }
            }
        }
        Ok((batch, count))
    })?;
    if count > 0 {
        remove::apply(shared, batch)?;
    }
    Ok(count == 0)
}
