//! A run's calls that have not been answered, and when the run may pause for long.
//!
//! A long pause ends the run's instance. So it begins only while the guest waits in `wasi:io/poll` for the
//! pause, nothing else that it waits for is ready, and no call is in flight: then no answer is lost, and
//! there is nothing that the guest could still act on.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

use crate::domain::clock::Millis;
use crate::domain::effect::CallFault;

/// No long pause is waited for.
const NONE: Millis = Millis::MAX;

/// A run's calls in flight. A clone is another handle to the same.
#[derive(Debug, Clone)]
pub(super) struct CallsInFlight(Arc<State>);

#[derive(Debug)]
struct State {
    calls: AtomicUsize,
    /// A call has ended.
    ended: Notify,
    /// The end of the earliest long pause that the guest waits for, or [`NONE`].
    pause: AtomicU64,
}

/// A call in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct CallInFlight(Arc<State>);

impl Default for CallsInFlight {
    fn default() -> Self {
        Self(Arc::new(State {
            calls: AtomicUsize::new(0),
            ended: Notify::new(),
            pause: AtomicU64::new(NONE),
        }))
    }
}

impl CallsInFlight {
    /// Counts a call, until what this gives is dropped. Its answer must have been sent by then.
    pub(super) fn begin(&self) -> CallInFlight {
        self.0.calls.fetch_add(1, Ordering::AcqRel);
        CallInFlight(self.0.clone())
    }

    fn is_none(&self) -> bool {
        self.0.calls.load(Ordering::Acquire) == 0
    }

    /// Waits for a long pause, which never ends by itself: [`CallsInFlight::wait`] ends the run instead.
    pub(super) async fn long_pause(&self, until: Millis) {
        poll_fn(|_| {
            self.0.pause.fetch_min(until, Ordering::AcqRel);
            Poll::Pending
        })
        .await
    }

    /// Waits for what a guest waits for.
    ///
    /// # Errors
    /// [`CallFault::Paused`] until the earliest long pause in it is over, as soon as nothing else can
    /// happen before; and the errors of `waiting`.
    pub(super) async fn wait<T>(
        &self,
        waiting: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        let mut waiting = pin!(waiting);
        let mut ended = pin!(self.0.ended.notified());
        poll_fn(|context| {
            loop {
                // Asked before the look: the answers of all calls that have ended are seen by it.
                let is_none = self.is_none();
                self.0.pause.store(NONE, Ordering::Release);
                if let Poll::Ready(ready) = waiting.as_mut().poll(context) {
                    return Poll::Ready(ready);
                }
                let until = self.0.pause.load(Ordering::Acquire);
                if until == NONE {
                    return Poll::Pending;
                }
                if is_none {
                    return Poll::Ready(Err(CallFault::Paused { until }.into()));
                }
                // One that the guest does not wait for may be the last.
                if ended.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                ended.set(self.0.ended.notified());
            }
        })
        .await
    }
}

impl Drop for CallInFlight {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use tokio::sync::oneshot;

    use super::*;

    type Waiting<'a> = Pin<Box<dyn Future<Output = wasmtime::Result<&'static str>> + Send + 'a>>;

    /// A guest that waits for an answer, if there is one to wait for, and for long pauses.
    fn guest<'a>(
        calls: &'a CallsInFlight,
        answer: Option<oneshot::Receiver<()>>,
        pauses: &'static [Millis],
    ) -> Waiting<'a> {
        Box::pin(calls.wait(async move {
            let answered = async {
                match answer {
                    Some(answer) => answer.await.unwrap(),
                    None => std::future::pending().await,
                }
            };
            // None is done at once.
            let is_any = !pauses.is_empty();
            let pauses = pauses.iter().map(|at| calls.long_pause(*at));
            let paused = futures_util::future::join_all(pauses);
            tokio::select! {
                biased;
                _ = paused, if is_any => unreachable!("a long pause never ends by itself"),
                () = answered => Ok("answered"),
            }
        }))
    }

    fn look(waiting: &mut Waiting<'_>) -> Option<Result<&'static str, Millis>> {
        match waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Pending => None,
            Poll::Ready(Ok(ready)) => Some(Ok(ready)),
            Poll::Ready(Err(error)) => match error.downcast_ref::<CallFault>() {
                Some(CallFault::Paused { until }) => Some(Err(*until)),
                _ => panic!("{error:?}"),
            },
        }
    }

    #[test]
    fn a_pause_alone_begins_at_once_and_the_earliest_counts() {
        let calls = CallsInFlight::default();
        assert_eq!(look(&mut guest(&calls, None, &[700])), Some(Err(700)));
        let mut both = guest(&calls, None, &[900, 800, 1_000]);
        assert_eq!(look(&mut both), Some(Err(800)));
        // What an earlier wait asked for does not count for a later one.
        assert_eq!(look(&mut guest(&calls, None, &[950])), Some(Err(950)));
    }

    #[test]
    fn an_answer_that_the_guest_waits_for_comes_before_the_pause() {
        let calls = CallsInFlight::default();
        let (send, answer) = oneshot::channel();
        let call = calls.begin();
        let mut waiting = guest(&calls, Some(answer), &[700]);
        assert_eq!(look(&mut waiting), None);
        send.send(()).unwrap();
        drop(call);
        assert_eq!(look(&mut waiting), Some(Ok("answered")));
    }

    #[test]
    fn a_call_that_the_guest_does_not_wait_for_is_waited_for() {
        let calls = CallsInFlight::default();
        let (call, other) = (calls.begin(), calls.begin());
        let mut waiting = guest(&calls, None, &[700]);
        assert_eq!(look(&mut waiting), None);
        drop(call);
        assert_eq!(look(&mut waiting), None);
        drop(other);
        assert_eq!(look(&mut waiting), Some(Err(700)));
    }

    #[test]
    fn without_a_long_pause_a_wait_has_no_end_of_its_own() {
        let calls = CallsInFlight::default();
        let (send, answer) = oneshot::channel();
        let mut waiting = guest(&calls, Some(answer), &[]);
        assert_eq!(look(&mut waiting), None);
        send.send(()).unwrap();
        assert_eq!(look(&mut waiting), Some(Ok("answered")));
    }

    /// The end of a call wakes a guest that waits for a pause alone.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_end_of_a_call_is_missed() {
        for _ in 0..2_000 {
            let calls = CallsInFlight::default();
            let call = calls.begin();
            let ended = tokio::spawn(async move { drop(call) });
            let waiting = calls.wait(async {
                calls.long_pause(700).await;
                Ok(())
            });
            assert!(waiting.await.is_err());
            ended.await.unwrap();
        }
    }
}
