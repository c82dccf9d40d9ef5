//! Opening: the tree, then the log's tail replayed over it. A change that the tree has already is
//! known by its place in the task's journal and passed over, so replaying twice is replaying once.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::Notify;

use super::archive;
use super::catalog_copy::CatalogCopy;
use super::change::{Change, Kind, Mark};
use super::codec::damaged;
use super::dedup::index::DedupIndex;
use super::delivery_locks::DeliveryLocks;
use super::directory_lock;
use super::disk::Disk;
use super::erasing::Erasing;
use super::failure::{OpenError, from_sled, unusable};
use super::files::MARKS;
use super::fragments::{DecodedChange, Fragments};
use super::log::{self, LogWriter, Slots};
use super::marks::{self, Acknowledged, Marks, StoreMarks};
use super::overlay::Overlay;
use super::presence;
use super::removed::Removed;
use super::room::{self, Room};
use super::settings::SledSettings;
use super::setup::Setup;
use super::shared::Shared;
use super::{checked, keys, tasks};
use crate::clock::system_now;
use crate::domain::ids::WorkspaceName;
use crate::store::{Blobs, Partitions, StoreError};

/// The parts that are opened at the start, and again after the disk was full.
struct StoreParts {
    disk: Disk,
    overlay: Overlay,
    dedup: DedupIndex,
    slots: Arc<Slots>,
    writer: LogWriter,
    setup: Setup,
    erasing: HashSet<WorkspaceName>,
    seed: [u8; 32],
}

/// Opens the store in `settings.path`: what its threads share, the log's end, and the seed.
pub(super) fn open(settings: SledSettings) -> Result<(Shared, LogWriter, [u8; 32]), OpenError> {
    let path = settings.path.clone();
    let full = |error: OpenError| no_room(&path, error);
    let lock = directory_lock::take(&path).map_err(full)?;
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
    let opened = begin(&settings).and_then(|(marks, is_first)| {
        let opened = read(&settings, &marks, is_first)?;
        Ok((opened, marks))
    });
    let (opened, marks) = opened.map_err(full)?;
    let acknowledged = Acknowledged::open(&path)?;
    let blobs = Blobs::new(path.join("blobs"));
    blobs.tidy().map_err(|error| unusable(&path, &error))?;
    let shared = Shared {
        blobs,
        marks,
        acknowledged,
        overlay_bytes: AtomicUsize::new(opened.overlay.bytes()),
        settings,
        disk: RwLock::new(Some(opened.disk)),
        has_disk: AtomicBool::new(true),
        overlay: RwLock::new(opened.overlay),
        slots: opened.slots,
        pending: Arc::default(),
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
        dedup: opened.dedup,
        setup: Mutex::new(opened.setup),
        deliveries: DeliveryLocks::default(),
        deleted: Mutex::default(),
        removing: RwLock::new(()),
        erasing: Erasing::of(opened.erasing),
        opened: AtomicU64::new(0),
    };
    if !shared.slots.is_prepared() {
        shared.space.none(false, &StoreError::Full);
    } else if !shared.may_fold() {
        shared.space.low();
    }
    Ok((shared, opened.writer, opened.seed))
}

/// An epoch for all partitions: greater than that of every store which this process has opened, and than
/// those of earlier processes unless the clock was set back. No claim of theirs is left to be mistaken
/// for one of it: the directory's lock has one process at a time.
fn epoch() -> u64 {
    static LAST: Mutex<u64> = Mutex::new(0);
    let mut last = LAST.lock();
    *last = system_now().max(*last + 1);
    *last
}

/// Opens the tree again, whose last write found the disk full, and takes up what the log holds.
/// Returns the log's end. For the committer alone.
pub(super) fn reopen(shared: &Shared) -> Result<LogWriter, StoreError> {
    let _one = shared.checkpointing.lock();
    let _making = shared.slots.making.lock();
    let _steady = shared.steady.write();
    let mut setup = shared.setup.lock();
    // sled has its own lock on its file.
    drop(shared.set_disk(None));
    let opened = match read(&shared.settings, &shared.marks, false) {
        Ok(opened) => opened,
        Err(OpenError::Store(error @ StoreError::Damaged(_))) => return Err(error),
        Err(error) => return Err(StoreError::unavailable(error)),
    };
    *setup = opened.setup;
    // A deletion that was refused may have reached the tree, and an erasure that ended may not have.
    *shared.erasing.0.write() = opened.erasing;
    shared.opened.fetch_add(1, Ordering::AcqRel);
    {
        let mut overlay = shared.overlay.write();
        *overlay = opened.overlay;
        shared.measure(&overlay);
    }
    let writer = opened.writer.with_slots(&shared.slots);
    shared.set_disk(Some(opened.disk));
    shared.dedup.replace(opened.dedup);
    Ok(writer)
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

/// The marks of the store's parts, all of which are there; and whether there were no marks yet: the store is new, or
/// an older version wrote it.
fn begin(settings: &SledSettings) -> Result<(Arc<Marks>, bool), OpenError> {
    let path = &settings.path;
    marks::tidy(path).map_err(|error| unusable(path, &error))?;
    let noted = StoreMarks::read(path)?;
    presence::check(path, noted.as_ref())?;
    let is_first = noted.is_none();
    let noted = noted.unwrap_or_default();
    Ok((
        Arc::new(Marks::new(path, noted, settings.fail.clone())),
        is_first,
    ))
}

fn read(
    settings: &SledSettings,
    marks: &Arc<Marks>,
    is_first: bool,
) -> Result<StoreParts, OpenError> {
    let (disk, seed) = Disk::open(settings, marks)?;
    if is_first && disk.generation() > 0 {
        let why = format!("the file {} is missing", MARKS);
        return Err(damaged("the marks", &why).into());
    }
    let mark = match disk.db.get(keys::MARK).map_err(from_sled)? {
        Some(mark) => Mark::decode(checked::open(keys::MARK, &mark)?)?,
        None => Mark { low: 1, last: 0 },
    };
    let removed = Removed::read(&disk)?;
    let copy = CatalogCopy::open(&settings.path, &disk, seed, settings.fail.clone(), is_first)?;
    // The tree may have got a deletion from the copy a moment ago.
    let erasing = Erasing::read(&disk)?;
    let setup = Setup::open(&settings.path, &disk, copy)?;
    super::bodies::tidy(&settings.path).map_err(|error| unusable(&settings.path, &error))?;
    let dedup = DedupIndex::read(&disk, settings)?;
    let mut overlay = Overlay::default();
    overlay.applied = mark.low.saturating_sub(1);
    let mut fragments = Fragments::default();
    let (slots, writer) = log::open(
        &settings.path.join("log"),
        settings.slot_bytes,
        &seed,
        (mark.low, mark.last.max(Acknowledged::read(&settings.path))),
        marks.clone(),
        settings.fail.clone(),
        |number, payload| {
            for decoded in fragments.changes(number, payload)? {
                let DecodedChange { change, from } = decoded?;
                if from < number {
                    overlay.span(from, number);
                }
                if erasing.contains(&change.workspace) {
                    continue;
                }
                replay(&disk, &mut overlay, change, number, removed)?;
            }
            overlay.applied = number;
            Ok(())
        },
    )?;
    let found = archive::numbers(&settings.path.join("archive"));
    let found = found.map_err(|error| unusable(&settings.path, &error))?;
    marks.change(|noted| {
        for number in found {
            // How much of it is durable is not known.
            noted.segments.entry(number).or_default();
        }
    })?;
    // Behind the snapshot that sled has just made, so that the next start need not look for it before.
    if is_first || room::free(&settings.path) > settings.reserve_bytes + settings.slot_bytes {
        disk.flush()?;
    }
    Ok(StoreParts {
        disk,
        overlay,
        dedup,
        slots,
        writer,
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
        // A task in neither of them was removed.
        (Kind::Accept, standing) => standing.is_some() || number <= removed.folded,
        (Kind::Commit | Kind::Note, Some((at, _))) => version <= at,
        (Kind::Effect, Some((_, count))) => change.index < count,
        (_, None) if number <= removed.last => true,
        (_, None) => return Err(gap(&change, "is of a task that is not there")),
    };
    if known {
        // The tree may have the task, and not yet the key that it came with.
        if let Some(taken) = change.taken {
            overlay.take_key(&change.workspace, change.id, taken, number);
        }
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
