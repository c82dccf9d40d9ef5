//! Which tasks of a workspace are removed.

use std::collections::BTreeSet;

use super::super::codec::bad_key;
use super::super::disk::{Disk, LOOKS};
use super::super::failure::from_sled;
use super::super::shapes::record::{Fixed, Record};
use super::super::tasks::head;
use super::super::{Shared, keys, long, places, tasks};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::retention::{Retention, is_needed};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::StoreError;

/// Tasks that are looked at in one go, roughly: some 10 ms.
const AT_ONCE: usize = 512;

/// Where they are looked for, in this order.
const KINDS: [Kind; 6] = [
    Kind::State(TaskState::Unmatched),
    Kind::State(TaskState::Error),
    Kind::State(TaskState::Ignored),
    Kind::State(TaskState::Cancelled),
    Kind::DoneInTree,
    Kind::Archived,
];

#[derive(Clone, Copy)]
enum Kind {
    /// By the index of that state.
    State(TaskState),
    DoneInTree,
    Archived,
}

/// How far a workspace's tasks have been looked at.
pub(super) struct Expired {
    kind: usize,
    from: TaskId,
}

impl Default for Expired {
    fn default() -> Self {
        Self {
            kind: 0,
            from: TaskId::MIN,
        }
    }
}

/// The tasks that are to be removed.
#[derive(Default)]
pub(super) struct ExpiredTasks {
    /// Tasks whose retention has ended.
    pub tasks: BTreeSet<TaskId>,
    /// Tasks of the tree whose places in the archive are outdated.
    pub outdated: BTreeSet<TaskId>,
    /// Spans of [`keys::done`] that have been looked at to their end.
    pub spans: Vec<u64>,
    /// The workspace has been looked at to its end.
    pub is_last: bool,
}

/// A look at a part of the tasks.
struct Look<'a> {
    disk: &'a Disk,
    workspace: &'a WorkspaceName,
    retention: &'a Retention,
    now: Millis,
    from: TaskId,
    /// Tasks from this one on are too young.
    to: TaskId,
    looked: usize,
    heads: Vec<TaskHead>,
    found: ExpiredTasks,
}

impl Expired {
    /// The next of them.
    pub(super) fn next(
        &mut self,
        shared: &Shared,
        workspace: &WorkspaceName,
        retention: &Retention,
        now: Millis,
    ) -> Result<ExpiredTasks, StoreError> {
        let Some(kind) = KINDS.get(self.kind) else {
            return Ok(ExpiredTasks {
                is_last: true,
                ..ExpiredTasks::default()
            });
        };
        let state = match kind {
            Kind::State(state) => *state,
            _ => TaskState::Done,
        };
        let Some(cut) = retention.cut(state, now) else {
            self.kind += 1;
            return Ok(ExpiredTasks::default());
        };
        let (next, heads, mut found) = shared.with_disk(|disk| {
            let mut look = Look {
                disk,
                workspace,
                retention,
                now,
                from: self.from,
                // A task ends after it came in, and its id has that time.
                to: TaskId::from_time(cut.saturating_add(1)),
                looked: 0,
                heads: Vec::new(),
                found: ExpiredTasks::default(),
            };
            let next = match kind {
                Kind::State(state) => look.by_state(*state)?,
                Kind::DoneInTree => look.done_in_tree()?,
                Kind::Archived => look.archived()?,
            };
            Ok((next, look.heads, look.found))
        })?;
        for head in heads {
            if !is_needed_by_parent(shared, &head)? {
                found.tasks.insert(head.id);
            }
        }
        match next {
            Some(next) => self.from = next,
            None => {
                self.kind += 1;
                self.from = TaskId::MIN;
            }
        }
        Ok(found)
    }
}

impl Look<'_> {
    fn is_enough(&self) -> bool {
        self.looked >= AT_ONCE
    }

    /// Takes a task whose retention has ended. One that cannot be read stays: others are not to wait for it.
    fn take(&mut self, id: TaskId, read: Result<TaskHead, StoreError>) {
        self.looked += 1;
        match read {
            Ok(head) => {
                if self.retention.is_over(&head, self.now) {
                    self.heads.push(head);
                }
            }
            Err(error) => {
                tracing::error!(workspace.id = %self.workspace, task.id = %id, %error, "a finished task cannot be read and is kept");
            }
        }
    }

    /// Tasks of the tree that are in a state with an index. Returns where to go on.
    fn by_state(&mut self, state: TaskState) -> Result<Option<TaskId>, StoreError> {
        let key = |id| keys::state(self.workspace, state, id);
        for entry in self.disk.db.range(key(self.from)..key(self.to)).keys() {
            let entry = entry.map_err(from_sled)?;
            let id = keys::id_of(&entry).ok_or_else(|| bad_key("state"))?;
            if self.is_enough() {
                return Ok(Some(id));
            }
            let record = self.disk.db.get(keys::task(self.workspace, id));
            if let Some(first) = record.map_err(from_sled)? {
                let head = head(self.disk, self.workspace, id, first);
                self.take(id, head);
            }
        }
        Ok(None)
    }

    fn done_in_tree(&mut self) -> Result<Option<TaskId>, StoreError> {
        let key = |id| keys::done(self.workspace, id);
        let spans = self.disk.db.range(key(self.from)..=key(self.to)).keys();
        for span in spans {
            let span = keys::span_of(&span.map_err(from_sled)?).ok_or_else(|| bad_key("span"))?;
            let end = keys::span_end(span).unwrap_or(TaskId::MAX);
            let key = |id| keys::task(self.workspace, id);
            let range = key(keys::span_start(span).max(self.from))..key(end.min(self.to));
            if range.start >= range.end {
                continue;
            }
            for entry in self.disk.db.range(range) {
                let (key, value) = entry.map_err(from_sled)?;
                let id = keys::id_of(&key).ok_or_else(|| bad_key("task"))?;
                if self.is_enough() {
                    return Ok(Some(id));
                }
                self.looked += 1;
                if Fixed::decode(long::first(&key, &value)?.0)?.state == TaskState::Done {
                    let head = head(self.disk, self.workspace, id, value);
                    self.take(id, head);
                }
            }
            if end <= self.to {
                self.found.spans.push(span);
            }
        }
        Ok(None)
    }

    fn archived(&mut self) -> Result<Option<TaskId>, StoreError> {
        let key = |id| keys::places(self.workspace, id);
        for entry in self.disk.db.range(key(self.from)..key(self.to)) {
            let (key, value) = entry.map_err(from_sled)?;
            let first = keys::id_of(&key).ok_or_else(|| bad_key("places"))?;
            if self.is_enough() {
                return Ok(Some(first));
            }
            self.disk.note(&key, LOOKS)?;
            for (id, place) in places::decode(&key, &value)? {
                if id >= self.to {
                    break;
                }
                let in_tree = self.disk.db.contains_key(keys::task(self.workspace, id));
                if in_tree.map_err(from_sled)? {
                    self.found.outdated.insert(id);
                    continue;
                }
                let record = self.disk.archive.read(place);
                let head = record.and_then(|record| Record::decode(&record)?.head());
                self.take(id, head);
            }
        }
        Ok(None)
    }
}

/// Whether a subtask's parent still has to take up its result.
fn is_needed_by_parent(shared: &Shared, head: &TaskHead) -> Result<bool, StoreError> {
    let Some(parent) = &head.parent else {
        return Ok(false);
    };
    let (workspace, id) = (&head.workspace, parent.task);
    let here = shared.overlay.read().get(workspace, id).cloned();
    if let Some(open) = here {
        return Ok(is_needed(&open.head, head));
    }
    match tasks::from_tree(shared, workspace, id) {
        Ok(parent) => Ok(parent.is_some_and(|parent| is_needed(&parent.head, head))),
        // It stays, and others are not to wait for it.
        Err(StoreError::Damaged(error)) => {
            tracing::error!(workspace.id = %workspace, task.id = %id, error, "a subtask's parent cannot be read");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
