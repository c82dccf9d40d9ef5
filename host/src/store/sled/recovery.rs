//! Opening: the tree, then the log's tail replayed over it. A change that the tree has already is
//! known by its place in the task's journal and passed over, so replaying twice is replaying once.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::Notify;

use super::change::{self, Change, Kind, Mark};
use super::codec::damaged;
use super::disk::{Disk, failed, unusable};
use super::gather::Coming;
use super::log::{self, Tail};
use super::overlay::Overlay;
use super::registry::Components;
use super::settings::SledSettings;
use super::shared::Shared;
use super::{keys, tasks};
use crate::store::StoreError;

/// Opens the store in `settings.path`: what its threads share, the log's end, and the seed.
pub(super) fn open(settings: SledSettings) -> Result<(Shared, Tail, [u8; 32]), StoreError> {
    let fail = settings.fail.clone();
    let (disk, seed) = Disk::open(&settings)?;
    let mark = match disk.db.get(keys::MARK).map_err(failed)? {
        Some(mark) => Mark::decode(&mark)?,
        None => Mark { low: 1, last: 0 },
    };
    let components = Components::open(&settings.path, &disk)?;
    super::bodies::tidy(&settings.path).map_err(|error| unusable(&settings.path, &error))?;
    let mut overlay = Overlay::default();
    overlay.applied = mark.low.saturating_sub(1);
    let (slots, tail) = log::open(
        &settings.path.join("log"),
        settings.slot_bytes,
        &seed,
        (mark.low, mark.last),
        fail,
        |number, payload| {
            for change in change::decode_group(payload)? {
                replay(&disk, &mut overlay, change, number)?;
            }
            overlay.applied = number;
            Ok(())
        },
    )?;
    let shared = Shared {
        overlay_bytes: AtomicUsize::new(overlay.bytes()),
        settings,
        disk: RwLock::new(Some(disk)),
        overlay: RwLock::new(overlay),
        slots,
        coming: Coming::default(),
        stopped: AtomicBool::new(false),
        room: Notify::new(),
        wanted: Mutex::new(false),
        want: Condvar::new(),
        checkpointing: Mutex::new(()),
        components: Mutex::new(components),
    };
    Ok((shared, tail, seed))
}

fn replay(
    disk: &Disk,
    overlay: &mut Overlay,
    change: Change,
    number: u64,
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
        (Kind::Accept, standing) => standing.is_some(),
        (Kind::Commit | Kind::Note, Some((at, _))) => version <= at,
        (Kind::Effect, Some((_, count))) => change.index < count,
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
