//! The thread that folds tasks into tree and archive, in key order and many at once, and lets go of
//! the log behind them.

use std::sync::Arc;
use std::time::Duration;

use super::change::Mark;
use super::disk::Disk;
use super::failpoint::Write;
use super::failure::{from_sled, is_short};
use super::fold::Folder;
use super::overlay::{Overlay, OverlayTask};
use super::pieces::UNSYNCED;
use super::upgrade::Upgrade;
use super::{Shared, checked, dedup, keys, room};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::TaskState;
use crate::store::StoreError;

/// Tasks folded between two looks at the overlay, and bytes of them, roughly. It bounds how long
/// readers of several keys wait.
const CHUNK: usize = 64;
/// How often a disk that was nearly full is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// See [`CHUNK`].
const CHUNK_BYTES: usize = 512 * 1024;

/// Runs until the store stops.
pub(super) fn run(shared: &Shared) {
    let mut upgrade = Upgrade::default();
    let mut is_reserve_kept = false;
    while !shared.stopped() {
        {
            let mut wanted = shared.wanted.lock();
            if !*wanted {
                let every = shared.settings.checkpoint_every;
                let again = shared.space.is_low().then_some(LOOK_AGAIN);
                match every.or(again) {
                    Some(every) => {
                        shared.want.wait_for(&mut wanted, every);
                    }
                    None => shared.want.wait(&mut wanted),
                }
            }
            *wanted = false;
        }
        if shared.stopped() {
            break;
        }
        if shared.space.is_none() {
            // The committer sees to it.
            is_reserve_kept = false;
            continue;
        }
        match checkpoint(shared, Extent::Needed) {
            Ok(true) => {
                if let Err(error) = upgrade.go_on(shared) {
                    shared.could_not_fold(error);
                }
                if !is_reserve_kept {
                    room::keep_reserve(&shared.settings);
                    is_reserve_kept = true;
                }
            }
            Ok(false) => is_reserve_kept = false,
            Err(error) => {
                shared.could_not_fold(error);
            }
        }
    }
}

/// Which tasks a checkpoint folds beside those that came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The oldest others if memory or log are past their bounds.
    Needed,
    /// All.
    Everything,
}

/// Writes every task that came to rest into the tree, and others as `extent` says; then frees the slots of the log that
/// are not needed any more. `false` if it paused for want of room: the other tasks stay in the log.
pub(super) fn checkpoint(shared: &Shared, extent: Extent) -> Result<bool, StoreError> {
    let _one = shared.checkpointing.lock();
    if shared.stopped() {
        return Err(shared.refusal());
    }
    if shared.space.is_none() {
        return Ok(false);
    }
    if !shared.may_fold() {
        shared.pause()?;
        return Ok(false);
    }
    let rested = shared.overlay.write().take_rested();
    if !fold(shared, rested.clone(), false)? {
        shared.overlay.write().put_back(rested);
        shared.pause()?;
        return Ok(false);
    }
    let surplus = match extent {
        Extent::Needed => surplus(shared, &shared.overlay.read()),
        Extent::Everything => shared.overlay.read().everything(),
    };
    let mut is_changed = !rested.is_empty() || !surplus.is_empty();
    if !surplus.is_empty() && !fold(shared, surplus, true)? {
        shared.pause()?;
        return Ok(false);
    }
    is_changed |= dedup::fold::fold(shared, extent == Extent::Everything)?;
    let mark = {
        let overlay = shared.overlay.read();
        Mark {
            low: overlay.low(),
            last: overlay.applied,
        }
    };
    shared.acknowledged.note(mark.last);
    if shared.slots.has_below(mark.low) {
        shared.with_disk(|disk| {
            shared.settings.fail.before(Write::Mark)?;
            // After the folds in sled's own log, so it cannot be durable without them.
            disk.db
                .insert(keys::MARK, checked::seal(keys::MARK, &mark.encode()))
                .map_err(from_sled)?;
            disk.flush()
        })?;
        shared.slots.drop_below(mark.low)?;
    } else if is_changed {
        // So that it can be read whatever becomes of the disk.
        shared.with_disk(Disk::settle)?;
    }
    match shared.slots.prepare() {
        Ok(()) => {}
        Err(StoreError::Full) => {
            shared.pause()?;
            return Ok(false);
        }
        // The committer makes the one that it needs, or says why it cannot.
        Err(error) if is_short(&error) => return Ok(false),
        Err(error) => return Err(error),
    }
    shared.room.notify_waiters();
    dedup::merge::tend(shared)?;
    Ok(true)
}

/// The tasks to fold although they are not at rest: those that the log is kept for longest.
fn surplus(shared: &Shared, overlay: &Overlay) -> Vec<(WorkspaceName, TaskId)> {
    let settings = &shared.settings;
    let too_much = overlay.bytes() > settings.overlay_bytes;
    let too_long = shared.slots.bytes() > settings.log_bytes;
    if !too_much && !too_long {
        return Vec::new();
    }
    let cut = if too_long {
        overlay.past(shared.slots.cut(settings.log_bytes / 2))
    } else {
        0
    };
    let mut left = overlay.bytes();
    let mut all: Vec<_> = overlay
        .all()
        .map(|(first, workspace, id, bytes)| (first, workspace.clone(), id, bytes))
        .collect();
    all.sort_unstable();
    let mut surplus = Vec::new();
    for (first, workspace, id, bytes) in all {
        if first >= cut && (!too_much || left <= settings.overlay_bytes / 2) {
            break;
        }
        left -= bytes.min(left);
        surplus.push((workspace, id));
    }
    surplus.sort_unstable();
    surplus
}

/// `false` if it paused because the disk is full.
fn fold(
    shared: &Shared,
    tasks: Vec<(WorkspaceName, TaskId)>,
    also_ready: bool,
) -> Result<bool, StoreError> {
    let mut tasks = tasks.into_iter().peekable();
    let mut writer = Folder::default();
    let mut has_room = true;
    let mut unsynced = 0;
    while tasks.peek().is_some() {
        has_room = shared.may_fold();
        if !has_room {
            break;
        }
        let mut chunk: Vec<Arc<OverlayTask>> = Vec::with_capacity(CHUNK);
        {
            let overlay = shared.overlay.read();
            let mut bytes = 0;
            while chunk.len() < CHUNK
                && bytes < CHUNK_BYTES
                && let Some((workspace, id)) = tasks.next()
            {
                if let Some(open) = overlay.get(&workspace, id)
                    && (also_ready || open.head.state() != TaskState::Ready)
                {
                    bytes += open.bytes();
                    chunk.push(open.clone());
                }
            }
        }
        if shared.stopped() {
            return Err(shared.refusal());
        }
        let in_tree = writer.fold(shared, chunk)?;
        let mut gone = Vec::with_capacity(in_tree.len());
        unsynced += in_tree.iter().map(|open| open.bytes()).sum::<usize>();
        if unsynced >= UNSYNCED {
            shared.with_disk(Disk::sync_written)?;
            unsynced = 0;
        }
        if !in_tree.is_empty() {
            let mut overlay = shared.overlay.write();
            gone.extend(in_tree.iter().filter_map(|open| overlay.folded(open)));
            shared.measure(&overlay);
        }
        if shared.has_room() {
            shared.room.notify_waiters();
        }
    }
    writer.place(shared)?;
    Ok(has_room)
}
