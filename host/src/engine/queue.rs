//! Which task runs next: a bounded queue per workspace, served in turn.
//!
//! Ids of tasks grow with time, so what does not fit need not be remembered one by one: it is
//! enough to know that there is more in the store behind the newest id that was taken in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::EngineSettings;
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
}

/// One workspace's tasks.
struct Lane {
    queued: VecDeque<TaskId>,
    /// Queued or running: a task is never taken in twice.
    known: HashSet<TaskId>,
    running: usize,
    /// Ready tasks newer than this may be in the store only.
    taken_up_to: TaskId,
    /// Whether there may be any.
    more: bool,
    /// Whether some were offered since the last look into the store.
    offered_since: bool,
    refilling: bool,
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

    /// Takes in a waiting task that is due, whether there is room or not: the timers offer only a
    /// page at a time. `false` if it is queued or running already.
    pub(super) fn wake(&self, workspace: &WorkspaceName, task: TaskId) -> bool {
        self.inner.lock().push(workspace, task)
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
        self.pop(&mut inner)
    }

    fn pop(&self, inner: &mut Inner) -> Option<(WorkspaceName, TaskId)> {
        if inner.closed {
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

    /// Whether tasks are still given out.
    pub(super) fn is_open(&self) -> bool {
        !self.inner.lock().closed
    }

    /// Runs under way.
    pub(super) fn running(&self) -> usize {
        self.inner.lock().running
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
        if let Some(last) = tasks.last() {
            lane.taken_up_to = lane.taken_up_to.max(*last);
        }
        let more = !all || lane.offered_since;
        inner.set_more(&request.workspace, more);
    }

    /// The store could not be read; the request is made again.
    pub(super) fn refill_failed(&self, request: &Refill) {
        self.inner.lock().lane(&request.workspace).refilling = false;
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
        for _ in 0..self.turn.len() {
            let workspace = self.turn.pop_front()?;
            let alone = self.turn.is_empty();
            let lane = self.lane(&workspace);
            if !alone && lane.running >= share {
                self.turn.push_back(workspace);
                continue;
            }
            let task = lane.queued.pop_front()?;
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

impl Lane {
    fn new(more: bool) -> Self {
        Self {
            queued: VecDeque::new(),
            known: HashSet::new(),
            running: 0,
            taken_up_to: TaskId::MIN,
            more,
            offered_since: false,
            refilling: false,
        }
    }

    fn wants_refill(&self, room: usize) -> bool {
        self.more && !self.refilling && self.queued.len() < room.div_ceil(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> WorkspaceName {
        text.parse().unwrap()
    }

    fn queue(concurrency: usize, room: usize) -> Queue {
        Queue::new(
            EngineSettings {
                concurrency,
                queue: room,
            },
            Vec::new(),
        )
    }

    #[test]
    fn workspaces_are_served_in_turn_however_much_one_has() {
        let queue = queue(100, 100);
        let (loud, quiet) = (name("loud"), name("quiet"));
        for waiting in 1..=50 {
            assert_eq!(queue.offer(&loud, TaskId::new()), waiting);
        }
        // What one tenant's senders are slowed down by is that tenant's backlog alone.
        assert_eq!(queue.offer(&quiet, TaskId::new()), 1);
        queue.offer(&quiet, TaskId::new());
        let first: Vec<_> = (0..4).map(|_| queue.start().unwrap().0).collect();
        assert_eq!(first, [loud.clone(), quiet.clone(), loud, quiet]);
    }

    #[test]
    fn one_workspace_gets_half_of_the_runs_while_another_has_work() {
        let queue = queue(10, 100);
        let (loud, quiet) = (name("loud"), name("quiet"));
        for _ in 0..50 {
            queue.offer(&loud, TaskId::new());
        }
        let mut started: Vec<_> = (0..7).map(|_| queue.start().unwrap()).collect();
        queue.offer(&quiet, TaskId::new());
        started.push(queue.start().unwrap());
        assert_eq!(
            started[7].0, quiet,
            "alone, loud may have more than half; not any more"
        );
        assert_eq!(queue.start().unwrap().0, loud, "nobody else has work");
    }

    #[test]
    fn a_task_is_never_in_twice_and_runs_again_after_it_ended() {
        let queue = queue(10, 10);
        let (workspace, task) = (name("w"), TaskId::new());
        queue.offer(&workspace, task);
        queue.offer(&workspace, task);
        assert!(queue.start().is_some());
        queue.offer(&workspace, task);
        assert!(queue.start().is_none());
        assert!(queue.next(&workspace, task).is_none());
        assert!(queue.wake(&workspace, task));
        assert!(queue.start().is_some());
    }

    #[test]
    fn what_does_not_fit_is_read_from_the_store_and_nothing_is_lost() {
        let queue = queue(1, 8);
        let workspace = name("w");
        let all: Vec<TaskId> = (0..100).map(|_| TaskId::new()).collect();
        let mut stored = VecDeque::from(all.clone());
        for task in &all[..50] {
            queue.offer(&workspace, *task);
        }
        let mut seen = Vec::new();
        let mut current = queue.start();
        let mut offered = 50;
        while let Some((workspace, task)) = current {
            seen.push(task);
            stored.retain(|ready| *ready != task);
            if offered < all.len() {
                queue.offer(&workspace, all[offered]);
                offered += 1;
            }
            if let Some(request) = queue.refill_request() {
                let newer = all[..offered].iter().filter(|task| **task > request.after);
                let page = newer.take(request.limit).copied().collect();
                queue.refilled(&request, page);
            }
            assert!(queue.inner.lock().lanes[&workspace].queued.len() <= 8);
            current = queue.next(&workspace, task);
        }
        assert_eq!(seen, all);
        assert!(stored.is_empty());
    }

    #[test]
    fn a_task_offered_late_is_taken_in_though_newer_ones_were() {
        let queue = queue(10, 2);
        let workspace = name("w");
        let (older, newer) = (TaskId::new(), TaskId::new());
        queue.offer(&workspace, newer);
        queue.offer(&workspace, older);
        assert_eq!(queue.start().unwrap().1, newer);
        assert_eq!(queue.start().unwrap().1, older);
    }

    #[test]
    fn a_closed_queue_gives_nothing() {
        let queue = queue(10, 10);
        queue.offer(&name("w"), TaskId::new());
        queue.close();
        assert!(queue.start().is_none());
    }
}
