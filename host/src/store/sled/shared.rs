//! What the store's threads and callers share, and how they wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::Notify;

use super::disk::Disk;
use super::gather::Coming;
use super::log::Slots;
use super::overlay::Overlay;
use super::registry::Components;
use super::settings::SledSettings;
use crate::store::StoreError;

/// What the store's threads and callers share.
pub(super) struct Shared {
    pub settings: SledSettings,
    /// Read by whoever reads more than one key and wants them to agree; written by a fold of
    /// several keys. `None` once the store is closed.
    pub disk: RwLock<Option<Disk>>,
    /// Never waited for while `disk` is held.
    pub overlay: RwLock<Overlay>,
    /// [`Overlay::bytes`] as it last was.
    pub overlay_bytes: AtomicUsize,
    pub slots: Arc<Slots>,
    /// Changes that are expected.
    pub coming: Coming,
    /// No more writes: closed, or a write failed.
    pub stopped: AtomicBool,
    /// Woken when there may be room to accept again.
    pub room: Notify,
    /// Whether a checkpoint is wanted now.
    pub wanted: Mutex<bool>,
    pub want: Condvar,
    /// One checkpoint at a time.
    pub checkpointing: Mutex<()>,
    pub components: Mutex<Components>,
}

impl Shared {
    /// Runs `read` on the open tree.
    pub(super) fn with_disk<T>(
        &self,
        read: impl FnOnce(&Disk) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(self.disk.read().as_ref().ok_or(StoreError::Closed)?)
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Refuses all further writes: what failed once may have left anything.
    pub(super) fn fail(&self, error: &StoreError) {
        if !self.stopped.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "the store failed and takes no more writes; restart the server");
        }
        self.want_checkpoint();
        self.room.notify_waiters();
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

    /// Waits until memory and log are below their bounds.
    pub(super) async fn room(&self) -> Result<(), StoreError> {
        if self.has_room() {
            return Ok(());
        }
        loop {
            if self.stopped() {
                return Err(StoreError::Closed);
            }
            let woken = self.room.notified();
            if self.has_room() {
                return Ok(());
            }
            self.want_checkpoint();
            woken.await;
        }
    }
}
