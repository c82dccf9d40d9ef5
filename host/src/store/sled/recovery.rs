//! Opening: the tree, then the log's tail replayed over it. A change that the tree has already is
//! known by its place in the task's journal and passed over, so replaying twice is replaying once.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::Notify;

use super::change::{self, Change, Kind, Mark};
use super::codec::damaged;
use super::disk::{self, Disk};
use super::erasing::Erasing;
use super::failure::{OpenError, failed, unusable};
use super::log::{self, Slots, Tail};
use super::overlay::Overlay;
use super::removed::Removed;
use super::room::{self, Room};
use super::settings::SledSettings;
use super::setup::Setup;
use super::shared::Shared;
use super::{keys, tasks};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::ids::WorkspaceName;
use crate::store::{Partitions, StoreError};

/// What is opened, and opened anew after the disk was full.
struct Opened {
    disk: Disk,
    overlay: Overlay,
    slots: Arc<Slots>,
    tail: Tail,
    setup: Setup,
    erasing: HashSet<WorkspaceName>,
    seed: [u8; 32],
}

/// Opens the store in `settings.path`: what its threads share, the log's end, and the seed.
pub(super) fn open(settings: SledSettings) -> Result<(Shared, Tail, [u8; 32]), OpenError> {
    let path = settings.path.clone();
    let full = |error: OpenError| no_room(&path, error);
    let lock = disk::lock(&path).map_err(full)?;
    let (free, first) = (room::free(&path), room::first(&settings));
    if !path.join("tree").exists() && free < first {
        return Err(OpenError::NoRoom {
            path: path.display().to_string(),
            free,
            needed: first,
            reason: "there is no store yet".into(),
        });
    }
    room::give_up_reserve(&path);
    let opened = read(&settings).map_err(full)?;
    let shared = Shared {
        overlay_bytes: AtomicUsize::new(opened.overlay.bytes()),
        settings,
        disk: RwLock::new(Some(opened.disk)),
        overlay: RwLock::new(opened.overlay),
        slots: opened.slots,
        coming: Arc::default(),
        partitions: Partitions::all(epoch()),
        lock: Mutex::new(Some(lock)),
        steady: RwLock::new(()),
        committer: OnceLock::new(),
        space: Room::default(),
        stopped: AtomicBool::new(false),
        failed: AtomicBool::new(false),
        room: Notify::new(),
        wanted: Mutex::new(false),
        want: Condvar::new(),
        checkpointing: Mutex::new(()),
        setup: Mutex::new(opened.setup),
        removing: RwLock::new(()),
        erasing: Erasing::of(opened.erasing),
        opened: AtomicU64::new(0),
    };
    if !shared.slots.is_prepared() {
        shared.space.none(false);
    } else if !shared.may_fold() {
        shared.space.low();
    }
    Ok((shared, opened.tail, opened.seed))
}

/// An epoch for all partitions: greater than that of every store which this process has opened, and than
/// those of earlier processes unless the clock was set back. No claim of theirs is left to be mistaken
/// for one of it: the directory's lock has one process at a time.
fn epoch() -> u64 {
    static LAST: Mutex<u64> = Mutex::new(0);
    let mut last = LAST.lock();
    *last = SystemClock.now().max(*last + 1);
    *last
}

/// Opens the tree again, whose last write failed for want of room, and takes up what the log holds.
/// Gives the log's end. For the committer alone.
pub(super) fn reopen(shared: &Shared) -> Result<Tail, StoreError> {
    let _one = shared.checkpointing.lock();
    let _steady = shared.steady.write();
    let mut setup = shared.setup.lock();
    // sled has its own lock on its file.
    drop(shared.disk.write().take());
    let opened = match read(&shared.settings) {
        Ok(opened) => opened,
        Err(OpenError::Store(error @ StoreError::Damaged(_))) => return Err(error),
        Err(error) => return Err(StoreError::unavailable(error)),
    };
    *setup = opened.setup;
    shared.opened.fetch_add(1, Ordering::AcqRel);
    {
        let mut overlay = shared.overlay.write();
        *overlay = opened.overlay;
        shared.measure(&overlay);
    }
    let tail = opened.tail.onto(&shared.slots);
    *shared.disk.write() = Some(opened.disk);
    Ok(tail)
}

/// An error that a full disk explains says so.
fn no_room(path: &Path, error: OpenError) -> OpenError {
    let (free, needed) = (room::free(path), room::needed(path));
    let by_room = match &error {
        OpenError::Unusable { .. } => true,
        OpenError::Store(error) => error.is_retriable(),
        _ => false,
    };
    if !by_room || free >= needed {
        return error;
    }
    OpenError::NoRoom {
        path: path.display().to_string(),
        free,
        needed,
        reason: error.to_string(),
    }
}

fn read(settings: &SledSettings) -> Result<Opened, OpenError> {
    let (disk, seed) = Disk::open(settings)?;
    let mark = match disk.db.get(keys::MARK).map_err(failed)? {
        Some(mark) => Mark::decode(&mark)?,
        None => Mark { low: 1, last: 0 },
    };
    let removed = Removed::read(&disk)?;
    let erasing = Erasing::read(&disk)?;
    let setup = Setup::open(&settings.path, &disk)?;
    super::bodies::tidy(&settings.path).map_err(|error| unusable(&settings.path, &error))?;
    let mut overlay = Overlay::default();
    overlay.applied = mark.low.saturating_sub(1);
    let (slots, tail) = log::open(
        &settings.path.join("log"),
        settings.slot_bytes,
        &seed,
        (mark.low, mark.last),
        settings.fail.clone(),
        |number, payload| {
            for change in change::decode_group(payload)? {
                if erasing.contains(&change.workspace) {
                    continue;
                }
                replay(&disk, &mut overlay, change, number, removed)?;
            }
            overlay.applied = number;
            Ok(())
        },
    )?;
    Ok(Opened {
        disk,
        overlay,
        slots,
        tail,
        setup,
        erasing,
        seed,
    })
}

fn replay(
    disk: &Disk,
    overlay: &mut Overlay,
    change: Change,
    number: u64,
    removed: Removed,
) -> Result<(), StoreError> {
    let (standing, base) = match overlay.get(&change.workspace, change.id) {
        Some(open) => (Some((open.head.version, open.count)), None),
        None => {
            let base = tasks::open_in(disk, &change.workspace, change.id)?;
            (
                base.as_ref().map(|open| (open.head.version, open.count)),
                base,
            )
        }
    };
    let version = change.head.as_ref().map_or(0, |head| head.version);
    let known = match (change.kind, standing) {
        // What is neither here nor there was removed.
        (Kind::Accept, standing) => standing.is_some() || number <= removed.folded,
        (Kind::Commit | Kind::Note, Some((at, _))) => version <= at,
        (Kind::Effect, Some((_, count))) => change.index < count,
        (_, None) if number <= removed.last => true,
        (_, None) => return Err(gap(&change, "is of a task that is not there")),
    };
    if known {
        return Ok(());
    }
    let (at, count) = standing.unwrap_or((version, change.index));
    if change.index != count
        || (matches!(change.kind, Kind::Commit | Kind::Note) && version != at + 1)
    {
        return Err(gap(&change, "does not follow what is there"));
    }
    drop(overlay.apply(change, number, base));
    Ok(())
}

fn gap(change: &Change, why: &str) -> StoreError {
    damaged("the log", &format!("a change of task {} {why}", change.id))
}
