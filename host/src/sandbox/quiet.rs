//! When a run may pause for long. Its instance ends there, so nothing must be under way whose result
//! would be lost, and nothing done that the guest could still act on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many calls of a run are under way.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    calls: AtomicUsize,
    changed: Notify,
}

/// A call under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Call(Arc<Count>);

impl UnderWay {
    pub(super) fn begin(&self) -> Call {
        self.0.calls.fetch_add(1, Ordering::AcqRel);
        Call(self.0.clone())
    }

    /// Whether no call is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.calls.load(Ordering::Acquire) == 0
    }

    /// Resolves when no call is under way and the guest, which waits for this and perhaps for others,
    /// was told of those that were: the last of them is ready by the next time that all it waits for
    /// is looked at, so this is not before the time after that.
    pub(super) async fn quiet(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.is_quiet() {
                break;
            }
            changed.await;
        }
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn quiet_comes_two_looks_after_the_last_call() {
        let under_way = UnderWay::default();
        let call = under_way.begin();
        let other = under_way.begin();
        let mut quiet = pin!(under_way.quiet());
        let mut look = || quiet.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(look(), Poll::Pending);
        drop(call);
        assert_eq!(look(), Poll::Pending);
        drop(other);
        assert_eq!(look(), Poll::Pending);
        assert_eq!(look(), Poll::Pending);
        assert_eq!(look(), Poll::Ready(()));
    }
}
