//! How long a connection has had no request under way.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Counts the requests under way.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

struct State {
    under_way: usize,
    /// When the last one ended, or the connection began.
    since: Instant,
}

/// A request under way, until it is dropped.
pub(super) struct UnderWay(Activity);

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            under_way: 0,
            since: Instant::now(),
        })))
    }

    pub(super) fn begin(&self) -> UnderWay {
        self.0.lock().under_way += 1;
        UnderWay(self.clone())
    }

    /// Resolves once there has been no request for `time`.
    pub(super) async fn idle_for(&self, time: Duration) {
        loop {
            let now = Instant::now();
            let until = self.idle_at(now, time);
            if until <= now {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// When there will have been no request for `time`, at the earliest.
    fn idle_at(&self, now: Instant, time: Duration) -> Instant {
        let state = self.0.lock();
        match state.under_way {
            0 => state.since + time,
            _ => now + time,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.under_way -= 1;
        state.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_is_counted_from_the_end_of_the_last_request() {
        let time = Duration::from_secs(30);
        let later = Instant::now() + Duration::from_secs(100);
        let activity = Activity::new();
        assert!(activity.idle_at(later, time) < later);
        let (one, other) = (activity.begin(), activity.begin());
        assert_eq!(activity.idle_at(later, time), later + time);
        drop(one);
        assert_eq!(activity.idle_at(later, time), later + time);
        let before = Instant::now();
        drop(other);
        let idle_at = activity.idle_at(later, time);
        assert!(before + time <= idle_at && idle_at < later, "{idle_at:?}");
    }
}
