//! Tasks that wait for a part of a budget. Each workspace has a queue; amounts that are given back go to the queues in turn,
//! and is taken for a waiter before it is woken. So none is woken in vain, however many wait.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::domain::ids::WorkspaceName;

/// How many of a queue are looked at for one that needs less than the first.
const LOOKED_AT: usize = 64;

/// A budget that can be waited for.
pub(super) trait Source {
    /// Takes so much for a workspace, or has `waker` wait for it.
    fn take_or_wait(
        &self,
        workspace: &WorkspaceName,
        amount: u64,
        waker: &Waker,
    ) -> Option<Arc<Waiter>>;

    /// One waits no more, whatever it has.
    fn leave(&self, workspace: &WorkspaceName, waiter: &Waiter);
}

/// One that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    amount: u64,
    state: Mutex<WaiterState>,
}

/// How far a waiter has come.
#[derive(Debug)]
enum WaiterState {
    Waits(Waker),
    /// The amount has been taken for it.
    Granted,
    /// It waits no more.
    Gone,
}

#[derive(Debug, Default)]
struct Queue {
    waiters: VecDeque<Arc<Waiter>>,
    /// How many of them wait no more.
    gone: usize,
}

/// All that wait, by workspace.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queues: FxHashMap<WorkspaceName, Queue>,
    /// The workspaces that have a queue, in turn.
    order: VecDeque<WorkspaceName>,
}

impl Waiting {
    /// Queues one that waits for so much.
    pub(super) fn push(
        &mut self,
        workspace: &WorkspaceName,
        amount: u64,
        waker: &Waker,
    ) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter {
            amount,
            state: Mutex::new(WaiterState::Waits(waker.clone())),
        });
        match self.queues.get_mut(workspace) {
            Some(queue) => queue.waiters.push_back(waiter.clone()),
            None => {
                let queue = Queue {
                    waiters: VecDeque::from([waiter.clone()]),
                    gone: 0,
                };
                self.queues.insert(workspace.clone(), queue);
                self.order.push_back(workspace.clone());
            }
        }
        waiter
    }

    /// One of a workspace waits no more. Gives what had been taken for it.
    pub(super) fn leave(&mut self, workspace: &WorkspaceName, waiter: &Waiter) -> u64 {
        let state = std::mem::replace(&mut *waiter.state.lock(), WaiterState::Gone);
        if matches!(state, WaiterState::Granted) {
            return waiter.amount;
        }
        let Some(queue) = self.queues.get_mut(workspace) else {
            return 0;
        };
        queue.gone += 1;
        // Each is moved a few times at most, however many leave.
        if 2 * queue.gone > queue.waiters.len() {
            queue
                .waiters
                .retain(|waiter| !matches!(*waiter.state.lock(), WaiterState::Gone));
            queue.gone = 0;
        }
        0
    }

    /// Grants waiters their amounts as long as `takes` can take them. Returns the wakers of those that were granted.
    pub(super) fn grant(
        &mut self,
        mut takes: impl FnMut(&WorkspaceName, u64) -> bool,
    ) -> Vec<Waker> {
        let mut woken = Vec::new();
        // Ends when each workspace in turn has found nothing.
        let mut vain = 0;
        while vain < self.order.len() {
            let Some(workspace) = self.order.pop_front() else {
                break;
            };
            let Some(queue) = self.queues.get_mut(&workspace) else {
                continue;
            };
            match queue.grant(|amount| takes(&workspace, amount)) {
                Some(waker) => {
                    woken.push(waker);
                    vain = 0;
                }
                None => vain += 1,
            }
            match queue.waiters.is_empty() {
                true => drop(self.queues.remove(&workspace)),
                false => self.order.push_back(workspace),
            }
        }
        woken
    }
}

impl Queue {
    /// Takes out the first one that `takes` has an amount for; gives its waker.
    fn grant(&mut self, mut takes: impl FnMut(u64) -> bool) -> Option<Waker> {
        while let Some(first) = self.waiters.front()
            && matches!(*first.state.lock(), WaiterState::Gone)
        {
            self.waiters.pop_front();
            self.gone = self.gone.saturating_sub(1);
        }
        let mut least = u64::MAX;
        for place in 0..self.waiters.len().min(LOOKED_AT) {
            let waiter = &self.waiters[place];
            let mut state = waiter.state.lock();
            let WaiterState::Waits(waker) = &*state else {
                continue;
            };
            if waiter.amount >= least {
                continue;
            }
            if takes(waiter.amount) {
                let waker = waker.clone();
                *state = WaiterState::Granted;
                drop(state);
                self.waiters.remove(place);
                return Some(waker);
            }
            least = waiter.amount;
        }
        None
    }
}

/// Waits until so much has been taken for a workspace. What was taken is given back if this is dropped before it has
/// said so.
pub(super) struct Takes<'a, S: Source> {
    source: &'a S,
    workspace: &'a WorkspaceName,
    amount: u64,
    waiter: Option<Arc<Waiter>>,
}

impl<'a, S: Source> Takes<'a, S> {
    pub(super) fn new(source: &'a S, workspace: &'a WorkspaceName, amount: u64) -> Self {
        Self {
            source,
            workspace,
            amount,
            waiter: None,
        }
    }
}

impl<S: Source> Future for Takes<'_, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(waiter) = &this.waiter {
            if let WaiterState::Waits(waker) = &mut *waiter.state.lock() {
                waker.clone_from(context.waker());
                return Poll::Pending;
            }
            this.waiter = None;
            return Poll::Ready(());
        }
        let waker = context.waker();
        this.waiter = this.source.take_or_wait(this.workspace, this.amount, waker);
        match this.waiter {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    }
}

impl<S: Source> Drop for Takes<'_, S> {
    fn drop(&mut self) {
        if let Some(waiter) = &self.waiter {
            self.source.leave(self.workspace, waiter);
        }
    }
}
