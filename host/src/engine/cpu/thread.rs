//! Turns of threads that may block: for work of a workspace that takes milliseconds at once, on a thread beside those
//! of the jobs. It counts among the turns that are granted at once, as a job's poll does: a workspace that computes on
//! one processor does not take the other one as well while the next workspace wants it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::share::{Account, LaneId, Micros};
use super::shared::Shared;
use super::ticket::Ticket;
use crate::domain::ids::WorkspaceName;

/// The longest wait for a turn: longer than the deepest debt takes. Work that waits so long is done without.
const PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    /// Whether the thread polls a job that has a turn.
    static HAS_TURN: Cell<bool> = const { Cell::new(false) };
}

/// Notes whether what the thread does now has a turn; gives what was noted before.
pub(super) fn note_turn(has_turn: bool) -> bool {
    HAS_TURN.replace(has_turn)
}

/// Work of a workspace on this thread. Its time counts as the workspace's when this is dropped, and its turn is over.
pub(in crate::engine) struct Working {
    shared: Arc<Shared>,
    lane: LaneId,
    account: Arc<Account>,
    in_turn: bool,
    begun: Micros,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Working {
    /// Begins work on this thread. While several workspaces are active, the thread waits here for a turn first. If it has
    /// one already, as a job's, it goes on with that: who waits for another one would keep the first.
    pub(super) fn begin(shared: Arc<Shared>, workspace: &WorkspaceName) -> Self {
        shared.pay(shared.now());
        let (lane, account) = shared.enter(workspace);
        let is_contended = shared.is_contended.load(Ordering::Relaxed);
        let in_turn = is_contended && !HAS_TURN.get() && has_waited(&shared, lane);
        Self {
            begun: shared.now(),
            shared,
            lane,
            account,
            in_turn,
        }
    }
}

/// Waits for a turn; `false` if none came.
fn has_waited(shared: &Shared, lane: LaneId) -> bool {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let ticket = Arc::<Ticket>::default();
    ticket.ask(&waker);
    {
        let mut share = shared.share.write();
        share.push(lane, ticket.clone());
        shared.grant(share);
    }
    let until = Instant::now() + PATIENCE;
    while !ticket.is_granted(&waker) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // It may have come just now.
            return ticket.drop_turn();
        }
        std::thread::park_timeout(left);
    }
    true
}

impl Drop for Working {
    fn drop(&mut self) {
        let now = self.shared.now();
        let used = now.saturating_sub(self.begun);
        self.account.spend(used, now, self.in_turn);
        if self.in_turn {
            self.shared.release(self.lane, used);
        }
        self.account.leave();
    }
}
