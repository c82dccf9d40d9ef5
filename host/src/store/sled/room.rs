//! How much space the disk has, and how the store behaves when it is nearly full.
//!
//! - Below [`SledSettings::reserve_bytes`] folding pauses, and nothing new is
//!   taken in; what remains is for tasks that are under way, whose changes go to the log.
//! - When the log gets no more either, every write is refused. So it is while the machine gives no files or memory.
//! - One file is kept for a start on a disk that others have filled to the last byte: it is removed
//!   before the store is opened, and made again when there is room.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::settings::SledSettings;
use crate::store::{Health, StoreError};

const ENOUGH: u8 = 0;
const LOW: u8 = 1;
const NONE: u8 = 2;

pub(super) struct Room {
    state: AtomicU8,
    /// The tree's last write found the disk full, and it is to be opened again.
    broken: AtomicBool,
    /// Why no write is taken, or was not when there last was none.
    why: Mutex<Option<StoreError>>,
    health: watch::Sender<Health>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(ENOUGH),
            broken: AtomicBool::new(false),
            why: Mutex::default(),
            health: watch::channel(Health::Writable).0,
        }
    }
}

impl Room {
    /// Whether nothing new is taken in.
    pub(super) fn is_low(&self) -> bool {
        self.state.load(Ordering::Acquire) != ENOUGH
    }

    /// Whether no write is taken.
    pub(super) fn is_none(&self) -> bool {
        self.state.load(Ordering::Acquire) == NONE
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    pub(super) fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Folding has paused.
    pub(super) fn low(&self) {
        if self.state.fetch_max(LOW, Ordering::AcqRel) == ENOUGH {
            tracing::error!(
                "the disk of the data directory is nearly full: nothing new is taken in until there is room; reads go on"
            );
        }
        self.tell(Health::Full);
    }

    /// A write found the disk full, or got no file or memory of the machine. `broken`: it was one of the tree or the
    /// archive.
    pub(super) fn none(&self, broken: bool, error: &StoreError) {
        let health = match error {
            StoreError::Full => Health::Full,
            _ => Health::Short,
        };
        *self.why.lock() = Some(error.clone());
        if broken {
            self.broken.store(true, Ordering::Release);
        }
        if self.state.swap(NONE, Ordering::AcqRel) != NONE {
            match health {
                Health::Full => tracing::error!(
                    "the disk of the data directory is full: no write is taken until there is room; reads go on, and nothing that was acknowledged is lost"
                ),
                _ => tracing::error!(
                    %error,
                    "the store got no more files or memory of the machine: no write is taken until it does; nothing that was acknowledged is lost. If it says `too many open files`, raise the limit (ulimit -n) or lower --connections"
                ),
            }
        }
        self.tell(health);
    }

    /// The error of a write while none is taken.
    pub(super) fn refusal(&self) -> StoreError {
        self.why.lock().clone().unwrap_or(StoreError::Full)
    }

    /// There is room again, but if no write at all is taken.
    pub(super) fn enough(&self) {
        let ordering = (Ordering::AcqRel, Ordering::Acquire);
        let was_low = self
            .state
            .compare_exchange(LOW, ENOUGH, ordering.0, ordering.1);
        if was_low.is_ok() {
            self.writable();
        }
    }

    /// All is as before.
    pub(super) fn recovered(&self) {
        self.broken.store(false, Ordering::Release);
        self.state.store(ENOUGH, Ordering::Release);
        self.writable();
    }

    /// No more writes.
    pub(super) fn failed(&self) {
        self.health.send_replace(Health::Failed);
    }

    fn writable(&self) {
        tracing::info!(
            "the store has what it needs of disk, files and memory; writes are taken again"
        );
        self.tell(Health::Writable);
    }

    fn tell(&self, health: Health) {
        self.health.send_if_modified(|now| {
            let changes = *now != health && *now != Health::Failed;
            if changes {
                *now = health;
            }
            changes
        });
    }
}

/// Bytes that this process may still write to the disk of `path`; [`u64::MAX`] if the system does
/// not say.
pub(super) fn free(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether a file of the log may be made that is not needed yet.
pub(super) fn has_slot(settings: &SledSettings) -> bool {
    free(&settings.path) >= settings.reserve_bytes + 2 * settings.slot_bytes
}

/// Bytes that opening the store at `path` may take: a segment of the tree that was cut, its list of
/// pages as it is written down anew, and what the server writes beside it.
pub(super) fn needed(path: &Path) -> u64 {
    let mut pages = 0;
    for entry in std::fs::read_dir(path.join("tree")).into_iter().flatten() {
        let Ok(entry) = entry else { continue };
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            pages += entry.metadata().map_or(0, |file| file.len());
        }
    }
    2 * 1024 * 1024 + 2 * pages
}

/// Bytes that a store needs to begin with.
pub(super) fn first(settings: &SledSettings) -> u64 {
    settings.reserve_bytes + 3 * settings.slot_bytes
}

/// The file that is kept for a start.
const RESERVE: &str = "reserve";

/// Gives up the reserve if the store could not be opened without.
pub(super) fn give_up_reserve(path: &Path) {
    if free(path) < needed(path) {
        let _ = std::fs::remove_file(path.join(RESERVE));
    }
}

/// Keeps a reserve for the next start, if there is none and there is room.
pub(super) fn keep_reserve(settings: &SledSettings) {
    let path = &settings.path;
    let (file, bytes) = (path.join(RESERVE), needed(path));
    let is_there = std::fs::metadata(&file).is_ok_and(|reserve| reserve.len() >= bytes / 2);
    let least = settings.reserve_bytes + settings.slot_bytes + bytes;
    if settings.reserve_bytes == 0 || is_there || free(path) < least {
        return;
    }
    // Not sparse: blocks that are there.
    let zeros = vec![0; usize::try_from(bytes).unwrap_or(0)];
    if std::fs::write(&file, zeros).is_err() {
        let _ = std::fs::remove_file(&file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_hears_of_every_change_once() {
        let room = Room::default();
        let mut health = room.watch();
        room.low();
        assert!(room.is_low() && !room.is_none());
        assert_eq!(*health.borrow_and_update(), Health::Full);
        room.none(false, &StoreError::Full);
        assert!(room.is_none() && !health.has_changed().unwrap());
        room.enough();
        assert!(room.is_none(), "only the log can tell that");
        room.recovered();
        assert_eq!(*health.borrow_and_update(), Health::Writable);
        room.low();
        room.enough();
        assert!(!room.is_low());
        room.failed();
        room.recovered();
        assert_eq!(*health.borrow_and_update(), Health::Failed, "for good");
    }
}
