//! How fast a workspace may take in large answers. What it may not take in yet stays with the upstream: the connection
//! is not read meanwhile. This wait is the server's doing, so it does not count as the call's time. It is bounded, as the
//! call is not recorded meanwhile.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use crate::domain::ids::WorkspaceName;

/// Answers of up to so many bytes are taken in at once.
pub(super) const LARGE: usize = 64 * 1024;

/// The longest that a call waits in sum. What it takes in after that is not counted.
const MOST_WAIT: Duration = Duration::from_secs(2);

/// Says when a workspace may take in more.
pub trait Pace: Send + Sync {
    /// Waits until the workspace may take in `bytes` more; they are counted as taken in then, and not if the future is
    /// dropped before.
    fn wait<'a>(
        &'a self,
        workspace: &'a WorkspaceName,
        bytes: usize,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// The pace of one call, and how long the call has waited for it. The default waits for nothing.
#[derive(Default)]
pub struct Paced {
    pace: Option<Arc<dyn Pace>>,
    waited: Mutex<Waited>,
}

#[derive(Default)]
struct Waited {
    before: Duration,
    /// Since when it waits now.
    since: Option<Instant>,
}

impl Paced {
    /// A call at this pace.
    pub fn new(pace: Arc<dyn Pace>) -> Self {
        Self {
            pace: Some(pace),
            waited: Mutex::default(),
        }
    }

    pub(super) async fn wait(&self, workspace: &WorkspaceName, bytes: usize) {
        let Some(pace) = &self.pace else { return };
        let left = MOST_WAIT.saturating_sub(self.waited());
        self.waited.lock().since = Some(Instant::now());
        let _ = timeout(left, pace.wait(workspace, bytes)).await;
        let mut waited = self.waited.lock();
        let since = waited.since.take();
        waited.before += since.map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// How long the call has waited, up to now.
    fn waited(&self) -> Duration {
        let waited = self.waited.lock();
        waited.before + waited.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Carries out the call that waits by this within `limit`, waits not counted. `None` if it took longer.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        let mut call = pin!(call);
        let begun = Instant::now();
        let mut until = begun + limit;
        loop {
            if let Ok(result) = timeout_at(until, &mut call).await {
                return Some(result);
            }
            let later = begun + limit + self.waited();
            if later <= Instant::now() {
                return None;
            }
            until = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    struct Slow(Duration);

    impl Pace for Slow {
        fn wait<'a>(
            &'a self,
            _: &'a WorkspaceName,
            _: usize,
        ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
            Box::pin(sleep(self.0))
        }
    }

    #[tokio::test]
    async fn a_wait_for_the_pace_does_not_count_as_the_calls_time() {
        let caller: WorkspaceName = "acme".parse().unwrap();
        let limit = Duration::from_millis(400);
        let slow = Duration::from_millis(900);
        let paced = Paced::new(Arc::new(Slow(slow)));
        let begun = Instant::now();
        let call = async {
            paced.wait(&caller, LARGE).await;
            7
        };
        assert_eq!(paced.within(limit, call).await, Some(7));
        assert!(begun.elapsed() >= slow);
        // Its own time is over after all.
        let paced = Paced::new(Arc::new(Slow(slow)));
        let begun = Instant::now();
        let call = async {
            paced.wait(&caller, LARGE).await;
            std::future::pending::<()>().await;
        };
        assert_eq!(paced.within(limit, call).await, None);
        assert!(begun.elapsed() >= slow + limit);
        // However much there is to wait for.
        let paced = Paced::new(Arc::new(Slow(Duration::from_secs(600))));
        for _ in 0..5 {
            paced.wait(&caller, LARGE).await;
        }
        assert!(paced.waited() >= MOST_WAIT && paced.waited() < 10 * MOST_WAIT);
        let call = std::future::pending::<()>();
        assert_eq!(Paced::default().within(limit, call).await, None);
    }
}
