//! An amount of something that the server has once (bytes of memory, calls in flight), shared by workspaces.
//!
//! A workspace has a share: the amount above all shares ends where a quarter of the budget is left. Were all shares in
//! use, the last eighth is left to workspaces that hold next to nothing. Who holds a permit and needs more never waits without a bound: it asks
//! ([`Permit::grow`]) and is refused, or waits no longer than a time that it states. So holders cannot wait for
//! each other for ever.

mod charge;
mod waiting;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustc_hash::FxHashMap;

use super::ids::WorkspaceName;
pub use charge::Charge;
use waiting::{Source, Takes, Waiter, Waiting};

/// How long [`Budget::wait_briefly_for`] waits.
const BRIEFLY: Duration = Duration::from_secs(2);
/// A workspace's share is the budget divided by this.
const SHARES: u64 = 16;
/// The part of the budget that is left to workspaces below their shares.
const KEPT: u64 = 4;
/// What a workspace gets whatever the others have is the budget divided by this: a run or two.
const SMALL_SHARES: u64 = 128;
/// The part of the budget that is left to workspaces that hold no more than that.
const KEPT_FOR_SMALL: u64 = 8;

/// An amount that workspaces share.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    /// How often something was given back, or was no longer scarce. Written with the state locked.
    released: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    /// Whether only workspaces below their shares are given any.
    is_scarce: bool,
    workspaces: FxHashMap<WorkspaceName, u64>,
    waiting: Waiting,
    /// Those that wait until anything is given back.
    watching: Vec<Waker>,
}

impl State {
    /// Takes so much of `limit` for a workspace, or nothing.
    fn add(&mut self, limit: u64, workspace: &WorkspaceName, amount: u64) -> Result<(), Exhausted> {
        if amount == 0 {
            return Ok(());
        }
        let own = self.workspaces.get(workspace).copied().unwrap_or(0);
        let exhausted = Exhausted { wanted: amount };
        let used = self.used.checked_add(amount).ok_or(exhausted)?;
        let held = own.saturating_add(amount);
        let most = if held <= (limit / SMALL_SHARES).max(1) {
            limit
        } else if held <= (limit / SHARES).max(1) {
            limit - limit / KEPT_FOR_SMALL
        } else if self.is_scarce {
            return Err(exhausted);
        } else {
            limit - limit / KEPT
        };
        if used > most {
            return Err(exhausted);
        }
        self.used = used;
        match self.workspaces.get_mut(workspace) {
            Some(own) => *own += amount,
            None => {
                self.workspaces.insert(workspace.clone(), amount);
            }
        }
        Ok(())
    }
}

/// The budget has not that much left for this workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} more than the server has left for this workspace now")]
pub struct Exhausted {
    /// How much was asked for.
    pub wanted: u64,
}

impl Budget {
    /// A budget of `limit`.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            released: AtomicU64::new(0),
            state: Mutex::default(),
        })
    }

    /// A budget that is never spent.
    pub fn unlimited() -> Arc<Self> {
        Self::new(u64::MAX)
    }

    /// The most that one workspace can ever hold.
    pub fn most(&self) -> u64 {
        self.limit - self.limit / KEPT
    }

    /// How much is held by all.
    pub fn used(&self) -> u64 {
        self.state.lock().used
    }

    /// While it is scarce, a workspace gets none beyond its share, whatever is left.
    pub fn set_scarce(&self, is_scarce: bool) {
        let mut state = self.state.lock();
        let was_scarce = std::mem::replace(&mut state.is_scarce, is_scarce);
        if was_scarce && !is_scarce {
            self.released.fetch_add(1, Ordering::Release);
            self.grant(state);
        }
    }

    /// How often there was more for those that wait: what [`Budget::wait`] is to be asked for.
    pub fn released(&self) -> u64 {
        self.released.load(Ordering::Acquire)
    }

    /// Takes `amount` for a workspace.
    ///
    /// # Errors
    /// [`Exhausted`]; nothing is taken.
    pub fn take(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        amount: u64,
    ) -> Result<Permit, Exhausted> {
        self.hold(workspace, amount, 0)
    }

    /// Takes `used` for a workspace, and holds at least `least` for it from then on.
    ///
    /// # Errors
    /// [`Exhausted`]; nothing is taken.
    pub fn hold(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        used: u64,
        least: u64,
    ) -> Result<Permit, Exhausted> {
        let held = used.max(least);
        self.add(workspace, held)?;
        let of = Some((self.clone(), workspace.clone()));
        Ok(Permit::with(of, Amounts { held, used, least }))
    }

    /// Takes `amount` for a workspace as soon as it is there: at once, or after others gave back and those had something
    /// that waited before. More than [`Budget::most`] is never there.
    pub async fn wait_for(self: &Arc<Self>, workspace: &WorkspaceName, amount: u64) -> Permit {
        Takes::new(&**self, workspace, amount).await;
        let of = Some((self.clone(), workspace.clone()));
        let amounts = Amounts {
            held: amount,
            used: amount,
            least: 0,
        };
        Permit::with(of, amounts)
    }

    /// As [`Budget::wait_for`], for a short time; none if there is not that much then. More than [`Budget::most`] is not
    /// asked for, together with what who asks holds until it has this: `beside`.
    pub async fn wait_briefly_for(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        amount: u64,
        beside: u64,
    ) -> Option<Permit> {
        let most = self.most().saturating_sub(beside);
        let waits = self.wait_for(workspace, amount.min(most));
        tokio::time::timeout(BRIEFLY, waits).await.ok()
    }

    /// Waits until there was more after [`Budget::released`] was `seen`.
    pub async fn wait(&self, seen: u64) {
        poll_fn(|context| {
            let mut state = self.state.lock();
            if self.released() != seen {
                return Poll::Ready(());
            }
            let waker = context.waker();
            if !state.watching.iter().any(|other| other.will_wake(waker)) {
                state.watching.push(waker.clone());
            }
            Poll::Pending
        })
        .await
    }

    fn add(&self, workspace: &WorkspaceName, amount: u64) -> Result<(), Exhausted> {
        self.state.lock().add(self.limit, workspace, amount)
    }

    fn give_back(&self, workspace: &WorkspaceName, amount: u64) {
        if amount == 0 {
            return;
        }
        let mut state = self.state.lock();
        state.used -= amount;
        self.released.fetch_add(1, Ordering::Release);
        if let Some(own) = state.workspaces.get_mut(workspace) {
            *own -= amount;
            if *own == 0 {
                state.workspaces.remove(workspace);
            }
        }
        self.grant(state);
    }

    /// Gives those that wait what is there now.
    fn grant(&self, mut state: MutexGuard<'_, State>) {
        let watching = std::mem::take(&mut state.watching);
        let mut waiting = std::mem::take(&mut state.waiting);
        let granted = waiting.grant(|of, amount| state.add(self.limit, of, amount).is_ok());
        state.waiting = waiting;
        drop(state);
        for waker in watching.into_iter().chain(granted) {
            waker.wake();
        }
    }
}

impl Source for Budget {
    fn take_or_wait(
        &self,
        workspace: &WorkspaceName,
        amount: u64,
        waker: &Waker,
    ) -> Option<Arc<Waiter>> {
        let mut state = self.state.lock();
        match state.add(self.limit, workspace, amount) {
            Ok(()) => None,
            Err(_) => Some(state.waiting.push(workspace, amount, waker)),
        }
    }

    fn leave(&self, workspace: &WorkspaceName, waiter: &Waiter) {
        let taken = self.state.lock().waiting.leave(workspace, waiter);
        self.give_back(workspace, taken);
    }
}

/// A part of a budget that a workspace holds. It is given back when this is dropped.
#[derive(Debug)]
pub struct Permit {
    /// None if there is no bound.
    of: Option<(Arc<Budget>, WorkspaceName)>,
    amounts: Mutex<Amounts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Amounts {
    /// Taken from the budget.
    held: u64,
    /// The part of it that is in use.
    used: u64,
    /// The least that it holds, used or not.
    least: u64,
}

impl Permit {
    /// A permit that always has more.
    pub fn unlimited() -> Self {
        Self::with(None, Amounts::default())
    }

    fn with(of: Option<(Arc<Budget>, WorkspaceName)>, amounts: Amounts) -> Self {
        Self {
            of,
            amounts: Mutex::new(amounts),
        }
    }

    /// The most that it can ever hold.
    pub fn most(&self) -> u64 {
        self.of
            .as_ref()
            .map_or(u64::MAX, |(budget, _)| budget.most())
    }

    fn add(&self, amount: u64) -> Result<(), Exhausted> {
        match &self.of {
            Some((budget, workspace)) => budget.add(workspace, amount),
            None => Ok(()),
        }
    }

    fn give_back(&self, amount: u64) {
        if let Some((budget, workspace)) = &self.of {
            budget.give_back(workspace, amount);
        }
    }

    /// How much of it is in use.
    pub fn used(&self) -> u64 {
        self.amounts.lock().used
    }

    /// Takes more, from what it holds and does not use first.
    ///
    /// # Errors
    /// [`Exhausted`]; then it is as it was.
    pub fn grow(&self, amount: u64) -> Result<(), Exhausted> {
        let mut amounts = self.amounts.lock();
        let exhausted = Exhausted { wanted: amount };
        let used = amounts.used.checked_add(amount).ok_or(exhausted)?;
        if used > amounts.held {
            self.add(used - amounts.held)?;
            amounts.held = used;
        }
        amounts.used = used;
        Ok(())
    }

    /// Takes more as soon as it is there. The caller bounds the wait.
    pub async fn wait_to_grow(&self, amount: u64) {
        // Another one may use meanwhile what this held and did not use.
        while self.grow(amount).is_err() {
            let Some((budget, workspace)) = &self.of else {
                return;
            };
            let missing = {
                let amounts = self.amounts.lock();
                let used = amounts.used.saturating_add(amount);
                used.saturating_sub(amounts.held)
            };
            Takes::new(&**budget, workspace, missing).await;
            self.amounts.lock().held += missing;
        }
    }

    /// Uses `amount` less, or nothing if it uses less than that.
    pub fn shrink(&self, amount: u64) {
        let mut amounts = self.amounts.lock();
        amounts.used = amounts.used.saturating_sub(amount);
        self.settle(&mut amounts);
    }

    /// Uses `used` from now on, and holds at least `least`.
    ///
    /// # Errors
    /// [`Exhausted`] if there is not that much; then it is as it was.
    pub fn resize(&self, used: u64, least: u64) -> Result<(), Exhausted> {
        let mut amounts = self.amounts.lock();
        let held = used.max(least);
        if held > amounts.held {
            self.add(held - amounts.held)?;
            amounts.held = held;
        }
        (amounts.used, amounts.least) = (used, least);
        self.settle(&mut amounts);
        Ok(())
    }

    /// Gives back the part that is held without need.
    fn settle(&self, amounts: &mut Amounts) {
        let held = amounts.used.max(amounts.least);
        self.give_back(amounts.held - held);
        amounts.held = held;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let held = self.amounts.get_mut().held;
        self.give_back(held);
    }
}

#[cfg(test)]
mod tests;
