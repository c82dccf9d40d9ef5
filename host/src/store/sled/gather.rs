//! How long a group waits for more: as long as something is on its way that would come too late for
//! it, and never long. A flush costs as much for one change as for twenty; but a flush that waits
//! while nobody computes delays them all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Coming {
    count: AtomicUsize,
    /// The committer waits for the count to be 0.
    awaited: AtomicBool,
    committer: OnceLock<Thread>,
}

impl Coming {
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
pub struct Expected(Arc<Coming>);

impl Expected {
    pub(super) fn new(coming: Arc<Coming>) -> Self {
        coming.begin();
        Self(coming)
    }
}

impl Drop for Expected {
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
        let coming = Arc::new(Coming::default());
        let begun = Instant::now();
        coming.wait(Duration::from_secs(60));
        coming.begin();
        coming.wait(Duration::from_millis(20));
        assert!(
            begun.elapsed() >= Duration::from_millis(20),
            "it never came"
        );
        coming.begin();
        let other = coming.clone();
        let ends = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            other.end();
            other.end();
        });
        coming.wait(Duration::from_secs(60));
        assert!(begun.elapsed() < Duration::from_secs(30), "both came");
        ends.join().unwrap();
    }
}
