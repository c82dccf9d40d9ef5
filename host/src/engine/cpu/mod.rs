//! Shares the engine's threads between workspaces ([`share`]).
//!
//! What is run here is a *job*: a future of one workspace. All that a poll of it takes counts as its workspace's
//! time, the host's work for it included; a job that waits for something else uses none. A short job of a workspace
//! within its share is polled as any other future, without a lock. A guest that computes gives its thread back at
//! every tick of the sandbox's epoch, and is polled again when its workspace has a turn.

mod share;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use parking_lot::RwLock;

use super::threads::Threads;
use crate::domain::ids::WorkspaceName;
use share::{Account, LaneId, Micros, Share};

/// A job that computed for so long without waiting for anything has turns: a tick of the epoch.
const SLICE: Micros = 5_000;
/// A poll that took less than this waited for something: a guest that computes is polled until the next tick.
const SHORT: Micros = 1_000;
/// How often fair shares are paid out.
const PAYDAY: Micros = 1_000;

type JobFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A job's turn. It waits for it.
const WAITING: u8 = 0;
/// It has it.
const GRANTED: u8 = 1;
/// The job is gone.
const DROPPED: u8 = 2;

/// A job's place in the order of turns.
struct Ticket {
    state: AtomicU8,
    waker: AtomicWaker,
}

struct Shared {
    share: RwLock<Share<Arc<Ticket>>>,
    /// Whether several workspaces are active.
    is_contended: AtomicBool,
    /// Jobs that wait for a turn or have one, of all workspaces.
    computing: AtomicUsize,
    paid: AtomicU64,
    begun: Instant,
}

/// Runs the jobs of workspaces on the engine's threads.
pub(super) struct Workers {
    threads: Arc<Threads>,
    shared: Arc<Shared>,
}

impl Workers {
    /// A workspace without a weight has weight 1.
    pub(super) fn new(threads: Arc<Threads>, weights: HashMap<WorkspaceName, u32>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads,
            shared: Arc::new(Shared {
                share: RwLock::new(Share::new(cores, weights)),
                is_contended: AtomicBool::new(false),
                computing: AtomicUsize::new(0),
                paid: AtomicU64::new(0),
                begun: Instant::now(),
            }),
        }
    }

    /// Runs a future, as work of the workspace.
    pub(super) fn spawn(&self, workspace: &WorkspaceName, future: JobFuture) {
        let shared = &self.shared;
        let entered = shared.share.read().enter_active(workspace);
        let (lane, account) = entered.unwrap_or_else(|| {
            let mut share = shared.share.write();
            let entered = share.enter(workspace, shared.now());
            shared.note(&share);
            entered
        });
        self.threads.spawn(Job {
            shared: shared.clone(),
            lane,
            account,
            future: Some(future),
            streak: 0,
            ticket: None,
            asked: false,
        });
    }

    /// How many of the workspace's jobs compute, or would if others did not.
    pub(super) fn computing(&self, workspace: &WorkspaceName) -> usize {
        let shared = &self.shared;
        match shared.computing.load(Ordering::Relaxed) {
            0 => 0,
            _ => shared.share.read().computing(workspace),
        }
    }

    /// Counts time that was used for a workspace on other threads, while one of its jobs waited for it.
    pub(super) fn spend(&self, workspace: &WorkspaceName, used: Duration) {
        let now = self.shared.now();
        let mut share = self.shared.share.write();
        share.spend(workspace, used.as_micros() as Micros, now);
    }

    /// Whether at most one workspace is active.
    pub(super) fn has_one_workspace(&self) -> bool {
        self.shared.pay(self.shared.now());
        !self.shared.is_contended.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn now(&self) -> Micros {
        self.begun.elapsed().as_micros() as Micros
    }

    /// Notes what jobs look at without the lock.
    fn note(&self, share: &Share<Arc<Ticket>>) {
        let is_contended = share.active() > 1;
        self.is_contended.store(is_contended, Ordering::Relaxed);
        self.computing
            .store(share.all_computing(), Ordering::Relaxed);
    }

    /// Pays out the fair shares, if it is time.
    fn pay(&self, now: Micros) {
        if now.saturating_sub(self.paid.load(Ordering::Relaxed)) < PAYDAY {
            return;
        }
        // Another thread does it if the lock is taken.
        if let Some(mut share) = self.share.try_write() {
            self.paid.store(now, Ordering::Relaxed);
            share.pay(now);
            self.grant(&mut share);
        }
    }

    /// Gives turns to those that are next.
    fn grant(&self, share: &mut Share<Arc<Ticket>>) {
        while let Some((lane, ticket)) = share.pick() {
            let granted = ticket.state.compare_exchange(
                WAITING,
                GRANTED,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match granted {
                Ok(_) => ticket.waker.wake(),
                Err(_) => share.charge(lane, 0),
            }
        }
        self.note(share);
    }

    /// A turn is over.
    fn release(&self, lane: LaneId, used: Micros) {
        let mut share = self.share.write();
        share.charge(lane, used);
        self.grant(&mut share);
    }
}

/// A future with its workspace's lane.
struct Job {
    shared: Arc<Shared>,
    lane: LaneId,
    account: Arc<Account>,
    /// None when it has ended.
    future: Option<JobFuture>,
    /// How long it has computed without waiting for anything.
    streak: Micros,
    /// Made when it first computes for long.
    ticket: Option<Arc<Ticket>>,
    /// Whether it has asked for a turn that is not over.
    asked: bool,
}

impl Job {
    /// Whether it is to be polled now; if it waits for its turn, it is woken then.
    fn has_turn(&mut self, context: &Context<'_>) -> bool {
        if !self.asked {
            let is_contended = self.shared.is_contended.load(Ordering::Relaxed);
            if self.streak < SLICE && !(is_contended && self.account.is_in_debt()) {
                return true;
            }
            let ticket = self.ticket.get_or_insert_with(|| {
                Arc::new(Ticket {
                    state: AtomicU8::new(WAITING),
                    waker: AtomicWaker::new(),
                })
            });
            ticket.state.store(WAITING, Ordering::Release);
            ticket.waker.register(context.waker());
            self.asked = true;
            let mut share = self.shared.share.write();
            share.push(self.lane, ticket.clone());
            self.shared.grant(&mut share);
        }
        let Some(ticket) = &self.ticket else {
            return true;
        };
        if ticket.state.load(Ordering::Acquire) == GRANTED {
            return true;
        }
        ticket.waker.register(context.waker());
        ticket.state.load(Ordering::Acquire) == GRANTED
    }
}

impl Future for Job {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let job = &mut *self;
        let begun = job.shared.now();
        job.shared.pay(begun);
        if !job.has_turn(context) {
            return Poll::Pending;
        }
        let Some(future) = &mut job.future else {
            return Poll::Ready(());
        };
        let polled = future.as_mut().poll(context);
        let now = job.shared.now();
        let used = now.saturating_sub(begun);
        let in_turn = std::mem::take(&mut job.asked);
        job.account.spend(used, now, in_turn);
        job.streak = match used {
            0..SHORT => 0,
            _ => job.streak.saturating_add(used),
        };
        if in_turn {
            job.shared.release(job.lane, used);
        }
        if polled.is_ready() {
            job.future = None;
        }
        polled
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.asked
            && let Some(ticket) = &self.ticket
            && ticket.state.swap(DROPPED, Ordering::AcqRel) == GRANTED
        {
            self.shared.release(self.lane, 0);
        }
        self.account.leave();
    }
}

#[cfg(test)]
mod tests;
