//! One workspace's tasks in the queue.

use std::collections::{HashSet, VecDeque};

use crate::domain::ids::TaskId;

/// One workspace's tasks.
pub(super) struct Lane {
    pub(super) queued: VecDeque<TaskId>,
    /// Queued or running: a task is never taken in twice.
    pub(super) known: HashSet<TaskId>,
    /// Known and called meanwhile: to be looked at once more.
    pub(super) called: HashSet<TaskId>,
    pub(super) running: usize,
    /// Of them, those that wait for a connector's answer; for a moment also some that have ended.
    pub(super) outside: usize,
    /// Ready tasks newer than this may be in the store only.
    pub(super) taken_up_to: TaskId,
    /// Whether there may be any.
    pub(super) more: bool,
    /// Whether some were offered since the last look into the store.
    pub(super) offered_since: bool,
    pub(super) refilling: bool,
    /// What is being read is to be read again from the oldest on.
    pub(super) again: bool,
}

impl Lane {
    pub(super) fn new(more: bool) -> Self {
        Self {
            queued: VecDeque::new(),
            known: HashSet::new(),
            called: HashSet::new(),
            running: 0,
            outside: 0,
            taken_up_to: TaskId::MIN,
            more,
            offered_since: false,
            refilling: false,
            again: false,
        }
    }

    /// Runs that do not wait for a connector's answer.
    pub(super) fn busy(&self) -> usize {
        self.running.saturating_sub(self.outside)
    }

    pub(super) fn wants_refill(&self, room: usize) -> bool {
        self.more && !self.refilling && self.queued.len() < room.div_ceil(4)
    }
}
