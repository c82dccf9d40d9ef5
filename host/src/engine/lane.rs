//! One workspace's tasks in the queue.

use std::collections::{HashMap, HashSet, VecDeque};

use super::advanced::MemoryNeeds;
use crate::domain::ids::TaskId;

/// One workspace's tasks.
pub(super) struct Lane {
    pub(super) queued: VecDeque<TaskId>,
    /// Queued or running: a task is never taken in twice.
    pub(super) known: HashSet<TaskId>,
    /// Of the known ones, those that are queued once more when their run has ended.
    pub(super) requeue: HashSet<TaskId>,
    pub(super) running: usize,
    /// Of them, those that wait for a connector's answer; for a moment also some that have ended.
    pub(super) outside: usize,
    /// Ready tasks newer than this may be in the store only.
    pub(super) newest_taken: TaskId,
    /// Whether there may be any.
    pub(super) more: bool,
    /// The oldest of those that were offered since the last look into the store, and not taken in.
    pub(super) oldest_offered: Option<TaskId>,
    pub(super) refilling: bool,
    /// The read that is under way must begin again at the oldest task.
    pub(super) again: bool,
    /// Whether there is memory for its next task.
    pub(super) memory: Memory,
    /// Of the queued tasks, those for which more memory is to be set aside than is usual.
    pub(super) needs: HashMap<TaskId, MemoryNeeds>,
}

/// Whether there is memory for a lane's next task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// As far as is known.
    Enough,
    /// There was none; one task may find out whether there is now.
    Try,
    /// There was none.
    None,
}

impl Lane {
    pub(super) fn new(more: bool) -> Self {
        Self {
            queued: VecDeque::new(),
            known: HashSet::new(),
            requeue: HashSet::new(),
            running: 0,
            outside: 0,
            newest_taken: TaskId::MIN,
            more,
            oldest_offered: None,
            refilling: false,
            again: false,
            memory: Memory::Enough,
            needs: HashMap::new(),
        }
    }

    /// Runs that do not wait for a connector's answer.
    pub(super) fn busy(&self) -> usize {
        self.running.saturating_sub(self.outside)
    }

    /// Lets one task find out whether there is memory now.
    pub(super) fn tries_again(&mut self) {
        if self.memory == Memory::None {
            self.memory = Memory::Try;
        }
    }

    pub(super) fn wants_refill(&self, room: usize) -> bool {
        self.more && !self.refilling && self.queued.len() < room.div_ceil(4)
    }
}
