//! Lanes whose next task waits for memory. They are passed over until one task of theirs may try again.

use std::sync::Arc;

use tokio::sync::Notify;

use super::Queue;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::engine::advanced::MemoryNeeds;
use crate::engine::lane::Memory;

impl Queue {
    /// As [`Queue::next`], but there was no memory for the task, which is the first of its lane again.
    pub(in crate::engine) fn put_back(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        needs: MemoryNeeds,
    ) -> Option<(WorkspaceName, TaskId)> {
        let mut inner = self.inner.lock();
        inner.running -= 1;
        let lane = inner.lane(workspace);
        lane.running -= 1;
        lane.memory = Memory::None;
        lane.needs.insert(task, needs);
        lane.queued.push_front(task);
        if lane.queued.len() == 1 {
            inner.round_robin.push_back(workspace.clone());
        }
        self.starved.notify_one();
        let most = inner.settings.computing;
        self.pop(&mut inner, most)
    }

    /// The memory to reserve for a task that was given out.
    pub(in crate::engine) fn take_needs(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> MemoryNeeds {
        let mut inner = self.inner.lock();
        let needs = inner.lane(workspace).needs.remove(&task);
        needs.unwrap_or_default()
    }

    /// There was memory for a task of the workspace. `true` if others of it waited for that.
    pub(in crate::engine) fn has_memory(&self, workspace: &WorkspaceName) -> bool {
        let mut inner = self.inner.lock();
        let lane = inner.lane(workspace);
        std::mem::replace(&mut lane.memory, Memory::Enough) != Memory::Enough
    }

    /// Lets one task of each lane that waits for memory try again; `false` if no lane does.
    pub(in crate::engine) fn retry_starved_lanes(&self) -> bool {
        let mut inner = self.inner.lock();
        let mut is_any = false;
        for lane in inner.lanes.values_mut() {
            lane.tries_again();
            is_any |= lane.memory == Memory::Try && !lane.queued.is_empty();
        }
        is_any
    }

    /// Notified when a lane begins to wait for memory.
    pub(in crate::engine) fn starved(&self) -> Arc<Notify> {
        self.starved.clone()
    }
}
