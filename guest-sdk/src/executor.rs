//! Runs one future to its end, and sleeps in `wasi:io/poll` while it waits. A waiting call leaves
//! its pollable and its waker here; only what became ready is woken.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::failure::{Ending, Failure};
use crate::host;

thread_local! {
    static WAITING: RefCell<Waiting> = const { RefCell::new(Waiting { next: 0, entries: Vec::new() }) };
}

struct Waiting {
    next: u64,
    entries: Vec<Entry>,
}

struct Entry {
    key: u64,
    pollable: Rc<host::Pollable>,
    waker: Waker,
}

/// A future's place among those that wait. Dropping it gives the place up.
pub(crate) struct Registration(u64);

impl Registration {
    /// Has `waker` woken once `pollable` is ready.
    pub(crate) fn new(pollable: &Rc<host::Pollable>, waker: &Waker) -> Self {
        WAITING.with_borrow_mut(|waiting| {
            let key = waiting.next;
            waiting.next += 1;
            waiting.entries.push(Entry {
                key,
                pollable: Rc::clone(pollable),
                waker: waker.clone(),
            });
            Self(key)
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(|waiting| waiting.entries.retain(|entry| entry.key != self.0));
    }
}

/// Sleeps until at least one of those that wait is ready, and wakes those that are. False if
/// no future waits.
fn sleep() -> bool {
    let pollables: Vec<(u64, Rc<host::Pollable>)> = WAITING.with_borrow(|waiting| {
        let entries = waiting.entries.iter();
        entries
            .map(|entry| (entry.key, Rc::clone(&entry.pollable)))
            .collect()
    });
    if pollables.is_empty() {
        return false;
    }
    let borrowed: Vec<&host::Pollable> = pollables.iter().map(|(_, p)| p.as_ref()).collect();
    for index in host::poll(&borrowed) {
        let ready = pollables.get(index as usize).map(|(key, _)| *key);
        let waker = WAITING.with_borrow_mut(|waiting| {
            let entries = &mut waiting.entries;
            let at = entries.iter().position(|entry| Some(entry.key) == ready)?;
            Some(entries.swap_remove(at).waker)
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
    true
}

/// Whether the future that is being run asked to be polled again.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future to its end. An `async` step needs no call of this; a plain one may wait with it.
///
/// # Panics
/// If the future waits for something that is no connector call: nothing else can wake it.
///
/// ```
/// assert_eq!(stepwell_sdk::block_on(async { 6 * 7 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    loop {
        if woken.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
        } else if !sleep() {
            panic!(
                "the step waits for something that never comes: only connector calls can be awaited"
            );
        }
    }
}

/// The outcome of an async step's function.
pub fn finish_async<F>(step: F) -> Result<(), Failure>
where
    F: Future<Output: Ending>,
{
    block_on(step).into_result()
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    #[test]
    fn a_future_that_wakes_itself_is_polled_again() {
        let mut left = 3;
        let polls = block_on(future::poll_fn(|context| {
            left -= 1;
            if left == 0 {
                return Poll::Ready("done");
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        assert_eq!((polls, left), ("done", 0));
    }

    #[test]
    #[should_panic(expected = "only connector calls can be awaited")]
    fn a_future_without_a_waker_is_a_clear_error() {
        block_on(future::pending::<()>());
    }
}
