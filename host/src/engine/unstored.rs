//! Work that the store refused, e.g. because its disk was full: tasks that could not be advanced, and results of
//! calls that could not be recorded. It is kept in memory and tried again when the store takes writes.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::clock::Millis;
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};

/// The tasks and call results that the store refused.
#[derive(Default)]
pub(super) struct UnstoredWork {
    tasks: Mutex<Vec<(WorkspaceName, TaskId)>>,
    calls: Mutex<HashMap<TaskId, Vec<Unrecorded>>>,
}

/// A call that was made and could not be recorded. Its body is in the effect's result.
pub(super) struct Unrecorded {
    pub(super) effect: Effect,
    /// When its run began.
    pub(super) began: Millis,
}

impl UnstoredWork {
    /// Removes these tasks, with the calls that were made for them: another node has them now.
    pub(super) fn drop_tasks(&self, is_one: impl Fn(TaskId) -> bool) {
        self.tasks.lock().retain(|(_, task)| !is_one(*task));
        self.calls.lock().retain(|task, _| !is_one(*task));
    }

    /// Keeps a task that could not be advanced because the store took no write.
    pub(super) fn keep_task(&self, workspace: &WorkspaceName, task: TaskId) {
        self.tasks.lock().push((workspace.clone(), task));
    }

    /// Takes the kept tasks out.
    pub(super) fn take_tasks(&self) -> Vec<(WorkspaceName, TaskId)> {
        std::mem::take(&mut *self.tasks.lock())
    }

    /// Takes out the calls of a task that could not be recorded.
    pub(super) fn take_calls(&self, task: TaskId) -> Option<Vec<Unrecorded>> {
        self.calls.lock().remove(&task)
    }

    /// Remembers a call until its task is advanced again.
    pub(super) fn keep_call(&self, task: TaskId, call: Unrecorded) {
        self.calls.lock().entry(task).or_default().push(call);
    }
}
