//! What is asked of a store's tasks, and what it answers.

use crate::domain::ids::TaskId;
use crate::domain::task::{TaskHead, TaskState};

/// Which tasks to list: newest first.
#[derive(Debug, Clone, Default)]
pub struct TaskQuery {
    /// Only tasks in this state.
    pub state: Option<TaskState>,
    /// Only tasks older than this one (the last of the page before).
    pub before: Option<TaskId>,
    /// Only this task and newer ones.
    pub since: Option<TaskId>,
    /// The most tasks of a page.
    pub limit: usize,
}

/// What tasks are found by without a look at their data. All that is said must be so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// The webhook that the task came in by.
    pub webhook: Option<String>,
    /// The task's name.
    pub name: Option<String>,
    /// One of the task's tags.
    pub tag: Option<String>,
}

impl Terms {
    /// Whether every task fits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a task fits.
    pub fn fit(&self, head: &TaskHead) -> bool {
        let is = |wanted: &Option<String>, text: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| text == Some(wanted))
        };
        is(&self.name, head.name.as_deref())
            && is(
                &self.webhook,
                head.webhook.as_ref().map(|name| name.as_str()),
            )
            && self.tag.as_ref().is_none_or(|tag| head.tags.contains(tag))
    }
}

/// What was found of the tasks that fit.
#[derive(Debug, Clone, Default)]
pub struct TaskPage {
    /// Newest first.
    pub tasks: Vec<TaskHead>,
    /// How far was looked: no task that fits and is newer than this one, or is this one, is missing.
    /// The look goes on before it; none if there is nothing before it.
    pub next: Option<TaskId>,
}

/// How many tasks of a workspace are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the order of [`TaskState::ALL`].
    pub of: [u64; TaskState::ALL.len()],
    /// There may be more of some state, as there were too many to count.
    pub at_least: bool,
}

/// What one call of [`Store::purge`](crate::store::Store::purge) did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Tasks that were removed.
    pub tasks: usize,
    /// Nothing is left to be done.
    pub is_done: bool,
}
