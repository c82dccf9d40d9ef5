//! Removes finished tasks whose retention has ended, and gives back what they took on the disk.
//!
//! A pass erases workspaces that were deleted ([`super::erase`]), and removes old
//! recorded deliveries ([`super::deliveries`]), expired keys of deliveries ([`super::dedup`]) and old entries of the
//! audit log ([`super::audit`]). Then it goes through every workspace: the tasks of its tree and those of the archive, by
//! their ids from the oldest on, as far as any can be old enough. A task is removed by one batch: all that the
//! tree knows of it, or nothing. Segments of the archive that no task points to any more are removed
//! then; of one that is half empty the rest is moved to another first.
//!
//! - **The log** may still have changes of a task that is removed, and no start is to take it for a new
//!   one, or for a gap: see [`Removed`]. For that every task is folded as a pass begins.
//! - **A writer** that moves a task on while it is removed would build on a removed task: a removal and
//!   the committer exclude each other ([`Shared::removing`]), and what the overlay has is left alone.
//! - **A crash** may leave a body or a file without its task, or a segment to which nothing points: the first
//!   pass after a start looks for both.

pub(super) mod compact;
mod expired;
pub(super) mod remove;
mod sweep;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use self::compact::Compaction;
use self::expired::Expired;
use self::sweep::Sweep;
use super::checkpoint::Extent;
use super::disk::Disk;
use super::erase::Erasure;
use super::removed::Removed;
use super::shared::Shared;
use super::{audit, checkpoint, dedup, deliveries, registry_read};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::retention::Retention;
use crate::store::{Purged, StoreError};

/// Progress of the purge between calls.
#[derive(Default)]
pub(super) struct Purge {
    pass: Option<Pass>,
    /// A pass came to its end since the start.
    is_swept: bool,
}

struct Pass {
    now: Millis,
    /// Every task of the log's groups up to this one was folded.
    folded: u64,
    /// [`Shared::opened`] when the pass began. What the pass has noted is of the archive as it was opened then: it is
    /// given up if the store is opened again.
    opened: u64,
    is_first: bool,
    tasks: usize,
    stage: Stage,
}

enum Stage {
    /// Erases deleted workspaces.
    Erase(Vec<Erasure>),
    /// Removes old recorded deliveries, keys of deliveries and entries of the audit log.
    DeliveriesAndAudit,
    /// Removes tasks, workspace by workspace.
    Tasks(VecDeque<(WorkspaceName, Retention)>, Expired),
    /// Removes bodies without a task.
    OrphanBodies(Sweep),
    /// Removes files without a task.
    OrphanFiles(Vec<(WorkspaceName, TaskId)>),
    /// Removes and compacts segments of the archive.
    Segments(Compaction),
}

/// See [`crate::store::Store::purge`]. Blocks on the disk.
pub(super) fn purge(
    shared: &Shared,
    purge: &Mutex<Purge>,
    now: Millis,
) -> Result<Purged, StoreError> {
    // Taken before the checkpoints' lock.
    let mut purge = purge.lock();
    shared.takes_writes()?;
    if now == 0 && purge.pass.is_none() && shared.erasing.all().is_empty() {
        // At the time 0 no retention has ended, and no workspace waits to be erased.
        return Ok(Purged {
            tasks: 0,
            is_done: true,
        });
    }
    let opened = shared.opened.load(Ordering::Acquire);
    let pass = purge.pass.take().filter(|pass| pass.opened == opened);
    let mut pass = match pass {
        Some(pass) => pass,
        None => Pass::begin(shared, now, opened, !purge.is_swept)?,
    };
    if pass.wants_fold() {
        let is_complete = checkpoint::checkpoint(shared, Extent::Everything);
        if !is_complete.map_err(|error| shared.could_not_fold(error))? {
            // A checkpoint is incomplete only for want of room, open files or memory. The error ends the caller's round;
            // with `is_done: false` it would call again in a moment, and find no more.
            return Err(StoreError::Full);
        }
    }
    let _guard = shared.checkpointing.lock();
    if shared.opened.load(Ordering::Acquire) != opened {
        return Ok(Purged::default());
    }
    let before = pass.tasks;
    // After an error the next call begins anew.
    let is_done = pass.go_on(shared)?;
    let tasks = pass.tasks - before;
    if is_done {
        purge.is_swept = true;
    } else {
        purge.pass = Some(pass);
    }
    Ok(Purged { tasks, is_done })
}

impl Pass {
    fn begin(
        shared: &Shared,
        now: Millis,
        opened: u64,
        is_first: bool,
    ) -> Result<Self, StoreError> {
        let erased = shared.erasing.all();
        let applied = shared.overlay.read().applied;
        let is_complete = checkpoint::checkpoint(shared, Extent::Everything);
        let is_complete = is_complete.map_err(|error| shared.could_not_fold(error))?;
        let before = shared.with_disk(Removed::read)?;
        Ok(Self {
            now,
            folded: if is_complete { applied } else { before.folded },
            opened,
            is_first,
            tasks: 0,
            stage: Stage::Erase(erased.into_iter().map(Erasure::of).collect()),
        })
    }

    fn wants_fold(&self) -> bool {
        match &self.stage {
            Stage::Erase(erased) => erased.last().is_some_and(Erasure::wants_fold),
            _ => false,
        }
    }

    /// Goes on for a moment; true at the end.
    fn go_on(&mut self, shared: &Shared) -> Result<bool, StoreError> {
        match &mut self.stage {
            Stage::Erase(erased) => {
                let Some(erasure) = erased.last_mut() else {
                    self.stage = Stage::DeliveriesAndAudit;
                    return Ok(false);
                };
                if erasure.go_on(shared)? {
                    erased.pop();
                }
                Ok(false)
            }
            Stage::DeliveriesAndAudit => {
                if let Err(error) = deliveries::forget_old(shared, self.now) {
                    tracing::warn!(%error, "old recorded deliveries cannot be removed");
                }
                let expired = dedup::expire::expire(shared, self.now);
                let is_done = expired.map_err(|error| shared.could_not_fold(error))?;
                if is_done && audit::expire(shared, self.now)? {
                    let spaces = shared.with_disk(registry_read::retentions)?;
                    self.stage = Stage::Tasks(spaces.into(), Expired::default());
                }
                Ok(false)
            }
            Stage::Tasks(spaces, expired) => {
                let Some((workspace, retention)) = spaces.front() else {
                    self.stage = self.after_tasks(shared)?;
                    return Ok(false);
                };
                let found = expired.next(shared, workspace, retention, self.now)?;
                self.tasks += remove::remove(shared, workspace, &found, self.folded)?;
                if found.is_last {
                    spaces.pop_front();
                    *expired = Expired::default();
                }
                Ok(false)
            }
            Stage::OrphanBodies(sweep) => {
                if sweep.go_on(shared)? {
                    self.stage = Stage::OrphanFiles(shared.blobs.owners()?);
                }
                Ok(false)
            }
            Stage::OrphanFiles(owners) => {
                let some = owners.split_off(owners.len().saturating_sub(sweep::AT_ONCE));
                if some.is_empty() {
                    self.stage = self.segments(shared)?;
                }
                sweep::blobs(shared, some)?;
                Ok(false)
            }
            Stage::Segments(compaction) => {
                let is_done = compaction.go_on(shared)?;
                if is_done && self.tasks > 0 {
                    // A task that was reported as removed stays so.
                    let flushed = shared.with_disk(Disk::flush);
                    flushed.map_err(|error| shared.could_not_fold(error))?;
                }
                Ok(is_done)
            }
        }
    }

    fn after_tasks(&self, shared: &Shared) -> Result<Stage, StoreError> {
        if self.is_first {
            return Ok(Stage::OrphanBodies(Sweep::begin(shared)?));
        }
        self.segments(shared)
    }

    fn segments(&self, shared: &Shared) -> Result<Stage, StoreError> {
        let compaction = if self.is_first || self.tasks > 0 {
            shared.with_disk(|disk| Compaction::begin(disk, self.now))?
        } else {
            Compaction::none()
        };
        Ok(Stage::Segments(compaction))
    }
}
