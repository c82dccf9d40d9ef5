//! Several futures at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Waits for all of the futures and gives their outputs in the order of the futures. None is given
/// up because another failed: look at each output.
///
/// ```
/// use stepwell_sdk::prelude::*;
///
/// #[step(condition = { order: Object })]
/// async fn notify() -> Result {
///     let order: Value = data::require("/order")?;
///     let calls = ["https://a.example/orders", "https://b.example/orders"]
///         .map(|url| connectors::fetch(Request::post(url).json(&order)));
///     let sent = join_all(calls).await;
///     let failed = sent.iter().filter(|result| !matches!(result, Ok(response) if response.ok()));
///     data::set("/failed", failed.count())?;
///     Ok(())
/// }
/// # use stepwell_sdk::mock::{Mock, Reply};
/// # let outcome = Mock::new().data(json!({"order": {}}))
/// #     .reply("POST", "https://a.example/orders", Reply::status(204))
/// #     .reply("POST", "https://b.example/orders", Reply::status(503))
/// #     .run(notify);
/// # assert_eq!(outcome.data["failed"], 1);
/// ```
pub fn join_all<I>(futures: I) -> JoinAll<I::Item>
where
    I: IntoIterator,
    I::Item: Future,
{
    let outer = Arc::new(Mutex::new(None));
    let slots = futures
        .into_iter()
        .map(|future| Slot {
            state: State::Running(Box::pin(future)),
            signal: Arc::new(Signal {
                woken: AtomicBool::new(true),
                outer: Arc::clone(&outer),
            }),
        })
        .collect();
    JoinAll { slots, outer }
}

/// The future that [`join_all`] returns.
#[must_use = "futures do nothing unless awaited"]
pub struct JoinAll<F: Future> {
    slots: Vec<Slot<F>>,
    outer: Arc<Mutex<Option<Waker>>>,
}

struct Slot<F: Future> {
    state: State<F>,
    signal: Arc<Signal>,
}

enum State<F: Future> {
    Running(Pin<Box<F>>),
    Done(Option<F::Output>),
}

/// One future's waker: it notes which future is to be polled, and wakes the whole.
struct Signal {
    woken: AtomicBool,
    outer: Arc<Mutex<Option<Waker>>>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
        let mut outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = outer.take() {
            waker.wake();
        }
    }
}

// The futures are boxed and outputs are never pinned, so moving a `JoinAll` moves nothing pinned.
impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        *self.outer.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        let mut running = false;
        for slot in &mut self.slots {
            let State::Running(future) = &mut slot.state else {
                continue;
            };
            if slot.signal.woken.swap(false, Ordering::Relaxed) {
                let waker = Waker::from(Arc::clone(&slot.signal));
                match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(output) => {
                        slot.state = State::Done(Some(output));
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            running = true;
        }
        if running {
            return Poll::Pending;
        }
        let outputs = self
            .slots
            .iter_mut()
            .filter_map(|slot| match &mut slot.state {
                State::Done(output) => output.take(),
                State::Running(_) => None,
            });
        Poll::Ready(outputs.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future;

    use super::*;
    use crate::block_on;

    #[test]
    fn outputs_keep_the_order_of_the_futures() {
        let futures = [3, 1, 2].map(|polls| {
            let mut left = polls;
            future::poll_fn(move |context| {
                left -= 1;
                if left == 0 {
                    return Poll::Ready(polls);
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
        });
        assert_eq!(block_on(join_all(futures)), [3, 1, 2]);
        assert!(block_on(join_all(Vec::<future::Ready<u8>>::new())).is_empty());
    }

    #[test]
    fn only_what_was_woken_is_polled() {
        let polls = Cell::new(0);
        let quiet: Cell<Option<Waker>> = Cell::new(None);
        let mut left = 5;
        let sleeper: Pin<Box<dyn Future<Output = ()> + '_>> =
            Box::pin(future::poll_fn(|context| {
                polls.set(polls.get() + 1);
                if polls.get() == 2 {
                    return Poll::Ready(());
                }
                quiet.set(Some(context.waker().clone()));
                Poll::Pending
            }));
        let busy: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(future::poll_fn(|context| {
            left -= 1;
            if left == 0 {
                if let Some(waker) = quiet.take() {
                    waker.wake();
                }
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        block_on(join_all([sleeper, busy]));
        assert_eq!(polls.get(), 2);
    }
}
