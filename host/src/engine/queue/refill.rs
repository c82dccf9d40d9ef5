//! Ready tasks that a lane had no room for, or another node had, come from the store.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{Queue, Refill};
use crate::domain::ids::{TaskId, WorkspaceName};

impl Queue {
    /// Looks for ready tasks of these workspaces in the store from the oldest on, as at the start: there
    /// may be some that were another node's.
    pub(in super::super) fn look_again(&self, workspaces: Vec<WorkspaceName>) {
        let mut inner = self.inner.lock();
        for workspace in workspaces {
            let lane = inner.lane(&workspace);
            lane.newest_taken = TaskId::MIN;
            lane.again = lane.refilling;
            inner.set_more(&workspace, true);
        }
        drop(inner);
        self.wants_refill.notify_one();
    }

    /// Notified when [`Queue::refill_request`] may have something.
    pub(in super::super) fn wants_refill(&self) -> Arc<Notify> {
        self.wants_refill.clone()
    }

    /// A workspace that has room and more tasks in the store. To be answered by
    /// [`Queue::refilled`] or [`Queue::refill_failed`].
    pub(in super::super) fn refill_request(&self) -> Option<Refill> {
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
        lane.oldest_offered = None;
        Some(Refill {
            workspace: workspace.clone(),
            after: lane.newest_taken,
            limit: room - lane.queued.len(),
        })
    }

    /// What the store had.
    pub(in super::super) fn refilled(&self, request: &Refill, tasks: Vec<TaskId>) {
        let mut inner = self.inner.lock();
        let all = tasks.len() < request.limit;
        for task in &tasks {
            inner.push(&request.workspace, *task);
        }
        let lane = inner.lane(&request.workspace);
        lane.refilling = false;
        if std::mem::take(&mut lane.again) {
            // It was looked for before there was more to be found.
            lane.newest_taken = TaskId::MIN;
            return;
        }
        if let Some(last) = tasks.last() {
            lane.newest_taken = lane.newest_taken.max(*last);
        }
        let mut more = !all;
        if let Some(oldest) = lane.oldest_offered.take() {
            // It was offered while the store was read, and is perhaps not among what was read, though newer ones are.
            lane.newest_taken = lane.newest_taken.min(oldest.before());
            more = true;
        }
        inner.set_more(&request.workspace, more);
    }

    /// The store could not be read; the request is made again.
    pub(in super::super) fn refill_failed(&self, request: &Refill) {
        let mut inner = self.inner.lock();
        let lane = inner.lane(&request.workspace);
        lane.refilling = false;
        lane.again = false;
    }
}
