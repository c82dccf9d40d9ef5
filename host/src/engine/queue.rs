//! Which task runs next: a bounded queue per workspace, served in turn.
//!
//! Ids of tasks grow with time, so what does not fit need not be remembered one by one: it is
//! enough to know that there is more in the store behind the newest id that was taken in.

mod refill;
mod starved;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::lane::{Lane, Memory};
use super::settings::EngineSettings;
use crate::domain::ids::{TaskId, WorkspaceName};

/// Factor of the dynamic threshold: a workspace may have this many times as many runs as there are free places.
const TIMES_FREE: usize = 9;

pub(super) struct Queue {
    inner: Mutex<Inner>,
    wants_refill: Arc<Notify>,
    computing: CountComputing,
    /// Notified when a lane waits for memory.
    starved: Arc<Notify>,
}

/// How many runs of a workspace compute for long, or would if others did not.
pub(super) type CountComputing = Box<dyn Fn(&WorkspaceName) -> usize + Send + Sync>;

struct Inner {
    settings: EngineSettings,
    lanes: HashMap<WorkspaceName, Lane>,
    /// Workspaces with queued tasks, in the order they are served.
    round_robin: VecDeque<WorkspaceName>,
    running: usize,
    /// Lanes whose [`Lane::more`] is set: usually none, and then the lanes are not searched for one.
    lanes_with_more: usize,
    closed: bool,
    /// No task is given out for now.
    paused: bool,
}

/// A read of the store that would refill a lane.
#[derive(Debug)]
pub(super) struct Refill {
    pub(super) workspace: WorkspaceName,
    pub(super) after: TaskId,
    pub(super) limit: usize,
}

impl Queue {
    /// An empty queue that takes every workspace to have ready tasks in the store.
    pub(super) fn new(
        settings: EngineSettings,
        workspaces: Vec<WorkspaceName>,
        computing: CountComputing,
    ) -> Self {
        let lanes: HashMap<_, _> = workspaces
            .into_iter()
            .map(|workspace| (workspace, Lane::new(true)))
            .collect();
        Self {
            inner: Mutex::new(Inner {
                settings,
                lanes_with_more: lanes.len(),
                lanes,
                round_robin: VecDeque::new(),
                running: 0,
                closed: false,
                paused: false,
            }),
            wants_refill: Arc::new(Notify::new()),
            computing,
            starved: Arc::default(),
        }
    }

    /// Takes in a ready task, or remembers that the store has it. Returns how many of the workspace's
    /// tasks are queued in memory.
    pub(super) fn offer(&self, workspace: &WorkspaceName, task: TaskId) -> usize {
        let mut inner = self.inner.lock();
        let room = inner.settings.queue;
        let lane = inner.lane(workspace);
        if task <= lane.newest_taken || (!lane.more && lane.queued.len() < room) {
            lane.newest_taken = lane.newest_taken.max(task);
            inner.push(workspace, task);
        } else {
            let oldest = lane.oldest_offered.get_or_insert(task);
            *oldest = task.min(*oldest);
            inner.set_more(workspace, true);
        }
        inner.lane(workspace).queued.len()
    }

    /// Takes in a task that is just arriving, as running, if nothing that came before it waits for
    /// its turn and a runner may start. The caller starts it.
    pub(super) fn begin(&self, workspace: &WorkspaceName, task: TaskId) -> bool {
        let computing = (self.computing)(workspace);
        let mut inner = self.inner.lock();
        if computing >= inner.settings.computing {
            return false;
        }
        if inner.closed || inner.paused || inner.running >= inner.settings.concurrency {
            return false;
        }
        let others_wait = !inner.round_robin.is_empty();
        let most = inner.most_running(others_wait);
        let lane = inner.lane(workspace);
        let may = lane.queued.is_empty()
            && lane.memory == Memory::Enough
            && !lane.more
            && lane.running < most
            && lane.known.insert(task);
        if may {
            lane.newest_taken = lane.newest_taken.max(task);
            lane.running += 1;
            inner.running += 1;
        }
        may
    }

    /// Takes in a waiting task that is due, if there is room. `false` if there is none, or the task is queued or running
    /// already.
    pub(super) fn wake_due(&self, workspace: &WorkspaceName, task: TaskId) -> bool {
        let mut inner = self.inner.lock();
        let room = inner.settings.queue;
        inner.lane(workspace).queued.len() < room && inner.push(workspace, task)
    }

    /// Takes in a waiting task, whether there is room or not. `false` if it is queued or running already.
    pub(super) fn wake(&self, workspace: &WorkspaceName, task: TaskId) -> bool {
        self.inner.lock().push(workspace, task)
    }

    /// As [`Queue::wake`]; a task that is known already is looked at once more after that, as its runner
    /// may have looked at it for the last time.
    pub(super) fn requeue(&self, workspace: &WorkspaceName, task: TaskId) {
        let mut inner = self.inner.lock();
        if !inner.push(workspace, task) {
            inner.lane(workspace).requeue.insert(task);
        }
    }

    /// A task for a new runner, if there is one and the runner may start.
    pub(super) fn start(&self) -> Option<(WorkspaceName, TaskId)> {
        let mut inner = self.inner.lock();
        if inner.running >= inner.settings.concurrency {
            return None;
        }
        let most = inner.settings.computing;
        self.pop(&mut inner, most)
    }

    /// The next task for a runner that is done with `task`; at `None` the runner ends.
    pub(super) fn next(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Option<(WorkspaceName, TaskId)> {
        let mut inner = self.inner.lock();
        inner.running -= 1;
        let lane = inner.lane(workspace);
        lane.running -= 1;
        lane.tries_again();
        lane.known.remove(&task);
        if lane.requeue.remove(&task) {
            inner.push(workspace, task);
        }
        // The runner itself may be one that computes.
        let most = inner.settings.computing + 1;
        self.pop(&mut inner, most)
    }

    /// A run of the workspace waits for a connector's answer: another one may start.
    pub(super) fn call_began(&self, workspace: &WorkspaceName) {
        self.inner.lock().lane(workspace).outside += 1;
    }

    /// It has the answer, or has ended without.
    pub(super) fn call_ended(&self, workspace: &WorkspaceName) {
        self.inner.lock().lane(workspace).outside -= 1;
    }

    /// `most` is the number of computing runs that a workspace may have when another one begins.
    fn pop(&self, inner: &mut Inner, most: usize) -> Option<(WorkspaceName, TaskId)> {
        if inner.closed || inner.paused {
            return None;
        }
        let popped = inner.pop(|workspace| (self.computing)(workspace) < most);
        let room = inner.settings.queue;
        let low = |inner: &mut Inner| match &popped {
            Some((workspace, _)) => inner.lane(workspace).wants_refill(room),
            None => inner.lanes.values().any(|lane| lane.wants_refill(room)),
        };
        if inner.lanes_with_more > 0 && low(inner) {
            self.wants_refill.notify_one();
        }
        popped
    }

    /// Removes the queued tasks of a workspace, and returns those that are running.
    pub(super) fn forget(&self, workspace: &WorkspaceName) -> Vec<TaskId> {
        let mut inner = self.inner.lock();
        inner.set_more(workspace, false);
        inner.round_robin.retain(|other| other != workspace);
        let lane = inner.lane(workspace);
        for task in std::mem::take(&mut lane.queued) {
            lane.known.remove(&task);
        }
        lane.requeue.clear();
        lane.needs.clear();
        let running = lane.known.iter().copied().collect();
        if lane.known.is_empty() && lane.outside == 0 && !lane.refilling {
            inner.lanes.remove(workspace);
        }
        running
    }

    /// Whether tasks are still given out.
    pub(super) fn is_open(&self) -> bool {
        !self.inner.lock().closed
    }

    /// Runs under way.
    pub(super) fn running(&self) -> usize {
        self.inner.lock().running
    }

    /// Tasks that are queued in memory.
    pub(super) fn queued(&self) -> usize {
        let inner = self.inner.lock();
        inner.lanes.values().map(|lane| lane.queued.len()).sum()
    }

    /// Stops giving out tasks, or begins again.
    pub(super) fn set_paused(&self, paused: bool) {
        self.inner.lock().paused = paused;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.inner.lock().paused
    }

    /// Removes the queued tasks for which `is_one` is true: they are another node's.
    pub(super) fn drop_tasks(&self, is_one: impl Fn(TaskId) -> bool) {
        let mut inner = self.inner.lock();
        let Inner {
            lanes, round_robin, ..
        } = &mut *inner;
        for lane in lanes.values_mut() {
            let Lane {
                queued,
                known,
                requeue,
                needs,
                ..
            } = lane;
            queued.retain(|task| {
                let kept = !is_one(*task);
                if !kept {
                    known.remove(task);
                    requeue.remove(task);
                    needs.remove(task);
                }
                kept
            });
        }
        round_robin.retain(|workspace| {
            lanes
                .get(workspace)
                .is_some_and(|lane| !lane.queued.is_empty())
        });
    }

    /// From now on no task is given out.
    pub(super) fn close(&self) {
        self.inner.lock().closed = true;
    }
}

impl Inner {
    fn lane(&mut self, workspace: &WorkspaceName) -> &mut Lane {
        // Names are cloned only the first time.
        if !self.lanes.contains_key(workspace) {
            self.lanes.insert(workspace.clone(), Lane::new(false));
        }
        match self.lanes.get_mut(workspace) {
            Some(lane) => lane,
            None => unreachable!("the lane was inserted above"),
        }
    }

    fn set_more(&mut self, workspace: &WorkspaceName, more: bool) {
        let before = std::mem::replace(&mut self.lane(workspace).more, more);
        self.lanes_with_more = self.lanes_with_more + usize::from(more) - usize::from(before);
    }

    fn push(&mut self, workspace: &WorkspaceName, task: TaskId) -> bool {
        let lane = self.lane(workspace);
        if !lane.known.insert(task) {
            return false;
        }
        lane.queued.push_back(task);
        if lane.queued.len() == 1 {
            self.round_robin.push_back(workspace.clone());
        }
        true
    }

    /// How many runs one workspace may have, if others wait and if not. Some places stay free, a part of those that
    /// are taken, so that a workspace which comes later finds one at once (the dynamic thresholds of Choudhury and
    /// Hahne, 1998).
    fn most_running(&self, others_wait: bool) -> usize {
        let concurrency = self.settings.concurrency;
        let free = concurrency.saturating_sub(self.running);
        let threshold = free.saturating_mul(TIMES_FREE);
        match others_wait {
            true => threshold.min(concurrency.div_ceil(2)),
            false => threshold,
        }
    }

    /// The first workspace in turn that is below its share and `may` begin another run; its turn comes again after
    /// the others.
    fn pop(&mut self, may: impl Fn(&WorkspaceName) -> bool) -> Option<(WorkspaceName, TaskId)> {
        let most_busy = self.settings.busy;
        for _ in 0..self.round_robin.len() {
            let workspace = self.round_robin.pop_front()?;
            let most = self.most_running(!self.round_robin.is_empty());
            let lane = self.lane(&workspace);
            let starves = lane.memory == Memory::None;
            let is_full = lane.busy() >= most_busy || lane.running >= most;
            if starves || is_full || !may(&workspace) {
                self.round_robin.push_back(workspace);
                continue;
            }
            let task = lane.queued.pop_front()?;
            lane.requeue.remove(&task);
            if lane.memory == Memory::Try {
                lane.memory = Memory::None;
            }
            lane.running += 1;
            if !lane.queued.is_empty() {
                self.round_robin.push_back(workspace.clone());
            }
            self.running += 1;
            return Some((workspace, task));
        }
        None
    }
}

#[cfg(test)]
mod tests;
