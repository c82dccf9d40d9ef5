//! The state that the store's threads and callers share, and how they wait for each other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::Notify;
use tokio::sync::mpsc::WeakSender;

use super::dedup::index::DedupIndex;
use super::delivery_locks::DeliveryLocks;
use super::disk::Disk;
use super::erasing::Erasing;
use super::failure::is_passing;
use super::gather::PendingWrites;
use super::log::Slots;
use super::marks::{Acknowledged, Marks};
use super::message::Message;
use super::overlay::Overlay;
use super::room::{self, Room};
use super::settings::SledSettings;
use super::setup::Setup;
use crate::domain::ids::WorkspaceName;
use crate::store::directory_lock::DirectoryLock;
use crate::store::{Blobs, Partitions, StoreError};

/// A workspace has little of the memory for tasks up to its bound divided by this.
const LITTLE_PART: usize = 16;

/// The state that the store's threads and callers share.
pub(super) struct Shared {
    pub settings: SledSettings,
    /// Read-locked by readers of several keys that must agree; written by a fold of
    /// several keys. `None` once the store is closed.
    pub disk: RwLock<Option<Disk>>,
    /// Whether `disk` has one, for who needs nothing of it and is not to wait for those that write to it.
    pub has_disk: AtomicBool,
    /// Never waited for while `disk` is held.
    pub overlay: RwLock<Overlay>,
    /// [`Overlay::bytes`] as it last was.
    pub overlay_bytes: AtomicUsize,
    pub slots: Arc<Slots>,
    pub blobs: Arc<Blobs>,
    pub marks: Arc<Marks>,
    pub acknowledged: Acknowledged,
    /// The claims that writes are checked against.
    pub partitions: Partitions,
    /// Changes that are expected.
    pub pending: Arc<PendingWrites>,
    /// Held as long as the store is open.
    pub lock: Mutex<Option<DirectoryLock>>,
    /// A read lock is held while both overlay and tree are read, the write lock while both are opened again.
    pub steady: RwLock<()>,
    /// Wakes the committer.
    pub committer: OnceLock<WeakSender<Message>>,
    /// How much the disk has.
    pub space: Room,
    /// No more writes: closed, or a write failed.
    pub stopped: AtomicBool,
    /// A write failed.
    pub failed: AtomicBool,
    /// Woken when there may be room to accept again.
    pub room: Notify,
    /// Whether a checkpoint is wanted now.
    pub wanted: Mutex<bool>,
    pub want: Condvar,
    /// One checkpoint at a time.
    pub checkpointing: Mutex<()>,
    /// Keys of deliveries that are folded.
    pub dedup: DedupIndex,
    pub setup: Mutex<Setup>,
    /// The files of recorded deliveries, see [`super::deliveries`].
    pub deliveries: DeliveryLocks,
    /// The revisions in which workspaces of these names were last deleted since the start. No delivery waits for longer to
    /// be recorded.
    pub deleted: Mutex<HashMap<WorkspaceName, u64>>,
    /// Read by the committer over the whole of a group; held for writing while a task is removed.
    pub removing: RwLock<()>,
    pub erasing: Erasing,
    /// How often overlay and tree were opened again.
    pub opened: AtomicU64,
}

impl Shared {
    /// Runs `read` on the open tree.
    pub(super) fn with_disk<T>(
        &self,
        read: impl FnOnce(&Disk) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.disk.read().as_ref() {
            Some(disk) => read(disk),
            None => Err(self.without_disk()),
        }
    }

    /// As [`Shared::with_disk`], for the committer, which all writers wait for: it waits for one batch of the tree at most.
    /// It does not queue behind a writer that waits for the tree: that one waits for queries, which may be long, and one
    /// of them may wait for the overlay, which the committer may have locked for writing.
    pub(super) fn with_disk_at_once<T>(
        &self,
        read: impl FnOnce(&Disk) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.disk.read_recursive().as_ref() {
            Some(disk) => read(disk),
            None => Err(self.without_disk()),
        }
    }

    /// As [`Shared::with_disk`], for callers that read nothing of the tree. It does not wait.
    pub(super) fn check_disk(&self) -> Result<(), StoreError> {
        match self.has_disk.load(Ordering::Acquire) {
            true => Ok(()),
            false => Err(self.without_disk()),
        }
    }

    /// Lets go of the tree, or takes the one that was opened.
    pub(super) fn set_disk(&self, disk: Option<Disk>) -> Option<Disk> {
        let mut current = self.disk.write();
        self.has_disk.store(disk.is_some(), Ordering::Release);
        std::mem::replace(&mut current, disk)
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Why there is no tree to be read.
    pub(super) fn without_disk(&self) -> StoreError {
        if self.stopped() {
            self.refusal()
        } else {
            StoreError::unavailable("the store is being opened again")
        }
    }

    /// The error of a write after the last one was taken.
    pub(super) fn refusal(&self) -> StoreError {
        if self.failed.load(Ordering::Acquire) {
            StoreError::Failed
        } else {
            StoreError::Closed
        }
    }

    /// Fails if no write is taken now.
    pub(super) fn takes_writes(&self) -> Result<(), StoreError> {
        if self.stopped() {
            return Err(self.refusal());
        }
        if self.space.is_none() {
            return Err(self.space.refusal());
        }
        Ok(())
    }

    /// Fails if nothing new is taken in now.
    pub(super) fn takes_new(&self) -> Result<(), StoreError> {
        self.takes_writes()?;
        if self.space.is_low() {
            return Err(StoreError::Full);
        }
        Ok(())
    }

    /// Refuses all further writes: what failed once may have left anything. Returns the error for the
    /// writers.
    pub(super) fn fail(&self, error: &StoreError) -> StoreError {
        if !self.stopped() {
            self.failed.store(true, Ordering::Release);
            self.stopped.store(true, Ordering::Release);
            self.space.failed();
            tracing::error!(%error, "a write to the store's disk failed; no more are taken until the server is restarted");
        }
        self.want_checkpoint();
        self.room.notify_waiters();
        self.refusal()
    }

    /// A write of the tree or the archive failed: because the disk is full or the machine short of files or memory, and
    /// then the tree is opened again when there are some, or for good. Returns the error for the writers.
    pub(super) fn could_not_fold(&self, error: StoreError) -> StoreError {
        if !is_passing(&error) {
            return self.fail(&error);
        }
        self.space.none(true, &error);
        self.wake_committer();
        self.room.notify_waiters();
        error
    }

    /// Wakes the committer.
    pub(super) fn wake_committer(&self) {
        // If the queue is full, it is awake.
        if let Some(committer) = self.committer.get().and_then(WeakSender::upgrade) {
            let _ = committer.try_send(Message::Look);
        }
    }

    /// Looks how much room the disk has; `false` if the tree is not to grow now.
    pub(super) fn may_fold(&self) -> bool {
        let settings = &self.settings;
        let more = if self.space.is_low() {
            settings.slot_bytes
        } else {
            0
        };
        if room::free(&settings.path) < settings.reserve_bytes + more {
            return false;
        }
        self.space.enough();
        !self.space.is_low()
    }

    /// Takes nothing new in until there is room. What sled has in memory alone is written down while
    /// it can be: it could not be read from a full disk.
    pub(super) fn pause(&self) -> Result<(), StoreError> {
        self.with_disk(Disk::settle)?;
        self.space.low();
        self.room.notify_waiters();
        Ok(())
    }

    pub(super) fn want_checkpoint(&self) {
        *self.wanted.lock() = true;
        self.want.notify_all();
    }

    /// Notes the overlay's size. To be called by who holds it for writing: noted late, an older
    /// and larger size could stay and keep everybody waiting for room that there is.
    pub(super) fn measure(&self, overlay: &Overlay) {
        self.overlay_bytes.store(overlay.bytes(), Ordering::Relaxed);
    }

    pub(super) fn has_room(&self) -> bool {
        self.overlay_bytes.load(Ordering::Relaxed) <= 2 * self.settings.overlay_bytes
            && self.slots.bytes() <= 4 * self.settings.log_bytes
    }

    /// Whether a workspace may write although memory or log are past their bounds: it has little of it, and others are to
    /// wait. That goes as far again, for all of these together.
    fn has_room_for(&self, workspace: &WorkspaceName) -> bool {
        let settings = &self.settings;
        self.has_room()
            || (self.overlay_bytes.load(Ordering::Relaxed) <= 4 * settings.overlay_bytes
                && self.slots.bytes() <= 8 * settings.log_bytes
                && self.overlay.read().bytes_of(workspace) <= settings.overlay_bytes / LITTLE_PART)
    }

    /// Waits until memory and log are below their bounds, or the workspace's part of them is small.
    pub(super) async fn room(&self, workspace: &WorkspaceName) -> Result<(), StoreError> {
        self.takes_new()?;
        if self.has_room_for(workspace) {
            return Ok(());
        }
        loop {
            let woken = self.room.notified();
            self.takes_new()?;
            if self.has_room_for(workspace) {
                return Ok(());
            }
            self.want_checkpoint();
            woken.await;
        }
    }
}
