//! Requests that the removal of old tasks waits for.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::domain::clock::Millis;

/// Requests to the removal of tasks.
pub(super) struct RemovalAsked {
    /// When every planned time was last settled; 0 if not since the start.
    settled: AtomicU64,
    /// A workspace was deleted, and is to be erased.
    erase: AtomicBool,
    pub(super) wake: Notify,
}

impl Default for RemovalAsked {
    fn default() -> Self {
        Self {
            settled: AtomicU64::new(0),
            // Maybe before the start.
            erase: AtomicBool::new(true),
            wake: Notify::new(),
        }
    }
}

impl RemovalAsked {
    /// Every planned time up to `now` is settled.
    pub(super) fn settle(&self, now: Millis) {
        self.settled.store(now, Ordering::Release);
        self.wake.notify_one();
    }

    /// The time up to which every planned time is settled; 0 if none is since the start.
    pub(super) fn settled(&self) -> Millis {
        self.settled.load(Ordering::Acquire)
    }

    /// A workspace was deleted.
    pub(super) fn erase(&self) {
        self.erase.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Whether a workspace was deleted since this was last asked.
    pub(super) fn take_erase(&self) -> bool {
        self.erase.swap(false, Ordering::AcqRel)
    }

    /// What [`RemovalAsked::take_erase`] gave is still to be done.
    pub(super) fn put_back(&self, erase: bool) {
        self.erase.fetch_or(erase, Ordering::AcqRel);
    }
}
