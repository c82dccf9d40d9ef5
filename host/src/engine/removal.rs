//! What the removal of old tasks waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::domain::clock::Millis;

/// What the removal waits for.
pub(super) struct Retention {
    /// When every planned time was last settled; 0 if not since the start.
    pub(super) settled: AtomicU64,
    /// A workspace was deleted.
    pub(super) deleted: AtomicBool,
    pub(super) wake: Arc<Notify>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            settled: AtomicU64::new(0),
            // Maybe before the start.
            deleted: AtomicBool::new(true),
            wake: Arc::default(),
        }
    }
}

impl Retention {
    /// Every planned time up to `now` is settled.
    pub(super) fn settled(&self, now: Millis) {
        self.settled.store(now, Ordering::Release);
    }
}
