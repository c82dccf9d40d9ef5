//! Which workspace computes next: pure decisions over counted microseconds, no threads and no clock.
//!
//! Short pieces of work of a workspace within its fair share of the processors need no turn. Work that computes for
//! longer than a slice, and all work of a workspace beyond its fair share while another one is active, has turns: by
//! deficit round robin (Shreedhar and Varghese, 1995) over workspaces, by the time that was used. A workspace that
//! is alone is never beyond its share.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use rustc_hash::FxHashMap;

use crate::domain::ids::WorkspaceName;

/// A time, or a duration, in microseconds.
pub(super) type Micros = u64;

/// How long a lane of weight 1 may compute in a turn of the round robin.
const QUANTUM: i64 = 5_000;
/// How much of its fair share a lane may save up: a burst that is served at once.
const MOST_CREDIT: i64 = 20_000;
/// The deepest that a lane gets into debt, so that what it did long ago is forgotten.
const MOST_DEBT: i64 = 1_000_000;
/// For how long a workspace counts as active after it last computed. Its fair share is kept for it so long.
const ACTIVE: Micros = 100_000;

/// The place of a workspace among those that are active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LaneId(usize);

/// The time that a workspace has used. Its jobs write it without a lock.
#[derive(Debug)]
pub(super) struct Account {
    /// The time that is left of the fair share.
    credit: AtomicI64,
    /// The time that was used without a turn since the last [`Share::pay`].
    spent: AtomicI64,
    used_at: AtomicU64,
    /// All jobs, those included that wait for something.
    jobs: AtomicUsize,
}

impl Account {
    /// A job was polled for `used`, until `now`. `in_turn`: [`Share::charge`] is told, too.
    pub(super) fn spend(&self, used: Micros, now: Micros, in_turn: bool) {
        let used = i64::try_from(used).unwrap_or(i64::MAX);
        self.credit.fetch_sub(used, Ordering::Relaxed);
        if !in_turn {
            self.spent.fetch_add(used, Ordering::Relaxed);
        }
        self.used_at.store(now, Ordering::Relaxed);
    }

    /// Whether the workspace has used more than its fair share.
    pub(super) fn is_in_debt(&self) -> bool {
        self.credit.load(Ordering::Relaxed) < 0
    }

    /// A job has ended.
    pub(super) fn leave(&self) {
        self.jobs.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A workspace's jobs `T` that have turns.
struct Lane<T> {
    workspace: WorkspaceName,
    weight: i64,
    account: Arc<Account>,
    /// Jobs that go before [`Lane::waiting`].
    first: VecDeque<T>,
    waiting: VecDeque<T>,
    /// The number of jobs that wait or have their turn.
    computing: usize,
    /// How long it may still compute in this turn of the round robin, in microseconds.
    deficit: i64,
}

/// The active workspaces.
pub(super) struct Share<T> {
    cores: usize,
    weights: HashMap<WorkspaceName, u32>,
    lanes: Vec<Option<Lane<T>>>,
    free: Vec<usize>,
    places: FxHashMap<WorkspaceName, LaneId>,
    /// Lanes with jobs that wait, in turn.
    order: VecDeque<LaneId>,
    /// Lanes with jobs that wait or have their turn.
    backlogged: usize,
    /// Jobs that wait or have their turn.
    computing: usize,
    /// Jobs that have their turn.
    granted: usize,
    /// Of these, turns of work beside the jobs.
    lent: usize,
    /// Weights of all lanes in sum.
    total: i64,
    paid: Micros,
}

impl<T> Share<T> {
    /// Shares `cores` processors. A workspace that is not in `weights` has weight 1.
    pub(super) fn new(cores: usize, weights: HashMap<WorkspaceName, u32>) -> Self {
        Self {
            cores,
            weights,
            lanes: Vec::new(),
            free: Vec::new(),
            places: FxHashMap::default(),
            order: VecDeque::new(),
            backlogged: 0,
            computing: 0,
            granted: 0,
            lent: 0,
            total: 0,
            paid: 0,
        }
    }

    /// Takes in a new job of a workspace, if that is active.
    pub(super) fn enter_active(&self, workspace: &WorkspaceName) -> Option<(LaneId, Arc<Account>)> {
        let id = *self.places.get(workspace)?;
        let account = &self.lanes.get(id.0)?.as_ref()?.account;
        account.jobs.fetch_add(1, Ordering::Relaxed);
        Some((id, account.clone()))
    }

    /// Takes in a new job of a workspace.
    pub(super) fn enter(
        &mut self,
        workspace: &WorkspaceName,
        now: Micros,
    ) -> (LaneId, Arc<Account>) {
        if let Some(entered) = self.enter_active(workspace) {
            return entered;
        }
        let weight = i64::from(self.weights.get(workspace).copied().unwrap_or(1).max(1));
        let account = Arc::new(Account {
            credit: AtomicI64::new(MOST_CREDIT),
            spent: AtomicI64::new(0),
            used_at: AtomicU64::new(now),
            jobs: AtomicUsize::new(1),
        });
        let lane = Some(Lane {
            workspace: workspace.clone(),
            weight,
            account: account.clone(),
            first: VecDeque::new(),
            waiting: VecDeque::new(),
            computing: 0,
            deficit: 0,
        });
        self.total += weight;
        let place = match self.free.pop() {
            Some(place) => {
                self.lanes[place] = lane;
                place
            }
            None => {
                self.lanes.push(lane);
                self.lanes.len() - 1
            }
        };
        self.places.insert(workspace.clone(), LaneId(place));
        (LaneId(place), account)
    }

    /// Queues a job for its turn.
    pub(super) fn push(&mut self, id: LaneId, job: T) {
        if let Some(lane) = self.lane(id) {
            lane.waiting.push_back(job);
            self.pushed(id);
        }
    }

    /// Queues a job that has little to do, and for which others wait, before the lane's other ones.
    pub(super) fn push_first(&mut self, id: LaneId, job: T) {
        if let Some(lane) = self.lane(id) {
            lane.first.push_back(job);
            self.pushed(id);
        }
    }

    fn pushed(&mut self, id: LaneId) {
        let Some(lane) = self.lane(id) else { return };
        lane.computing += 1;
        let is_first = lane.computing == 1;
        if lane.first.len() + lane.waiting.len() == 1 {
            // A lane whose only job had its turn goes on with it, or waits for the next one.
            let goes_on = lane.deficit > 0;
            if goes_on {
                self.order.push_front(id);
            } else {
                lane.deficit += QUANTUM * lane.weight;
                self.order.push_back(id);
            }
        }
        self.backlogged += usize::from(is_first);
        self.computing += 1;
    }

    /// The next job that has its turn. When it has been polled, [`Share::charge`] is to be called.
    pub(super) fn pick(&mut self) -> Option<(LaneId, T)> {
        if self.granted - self.lent >= self.most_granted() {
            return None;
        }
        loop {
            let id = *self.order.front()?;
            let is_alone = self.order.len() == 1;
            let lane = self.lane(id)?;
            if lane.deficit <= 0 {
                lane.deficit += QUANTUM * lane.weight;
                if !is_alone {
                    self.order.rotate_left(1);
                    continue;
                }
            }
            let first = lane.first.pop_front();
            let job = first.or_else(|| lane.waiting.pop_front())?;
            if lane.first.is_empty() && lane.waiting.is_empty() {
                self.order.pop_front();
            }
            self.granted += 1;
            return Some((id, job));
        }
    }

    /// The turn that was picked last is of work on a thread beside the jobs' ones. That does not give it back before it has
    /// ended, and its thread is less urgent: so jobs have their turns beside it, and none waits for it.
    pub(super) fn lend(&mut self) {
        self.lent += 1;
    }

    /// Such a turn is over; [`Share::charge`] is to be called, too.
    pub(super) fn take_back(&mut self) {
        self.lent -= 1;
    }

    /// How many jobs have a turn at once. While a workspace is active that has none which computes, one processor is
    /// left free for it: it need not wait until the kernel has taken one away from others, which may be milliseconds.
    fn most_granted(&self) -> usize {
        match self.places.len() > self.backlogged {
            true => self.cores.saturating_sub(1).max(1),
            false => self.cores,
        }
    }

    /// A job that was picked has been polled for `used`.
    pub(super) fn charge(&mut self, id: LaneId, used: Micros) {
        let backlogged = self.backlogged;
        let used = i64::try_from(used).unwrap_or(i64::MAX);
        let Some(lane) = self.lane(id) else { return };
        lane.charge(used, backlogged);
        lane.computing -= 1;
        let is_idle = lane.computing == 0;
        self.backlogged -= usize::from(is_idle);
        self.computing -= 1;
        self.granted -= 1;
    }

    /// Jobs of all workspaces that wait for a turn or have one.
    pub(super) fn all_computing(&self) -> usize {
        self.computing
    }

    /// How many turns jobs and work beside them have, and those of the latter.
    #[cfg(test)]
    pub(super) fn turns(&self) -> (usize, usize) {
        (self.granted, self.lent)
    }

    /// The same of one workspace.
    pub(super) fn computing(&self, workspace: &WorkspaceName) -> usize {
        let place = self.places.get(workspace);
        let lane = place.and_then(|id| self.lanes.get(id.0)?.as_ref());
        lane.map_or(0, |lane| lane.computing)
    }

    /// Counts time that was used for a workspace outside its jobs, until `now`.
    pub(super) fn spend(&mut self, workspace: &WorkspaceName, used: Micros, now: Micros) {
        // One that has no job is active now, too.
        let (id, account) = self.enter(workspace, now);
        account.leave();
        let backlogged = self.backlogged;
        let Some(lane) = self.lane(id) else { return };
        lane.account.spend(used, now, true);
        lane.charge(i64::try_from(used).unwrap_or(i64::MAX), backlogged);
    }

    /// How many workspaces are active.
    pub(super) fn active(&self) -> usize {
        self.places.len()
    }

    /// Pays every active workspace its fair share of the processors' time, and forgets those that are idle.
    pub(super) fn pay(&mut self, now: Micros) {
        let passed = now.saturating_sub(self.paid).min(ACTIVE);
        self.paid = now;
        let passed = i64::try_from(passed).unwrap_or_default();
        let time = passed.saturating_mul(self.cores as i64);
        let (total, backlogged) = (self.total.max(1), self.backlogged);
        for place in 0..self.lanes.len() {
            let Some(lane) = &mut self.lanes[place] else {
                continue;
            };
            let account = &lane.account;
            let used_at = account.used_at.load(Ordering::Relaxed);
            // A job that was dropped while it waited for its turn is still in `order`.
            let is_idle = lane.computing == 0 && account.jobs.load(Ordering::Relaxed) == 0;
            if is_idle && now.saturating_sub(used_at) > ACTIVE {
                self.total -= lane.weight;
                self.places.remove(&lane.workspace);
                self.lanes[place] = None;
                self.free.push(place);
                continue;
            }
            let credit = account.credit.load(Ordering::Relaxed);
            let paid = (credit + time * lane.weight / total).clamp(-MOST_DEBT, MOST_CREDIT);
            account.credit.fetch_add(paid - credit, Ordering::Relaxed);
            let spent = account.spent.swap(0, Ordering::Relaxed);
            lane.charge(spent, backlogged);
        }
    }

    fn lane(&mut self, id: LaneId) -> Option<&mut Lane<T>> {
        self.lanes.get_mut(id.0)?.as_mut()
    }
}

impl<T> Lane<T> {
    /// Counts the time that was used in a turn. It is no debt if no other workspace waited for a turn.
    fn charge(&mut self, used: i64, backlogged: usize) {
        let others = backlogged - usize::from(self.computing > 0);
        self.deficit = match others {
            0 => 0,
            _ => self.deficit.saturating_sub(used).max(-MOST_DEBT),
        };
    }
}

#[cfg(test)]
mod tests;
