//! Tasks that have changed since they were last folded; these changes are durable only in the log. Where the
//! overlay has a task, it is right and the tree is behind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::blocks::Blocks;
use super::change::{Change, DedupClaim, Kind};
use super::dedup::block::Holder;
use super::dedup::recent::Recent;
use super::pins::Pins;
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::Due;

/// Bytes that a task costs here beside its data and journal: head, maps, allocations.
const TASK_BYTES: usize = 600;

/// A task in the overlay.
#[derive(Debug, Clone)]
pub(super) struct OverlayTask {
    pub head: TaskHead,
    /// The data; none if it is as the tree has it.
    pub data: Option<Arc<str>>,
    /// Journal entries that are not in the tree yet.
    pub entries: Blocks,
    /// Journal entries that are.
    pub base: u32,
    /// Bytes of those, roughly.
    pub base_bytes: u64,
    /// All journal entries.
    pub count: u32,
    /// Of them, those that were there at the last commit.
    pub settled: u32,
    /// Whether the tree has the task at all.
    pub folded: bool,
    /// Whether the archive has it, outdated.
    pub archived: bool,
    /// The first group of the log that is needed for it.
    pub first: u64,
    /// The last group that touched it.
    pub last: u64,
}

impl OverlayTask {
    /// Roughly what it costs in memory.
    pub(super) fn bytes(&self) -> usize {
        let result = self.head.result.as_ref().map_or(0, String::len);
        let data = self.data.as_ref().map_or(0, |data| data.len());
        TASK_BYTES + result + data + self.entries.len()
    }

    /// Returns the data that are replaced.
    fn take_in(&mut self, change: Change, group: u64) -> Option<Arc<str>> {
        self.entries.append(change.entries);
        self.count += change.count;
        if let Some(head) = change.head {
            self.head = head;
            if change.kind != Kind::Note {
                self.settled = self.count;
            }
        }
        self.last = group;
        match change.data {
            Some(data) => self.data.replace(data),
            None => None,
        }
    }
}

/// The values that a change has replaced: a task as a checkpoint may still have it, and data.
pub(super) type Displaced = (Option<Arc<OverlayTask>>, Option<Arc<str>>);

/// One workspace's tasks.
#[derive(Debug, Default)]
pub(super) struct Space {
    pub tasks: BTreeMap<TaskId, Arc<OverlayTask>>,
    /// The tasks of them that are ready.
    pub ready: BTreeSet<TaskId>,
    /// Roughly what they cost in memory.
    bytes: usize,
}

/// All tasks that are not folded.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// The store's maps use `rustc-hash`: task ids and workspace names are not chosen by those who
    /// could gain by collisions, and the default hasher would be most of a look-up's cost.
    spaces: FxHashMap<WorkspaceName, Space>,
    /// The tasks that are due at some time.
    pub due: BTreeSet<Due>,
    /// The tasks that came to rest since the last checkpoint took this list; may repeat.
    rested: Vec<(WorkspaceName, TaskId)>,
    /// Keys of deliveries that are not folded.
    pub dedup: Recent,
    pins: Pins,
    /// The group with the first fragment of a long change that is being written.
    pub long: Option<u64>,
    /// The groups with the first fragment and with the end of each long change that is in the log, in order. No two
    /// overlap.
    spans: VecDeque<(u64, u64)>,
    bytes: usize,
    /// The last group whose changes are all here.
    pub applied: u64,
}

impl Overlay {
    /// A workspace's tasks, if any are here.
    pub(super) fn space(&self, workspace: &WorkspaceName) -> Option<&Space> {
        self.spaces.get(workspace)
    }

    /// A task, if it is here.
    pub(super) fn get(&self, workspace: &WorkspaceName, id: TaskId) -> Option<&Arc<OverlayTask>> {
        self.spaces.get(workspace)?.tasks.get(&id)
    }

    /// Roughly what a workspace's tasks cost in memory.
    pub(super) fn bytes_of(&self, workspace: &WorkspaceName) -> usize {
        self.space(workspace).map_or(0, |space| space.bytes)
    }

    /// Roughly what all tasks cost in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The least group of the log that is still needed; the next one if none is.
    pub(super) fn low(&self) -> u64 {
        let tasks = self.pins.least().unwrap_or(self.applied + 1);
        let low = self.dedup.low().map_or(tasks, |keys| keys.min(tasks));
        let low = self.long.map_or(low, |long| long.min(low));
        // The end of a long change is nothing without its fragments.
        let of_low = |(from, end): &&(u64, u64)| *from < low && low <= *end;
        self.spans
            .iter()
            .find(of_low)
            .map_or(low, |(from, _)| *from)
    }

    /// `cut`, or the group after the long change in the midst of which that is: its fragments go only together.
    pub(super) fn past(&self, cut: u64) -> u64 {
        let of_cut = |(from, end): &&(u64, u64)| *from < cut && cut <= *end;
        self.spans
            .iter()
            .find(of_cut)
            .map_or(cut, |(_, end)| end + 1)
    }

    /// Takes note that a long change is in the log, in fragments from group `from` on; group `end` has its end.
    pub(super) fn span(&mut self, from: u64, end: u64) {
        if self.spans.back() != Some(&(from, end)) {
            self.spans.push_back((from, end));
        }
        let low = self.low();
        while self.spans.front().is_some_and(|(_, end)| *end < low) {
            self.spans.pop_front();
        }
    }

    /// How many tasks came to rest since the last [`Overlay::take_rested`].
    pub(super) fn rested(&self) -> usize {
        self.rested.len()
    }

    /// Takes the tasks that came to rest, in the order of their keys.
    pub(super) fn take_rested(&mut self) -> Vec<(WorkspaceName, TaskId)> {
        let mut rested = std::mem::take(&mut self.rested);
        rested.sort_unstable();
        rested.dedup();
        rested
    }

    /// Takes tasks for rested again that could not be folded.
    pub(super) fn put_back(&mut self, mut rested: Vec<(WorkspaceName, TaskId)>) {
        self.rested.append(&mut rested);
    }

    /// Every task with the first group that is needed for it.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, &WorkspaceName, TaskId, usize)> {
        self.spaces.iter().flat_map(|(workspace, space)| {
            space
                .tasks
                .iter()
                .map(move |(id, open)| (open.first, workspace, *id, open.bytes()))
        })
    }

    /// The keys of every task, in their order.
    pub(super) fn everything(&self) -> Vec<(WorkspaceName, TaskId)> {
        let all = self.all();
        let mut all: Vec<_> = all.map(|(_, ws, id, _)| (ws.clone(), id)).collect();
        all.sort_unstable();
        all
    }

    /// Takes in a change that is durable in `group`. `base` is the task as the tree has it, if it
    /// is not here; a change of a task that is nowhere is nothing. Returns what it displaced, to
    /// be dropped when no lock is held: it may be long.
    pub(super) fn apply(
        &mut self,
        mut change: Change,
        group: u64,
        base: Option<OverlayTask>,
    ) -> Option<Displaced> {
        if let Some(taken) = change.taken {
            self.take_key(&change.workspace, change.id, taken, group);
        }
        if !self.spaces.contains_key(&change.workspace) {
            self.spaces
                .insert(change.workspace.clone(), Space::default());
        }
        let space = self.spaces.get_mut(&change.workspace)?;
        let id = change.id;
        let (before, open) = match space.tasks.get_mut(&id) {
            Some(open) => {
                let before = (open.bytes(), Some((open.head.state(), open.head.wake_at())));
                (before, open)
            }
            None => {
                let mut open = match (change.kind, base) {
                    (Kind::Accept, _) => OverlayTask {
                        head: change.head.take()?,
                        data: None,
                        entries: Blocks::default(),
                        base: 0,
                        base_bytes: 0,
                        count: 0,
                        settled: change.count,
                        folded: false,
                        archived: false,
                        first: group,
                        last: group,
                    },
                    (_, Some(base)) => base,
                    (_, None) => return None,
                };
                open.first = group;
                self.pins.pin(group);
                let open = space.tasks.entry(id).or_insert(Arc::new(open));
                ((0, None), open)
            }
        };
        // A checkpoint may hold it; then that one keeps the old, and it is displaced here.
        let displaced = (Arc::strong_count(open) > 1).then(|| open.clone());
        let data = Arc::make_mut(open).take_in(change, group);
        let open = open.clone();
        let after = (open.bytes(), (open.head.state(), open.head.wake_at()));
        space.bytes = space.bytes + after.0 - before.0;
        self.bytes = self.bytes + after.0 - before.0;
        if before.1 != Some(after.1) {
            self.reindex(&open, before.1);
        }
        if after.1.0 != TaskState::Ready {
            self.rested.push((open.head.workspace.clone(), id));
        }
        Some((displaced, data))
    }

    /// Takes in the key that a change of a task has, durable in `group`.
    pub(super) fn take_key(
        &mut self,
        workspace: &WorkspaceName,
        task: TaskId,
        taken: DedupClaim,
        group: u64,
    ) {
        let until = taken.until;
        let holder = Holder { task, until };
        self.dedup.insert(workspace, taken.key, holder, group);
    }

    /// Puts a task whose state or wake time has changed where it belongs.
    fn reindex(&mut self, open: &OverlayTask, before: Option<(TaskState, Option<Millis>)>) {
        let (workspace, id) = (&open.head.workspace, open.head.id);
        self.unindex(workspace, id, before);
        if open.head.state() == TaskState::Ready
            && let Some(space) = self.spaces.get_mut(workspace)
        {
            space.ready.insert(id);
        }
        if let Some(due_at) = open.head.due_at() {
            self.due.insert((due_at, workspace.clone(), id));
        }
    }

    fn unindex(
        &mut self,
        workspace: &WorkspaceName,
        id: TaskId,
        before: Option<(TaskState, Option<Millis>)>,
    ) {
        let Some((state, wake_at)) = before else {
            return;
        };
        if state == TaskState::Ready
            && let Some(space) = self.spaces.get_mut(workspace)
        {
            space.ready.remove(&id);
        }
        if let Some(due_at) = state.due_at(wake_at) {
            self.due.remove(&(due_at, workspace.clone(), id));
        }
    }

    /// Takes out all tasks of a workspace, to be dropped when no lock is held.
    pub(super) fn forget(&mut self, workspace: &WorkspaceName) -> Option<Space> {
        self.dedup.forget(workspace);
        let space = self.spaces.remove(workspace)?;
        for open in space.tasks.values() {
            self.pins.release(open.first);
            self.bytes -= open.bytes();
        }
        self.due.retain(|(_, of, _)| of != workspace);
        Some(space)
    }

    /// Takes note that the tree now has `folded`. The task leaves, unless it has moved on.
    pub(super) fn folded(&mut self, folded: &Arc<OverlayTask>) -> Option<Arc<OverlayTask>> {
        let (workspace, id) = (&folded.head.workspace, folded.head.id);
        let space = self.spaces.get_mut(workspace)?;
        let open = space.tasks.get_mut(&id)?;
        self.pins.release(open.first);
        self.bytes -= open.bytes();
        space.bytes -= open.bytes();
        if Arc::ptr_eq(open, folded) {
            let gone = space.tasks.remove(&id);
            self.unindex(
                workspace,
                id,
                Some((folded.head.state(), folded.head.wake_at())),
            );
            return gone;
        }
        let open = Arc::make_mut(open);
        open.entries.drop_first(&folded.entries);
        open.base_bytes += folded.entries.len() as u64;
        open.base = folded.count;
        open.folded = true;
        open.archived = false;
        if let (Some(now), Some(then)) = (&open.data, &folded.data)
            && Arc::ptr_eq(now, then)
        {
            open.data = None;
        }
        // Not the group after it: a group may have several changes of one task.
        open.first = folded.last;
        self.pins.pin(open.first);
        self.bytes += open.bytes();
        space.bytes += open.bytes();
        None
    }

    /// Takes note that the archive now has a task's record. The task leaves, unless it has
    /// moved on: then what the archive has is outdated.
    pub(super) fn archived(&mut self, archived: &Arc<OverlayTask>) -> Option<Arc<OverlayTask>> {
        let (workspace, id) = (&archived.head.workspace, archived.head.id);
        let open = self.spaces.get_mut(workspace)?.tasks.get_mut(&id)?;
        if Arc::ptr_eq(open, archived) {
            return self.folded(archived);
        }
        Arc::make_mut(open).archived = true;
        None
    }
}
