//! A run's time limit. It counts what the run computes and what it waits for, and not the time in which it could have
//! gone on and was suspended: other workspaces had the processors then, and no run is to fail by what others do.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

/// A call was given up when its time was over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    /// The part of that time that was spent on the call itself, and not on waiting.
    pub computed: Duration,
}

/// When a call was first told to go on since it was last polled.
#[derive(Default)]
struct Woken {
    at: Mutex<Option<Instant>>,
    inner: AtomicWaker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.at.lock().get_or_insert_with(Instant::now);
        self.inner.wake();
    }
}

/// Carries out a call within `limit`, or gives it up. Returns also the time in which the call could have gone on and was
/// not polled, which does not count.
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = T>,
) -> (Result<T, Exceeded>, Duration) {
    let mut call = pin!(call);
    let mut timer = pin!(sleep(limit));
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    let (mut computed, mut held) = (Duration::ZERO, Duration::ZERO);
    let mut polled_at = Instant::now();
    // How much of `held` the timer has been put off by.
    let mut granted = Duration::ZERO;
    let ended = poll_fn(|context| {
        woken.inner.register(context.waker());
        let began = Instant::now();
        if let Some(at) = woken.at.lock().take() {
            held += began.saturating_duration_since(at.max(polled_at));
        }
        let mut own = Context::from_waker(&waker);
        let polled = call.as_mut().poll(&mut own);
        polled_at = Instant::now();
        computed += polled_at - began;
        if let Poll::Ready(value) = polled {
            return Poll::Ready(Ok(value));
        }
        while timer.as_mut().poll(&mut own).is_ready() {
            let later = timer.deadline() + (held - granted);
            granted = held;
            if later <= polled_at {
                return Poll::Ready(Err(Exceeded { computed }));
            }
            timer.as_mut().reset(later);
        }
        Poll::Pending
    });
    let ended = ended.await;
    (ended, held)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::FutureExt;

    use super::*;

    /// Real time is what is limited: these tests sleep as long as it says.
    const LIMIT: Duration = Duration::from_millis(300);

    /// A run that is polled only when the test says so.
    struct Suspended<F> {
        future: std::pin::Pin<Box<F>>,
        woken: Arc<Flag>,
    }

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    impl<F: Future> Suspended<F> {
        fn new(future: F) -> Self {
            Self {
                future: Box::pin(future),
                woken: Arc::default(),
            }
        }

        fn is_woken(&self) -> bool {
            self.woken.0.load(Ordering::SeqCst)
        }

        fn poll(&mut self) -> Poll<F::Output> {
            let waker = Waker::from(self.woken.clone());
            self.future.as_mut().poll(&mut Context::from_waker(&waker))
        }
    }

    /// Gives the thread back as a guest does that computes.
    async fn gives_back() {
        let mut gave = false;
        poll_fn(|context| {
            if std::mem::replace(&mut gave, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[tokio::test]
    async fn a_run_that_is_suspended_has_its_time() {
        let mut run = Suspended::new(within(LIMIT, async {
            for _ in 0..5 {
                gives_back().await;
            }
        }));
        // Each turn comes after as much time as the run has.
        for _ in 0..5 {
            assert!(run.poll().is_pending());
            assert!(run.is_woken());
            sleep(LIMIT).await;
        }
        let Poll::Ready((ended, held)) = run.poll() else {
            panic!("it is done");
        };
        assert_eq!(ended, Ok(()));
        assert!(held >= LIMIT * 5, "{held:?}");
    }

    #[tokio::test]
    async fn a_run_that_waits_has_no_more_than_its_time() {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let mut run = Suspended::new(within(LIMIT, async {
            let _: Result<(), _> = answered.await;
            std::future::pending::<()>().await;
        }));
        assert!(run.poll().is_pending());
        answer.send(()).unwrap();
        assert!(run.is_woken());
        // Its answer is there, and no processor.
        sleep(LIMIT * 3).await;
        assert!(run.poll().is_pending());
        let (ended, held) = run.future.await;
        assert!(ended.is_err());
        assert!(held >= LIMIT * 3, "{held:?}");
        // Waiting alone is in time, too.
        let (ended, _) = within(LIMIT, std::future::pending::<()>()).await;
        assert!(ended.is_err());
    }

    #[tokio::test]
    async fn what_is_done_in_time_is_its_end() {
        let (ended, _) = within(LIMIT * 100, sleep(LIMIT / 2)).await;
        assert_eq!(ended, Ok(()));
        assert!(within(LIMIT, async {}).now_or_never().is_some());
    }
}
