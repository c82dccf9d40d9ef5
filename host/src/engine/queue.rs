//! Which task runs next: a bounded queue per workspace, served in turn.
//!
//! Ids of tasks grow with time, so what does not fit need not be remembered one by one: it is
//! enough to know that there is more in the store behind the newest id that was taken in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::lane::Lane;
use super::settings::EngineSettings;
use crate::domain::ids::{TaskId, WorkspaceName};

/// See the module's documentation.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    wants_refill: Arc<Notify>,
}

struct Inner {
    settings: EngineSettings,
    lanes: HashMap<WorkspaceName, Lane>,
    /// Workspaces with queued tasks, in the order they are served.
    turn: VecDeque<WorkspaceName>,
    running: usize,
    /// Lanes whose [`Lane::more`] is set: usually none, and then nobody looks for one.
    spilled: usize,
    closed: bool,
    /// No task is given out for now.
    held: bool,
}

/// A look into the store that would help.
#[derive(Debug)]
pub(super) struct Refill {
    pub(super) workspace: WorkspaceName,
    pub(super) after: TaskId,
    pub(super) limit: usize,
}

impl Queue {
    /// An empty queue that takes every workspace to have ready tasks in the store.
    pub(super) fn new(settings: EngineSettings, workspaces: Vec<WorkspaceName>) -> Self {
        let lanes: HashMap<_, _> = workspaces
            .into_iter()
            .map(|workspace| (workspace, Lane::new(true)))
            .collect();
        Self {
            inner: Mutex::new(Inner {
                settings,
                spilled: lanes.len(),
                lanes,
                turn: VecDeque::new(),
                running: 0,
                closed: false,
                held: false,
            }),
            wants_refill: Arc::new(Notify::new()),
        }
    }

    /// Takes in a ready task, or remembers that the store has it. Gives how many of the workspace's
    /// tasks are queued in memory.
    pub(super) fn offer(&self, workspace: &WorkspaceName, task: TaskId) -> usize {
        let mut inner = self.inner.lock();
        let room = inner.settings.queue;
        let lane = inner.lane(workspace);
        if task <= lane.taken_up_to || (!lane.more && lane.queued.len() < room) {
            lane.taken_up_to = lane.taken_up_to.max(task);
            inner.push(workspace, task);
        } else {
            lane.offered_since = true;
            inner.set_more(workspace, true);
        }
        inner.lane(workspace).queued.len()
    }

    /// Takes in a task that is just arriving, as running, if nothing that came before it waits for
    /// its turn and a runner may start. The caller starts it.
    pub(super) fn begin(&self, workspace: &WorkspaceName, task: TaskId) -> bool {
        let mut inner = self.inner.lock();
        if inner.closed || inner.held || inner.running >= inner.settings.concurrency {
            return false;
        }
        let others_wait = !inner.turn.is_empty();
        let share = inner.settings.concurrency.div_ceil(2);
        let lane = inner.lane(workspace);
        let may = lane.queued.is_empty()
            && !lane.more
            && !(others_wait && lane.running >= share)
            && lane.known.insert(task);
        if may {
            lane.taken_up_to = lane.taken_up_to.max(task);
            lane.running += 1;
            inner.running += 1;
        }
        may
    }

    /// Takes in a waiting task that is due, whether there is room or not: the timers offer only a
    /// page at a time. `false` if it is queued or running already.
    pub(super) fn wake(&self, workspace: &WorkspaceName, task: TaskId) -> bool {
        self.inner.lock().push(workspace, task)
    }

    /// As [`Queue::wake`]; a task that is known already is looked at once more after that, as its runner
    /// may have looked at it for the last time.
    pub(super) fn call(&self, workspace: &WorkspaceName, task: TaskId) {
        let mut inner = self.inner.lock();
        if !inner.push(workspace, task) {
            inner.lane(workspace).called.insert(task);
        }
    }

    /// A task for a new runner, if there is one and the runner may start.
    pub(super) fn start(&self) -> Option<(WorkspaceName, TaskId)> {
        let mut inner = self.inner.lock();
        if inner.running >= inner.settings.concurrency {
            return None;
        }
        self.pop(&mut inner)
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
        lane.known.remove(&task);
        if lane.called.remove(&task) {
            inner.push(workspace, task);
        }
        self.pop(&mut inner)
    }

    /// A run of the workspace waits for a connector's answer: another one may start.
    pub(super) fn leave(&self, workspace: &WorkspaceName) {
        self.inner.lock().lane(workspace).outside += 1;
    }

    /// It has the answer, or has ended without.
    pub(super) fn come_back(&self, workspace: &WorkspaceName) {
        self.inner.lock().lane(workspace).outside -= 1;
    }

    fn pop(&self, inner: &mut Inner) -> Option<(WorkspaceName, TaskId)> {
        if inner.closed || inner.held {
            return None;
        }
        let popped = inner.pop();
        let room = inner.settings.queue;
        let low = |inner: &mut Inner| match &popped {
            Some((workspace, _)) => inner.lane(workspace).wants_refill(room),
            None => inner.lanes.values().any(|lane| lane.wants_refill(room)),
        };
        if inner.spilled > 0 && low(inner) {
            self.wants_refill.notify_one();
        }
        popped
    }

    /// Gives out no task of a workspace that it has now; gives those that are running.
    pub(super) fn forget(&self, workspace: &WorkspaceName) -> Vec<TaskId> {
        let mut inner = self.inner.lock();
        inner.set_more(workspace, false);
        inner.turn.retain(|other| other != workspace);
        let lane = inner.lane(workspace);
        for task in std::mem::take(&mut lane.queued) {
            lane.known.remove(&task);
        }
        lane.called.clear();
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

    /// Whether no task is given out until this is taken back.
    pub(super) fn hold(&self, held: bool) {
        self.inner.lock().held = held;
    }

    pub(super) fn is_held(&self) -> bool {
        self.inner.lock().held
    }

    /// Forgets the queued tasks that are such: they are another node's.
    pub(super) fn drop_tasks(&self, is_one: impl Fn(TaskId) -> bool) {
        let mut inner = self.inner.lock();
        let Inner { lanes, turn, .. } = &mut *inner;
        for lane in lanes.values_mut() {
            let Lane {
                queued,
                known,
                called,
                ..
            } = lane;
            queued.retain(|task| {
                let kept = !is_one(*task);
                if !kept {
                    known.remove(task);
                    called.remove(task);
                }
                kept
            });
        }
        turn.retain(|workspace| {
            lanes
                .get(workspace)
                .is_some_and(|lane| !lane.queued.is_empty())
        });
    }

    /// Looks for ready tasks of these workspaces in the store from the oldest on, as at the start: there
    /// may be some that were another node's.
    pub(super) fn look_again(&self, workspaces: Vec<WorkspaceName>) {
        let mut inner = self.inner.lock();
        for workspace in workspaces {
            let lane = inner.lane(&workspace);
            lane.taken_up_to = TaskId::MIN;
            lane.again = lane.refilling;
            inner.set_more(&workspace, true);
        }
        drop(inner);
        self.wants_refill.notify_one();
    }

    /// From now on no task is given out.
    pub(super) fn close(&self) {
        self.inner.lock().closed = true;
    }

    /// Notified when [`Queue::refill_request`] may have something.
    pub(super) fn wants_refill(&self) -> Arc<Notify> {
        self.wants_refill.clone()
    }

    /// A workspace that has room and more tasks in the store. To be answered by
    /// [`Queue::refilled`] or [`Queue::refill_failed`].
    pub(super) fn refill_request(&self) -> Option<Refill> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return None;
        }
        let room = inner.settings.queue;
        let (workspace, lane) = inner
            .lanes
            .iter_mut()
            .find(|(_, lane)| lane.wants_refill(room))?;
        lane.refilling = true;
        lane.offered_since = false;
        Some(Refill {
            workspace: workspace.clone(),
            after: lane.taken_up_to,
            limit: room - lane.queued.len(),
        })
    }

    /// What the store had.
    pub(super) fn refilled(&self, request: &Refill, tasks: Vec<TaskId>) {
        let mut inner = self.inner.lock();
        let all = tasks.len() < request.limit;
        for task in &tasks {
            inner.push(&request.workspace, *task);
        }
        let lane = inner.lane(&request.workspace);
        lane.refilling = false;
        if std::mem::take(&mut lane.again) {
            // It was looked for before there was more to be found.
            lane.taken_up_to = TaskId::MIN;
            return;
        }
        if let Some(last) = tasks.last() {
            lane.taken_up_to = lane.taken_up_to.max(*last);
        }
        let more = !all || lane.offered_since;
        inner.set_more(&request.workspace, more);
    }

    /// The store could not be read; the request is made again.
    pub(super) fn refill_failed(&self, request: &Refill) {
        let mut inner = self.inner.lock();
        let lane = inner.lane(&request.workspace);
        lane.refilling = false;
        lane.again = false;
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
        self.spilled = self.spilled + usize::from(more) - usize::from(before);
    }

    fn push(&mut self, workspace: &WorkspaceName, task: TaskId) -> bool {
        let lane = self.lane(workspace);
        if !lane.known.insert(task) {
            return false;
        }
        lane.queued.push_back(task);
        if lane.queued.len() == 1 {
            self.turn.push_back(workspace.clone());
        }
        true
    }

    /// The first workspace in turn that is below its share; its turn comes again after the others.
    fn pop(&mut self) -> Option<(WorkspaceName, TaskId)> {
        let share = self.settings.concurrency.div_ceil(2);
        let most_busy = self.settings.busy;
        for _ in 0..self.turn.len() {
            let workspace = self.turn.pop_front()?;
            let alone = self.turn.is_empty();
            let lane = self.lane(&workspace);
            if lane.busy() >= most_busy || (!alone && lane.running >= share) {
                self.turn.push_back(workspace);
                continue;
            }
            let task = lane.queued.pop_front()?;
            lane.called.remove(&task);
            lane.running += 1;
            if !lane.queued.is_empty() {
                self.turn.push_back(workspace.clone());
            }
            self.running += 1;
            return Some((workspace, task));
        }
        None
    }
}

#[cfg(test)]
mod tests;
