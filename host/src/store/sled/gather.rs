//! How long a group waits for more: as long as something is on its way that would come too late for
//! it, and never long. A flush costs as much for one change as for twenty; but waiting while no other thread
//! computes delays all of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(super) struct PendingWrites {
    count: AtomicUsize,
    /// The committer waits for the count to be 0.
    awaited: AtomicBool,
    committer: OnceLock<Thread>,
}

impl PendingWrites {
    /// One more change is on its way.
    pub(super) fn begin(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// It has arrived, or will not.
    pub(super) fn end(&self) {
        if self.count.fetch_sub(1, Ordering::SeqCst) == 1
            && self.awaited.load(Ordering::SeqCst)
            && let Some(committer) = self.committer.get()
        {
            committer.unpark();
        }
    }

    /// Waits until nothing is on its way, or `longest` has passed. For one thread alone.
    pub(super) fn wait(&self, longest: Duration) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        self.committer.get_or_init(std::thread::current);
        let until = Instant::now() + longest;
        self.awaited.store(true, Ordering::SeqCst);
        while self.count.load(Ordering::SeqCst) > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::park_timeout(left);
        }
        self.awaited.store(false, Ordering::SeqCst);
    }
}

/// A write that is on its way. It has arrived when this is dropped.
pub struct AnnouncedWrite(Arc<PendingWrites>);

impl AnnouncedWrite {
    pub(super) fn new(pending: Arc<PendingWrites>) -> Self {
        pending.begin();
        Self(pending)
    }
}

impl Drop for AnnouncedWrite {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_on_its_way_is_waited_for_and_not_for_long() {
        let pending = Arc::new(PendingWrites::default());
        let begun = Instant::now();
        pending.wait(Duration::from_secs(60));
        pending.begin();
        pending.wait(Duration::from_millis(20));
        assert!(
            begun.elapsed() >= Duration::from_millis(20),
            "it never came"
        );
        pending.begin();
        let other = pending.clone();
        let ends = std::thread::spawn(move || {
            // The committer waits by then.
            while !other.awaited.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            other.end();
            other.end();
        });
        pending.wait(Duration::from_secs(60));
        assert!(begun.elapsed() < Duration::from_secs(30), "both came");
        ends.join().unwrap();
    }
}
