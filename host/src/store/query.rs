//! Queries of a store's tasks, and their answers.

use crate::domain::ids::TaskId;
use crate::domain::task::{TaskHead, TaskState};

/// Which tasks to list: newest first.
#[derive(Debug, Clone, Default)]
pub struct TaskQuery {
    /// Only tasks in one of these states; none stands for all. One that goes from one of them to another meanwhile is in
    /// the page, once.
    pub states: Vec<TaskState>,
    /// Only tasks older than this one (the last of the page before).
    pub before: Option<TaskId>,
    /// Only this task and newer ones.
    pub since: Option<TaskId>,
    /// How many tasks a page has at most.
    pub limit: usize,
}

impl TaskQuery {
    /// Whether tasks in this state are wanted.
    pub fn has(&self, state: TaskState) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// Whether tasks in all states are.
    pub fn is_for_all(&self) -> bool {
        TaskState::ALL.into_iter().all(|state| self.has(state))
    }
}

/// Filters on a task's head. A task fits if it fits every filter that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Only tasks that came in by this webhook.
    pub webhook: Option<String>,
    /// Only tasks of this name.
    pub name: Option<String>,
    /// Only tasks with this tag.
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

/// The tasks that fit a query.
#[derive(Debug, Clone, Default)]
pub struct TaskPage {
    /// Newest first.
    pub tasks: Vec<TaskHead>,
    /// The last task that was judged: give it as [`TaskQuery::before`] for the next page. `None` at the end. Every
    /// fitting task down to this one is in the pages so far.
    pub next: Option<TaskId>,
}

/// How many tasks of a workspace are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the order of [`TaskState::ALL`].
    pub of: [u64; TaskState::ALL.len()],
    /// The numbers are lower bounds: there were too many tasks to count.
    pub at_least: bool,
}

/// The result of one call of [`Store::purge`](crate::store::Store::purge).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Tasks that were removed.
    pub tasks: usize,
    /// Nothing is left to be done.
    pub is_done: bool,
}
