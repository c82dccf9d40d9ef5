//! A job's place in the order of turns.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

/// The job waits for its turn.
const WAITING: u8 = 0;
/// It has it.
const GRANTED: u8 = 1;
/// The job is gone.
const DROPPED: u8 = 2;

#[derive(Default)]
pub(super) struct Ticket {
    state: AtomicU8,
    waker: AtomicWaker,
    is_beside: bool,
}

impl Ticket {
    /// One for work beside the jobs, see [`Share::lend`](super::share::Share::lend).
    pub(super) fn beside() -> Self {
        Self {
            is_beside: true,
            ..Self::default()
        }
    }

    pub(super) fn is_beside(&self) -> bool {
        self.is_beside
    }

    /// The job is about to ask for a turn. It is not woken before [`Ticket::is_granted`] has said that it has none: a job
    /// that gets its turn as it asks is polled at once, and would be polled again and again if it was woken, too, for as
    /// long as its workspace is in debt and it waits for something else.
    pub(super) fn ask(&self) {
        self.state.store(WAITING, Ordering::Release);
    }

    /// Gives the job its turn, of which [`Ticket::wake`] tells it; `false` if it is gone.
    pub(super) fn grant(&self) -> bool {
        let granted =
            self.state
                .compare_exchange(WAITING, GRANTED, Ordering::AcqRel, Ordering::Acquire);
        granted.is_ok()
    }

    /// Tells the job that it has its turn. Not under the lock of the shares: it may wait for a lock of the runtime, and
    /// wakes a thread that wants that one first.
    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// Whether the job has its turn; if not, `waker` is woken then.
    pub(super) fn is_granted(&self, waker: &Waker) -> bool {
        if self.state.load(Ordering::Acquire) == GRANTED {
            return true;
        }
        self.waker.register(waker);
        self.state.load(Ordering::Acquire) == GRANTED
    }

    /// The job is gone. Gives whether it had a turn.
    pub(super) fn drop_turn(&self) -> bool {
        self.state.swap(DROPPED, Ordering::AcqRel) == GRANTED
    }
}
