//! A future that is polled as its workspace's work.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::share::{Account, LaneId, Micros};
use super::shared::Shared;
use super::ticket::Ticket;
use crate::domain::ids::WorkspaceName;
use crate::sandbox::gave_back;

/// A job that computed for so long without waiting for anything has turns: a tick of the epoch.
const SLICE: Micros = 5_000;
/// A poll that took less than this waited for something, unless a guest gave the thread back in it.
const SHORT: Micros = 1_000;

/// A future with its workspace's lane. What its polls take is the workspace's time, and it is polled when that has its
/// turn.
pub struct Charged<F> {
    shared: Arc<Shared>,
    /// The place among the workspace's jobs. None while a job waits for something that is not one of them meanwhile.
    lane: Option<(LaneId, Arc<Account>)>,
    /// Of a job that is not among the workspace's jobs while it waits.
    waits: Option<WorkspaceName>,
    /// None when it has ended.
    future: Option<F>,
    turn: Turn,
}

/// The turns of a job.
#[derive(Default)]
struct Turn {
    /// How long it has computed without waiting for anything.
    streak: Micros,
    /// Made when it first computes for long.
    ticket: Option<Arc<Ticket>>,
    /// Whether it has asked for a turn that is not over.
    asked: bool,
}

impl Turn {
    /// Whether the job is to be polled now; if it waits for its turn, it is woken then.
    fn is_now(
        &mut self,
        shared: &Shared,
        (lane, account): (LaneId, &Account),
        goes_first: bool,
        context: &Context<'_>,
    ) -> bool {
        if !self.asked {
            let is_contended = shared.is_contended.load(Ordering::Relaxed);
            if self.streak < SLICE && !(is_contended && account.is_in_debt()) {
                return true;
            }
            let ticket = self.ticket.get_or_insert_default();
            ticket.ask();
            self.asked = true;
            let mut share = shared.share.write();
            match goes_first {
                true => share.push_first(lane, ticket.clone()),
                false => share.push(lane, ticket.clone()),
            }
            shared.grant(share);
        }
        let Some(ticket) = &self.ticket else {
            return true;
        };
        ticket.is_granted(context.waker())
    }
}

impl<F> Charged<F> {
    pub(super) fn new(shared: Arc<Shared>, workspace: &WorkspaceName, future: F) -> Self {
        Self {
            lane: Some(shared.enter(workspace)),
            shared,
            waits: None,
            future: Some(future),
            turn: Turn::default(),
        }
    }

    /// One that is not among the workspace's jobs while it waits for something else than its turn.
    pub(super) fn that_waits(shared: Arc<Shared>, workspace: &WorkspaceName, future: F) -> Self {
        Self {
            lane: None,
            shared,
            waits: Some(workspace.clone()),
            future: Some(future),
            turn: Turn::default(),
        }
    }

    /// Gives the place among the workspace's jobs back, if there is one.
    fn leave(&mut self) {
        if let Some((_, account)) = self.lane.take() {
            account.leave();
        }
    }
}

impl<F: Future + Unpin> Future for Charged<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let job = &mut *self;
        let Some(future) = &mut job.future else {
            return Poll::Pending;
        };
        let shared = &*job.shared;
        let begun = shared.now();
        shared.pay(begun);
        if let (None, Some(workspace)) = (&job.lane, &job.waits) {
            job.lane = Some(shared.enter(workspace));
        }
        let Some((lane, account)) = &job.lane else {
            return Poll::Pending;
        };
        // A run waits for its calls, and its time goes on.
        let goes_first = job.waits.is_some();
        if !job
            .turn
            .is_now(shared, (*lane, &**account), goes_first, context)
        {
            return Poll::Pending;
        }
        gave_back::take();
        // It is noted until the poll has ended: after a panic the turn is given back where the job is dropped.
        let in_turn = job.turn.asked;
        let polled = Pin::new(future).poll(context);
        job.turn.asked = false;
        let now = shared.now();
        let used = now.saturating_sub(begun);
        account.spend(used, now, in_turn);
        let computes = gave_back::take() || used >= SHORT;
        job.turn.streak = match computes {
            false => 0,
            true => job.turn.streak.saturating_add(used),
        };
        if in_turn {
            shared.release(*lane, used);
        }
        if polled.is_ready() {
            job.future = None;
        }
        if job.future.is_none() || job.waits.is_some() {
            job.leave();
        }
        if computes && job.shared.is_contended.load(Ordering::Relaxed) {
            // A thread that was woken for another workspace would wait behind this one until the kernel's next tick.
            std::thread::yield_now();
        }
        polled
    }
}

impl<F> Drop for Charged<F> {
    fn drop(&mut self) {
        if self.turn.asked
            && let (Some(ticket), Some((lane, _))) = (&self.turn.ticket, &self.lane)
            && ticket.drop_turn()
        {
            self.shared.release(*lane, 0);
        }
        self.leave();
    }
}
