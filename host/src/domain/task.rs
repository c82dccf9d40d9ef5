//! A task: the head that moves with every commit.

use std::sync::Arc;

use super::clock::Millis;
use super::effect::Effect;
use super::ids::{StepName, TaskId, WebhookName, WorkspaceName};
use super::reply::GivenReply;
use super::subtask::{Child, Parent};

pub use super::standing::{Notice, Paused, Retrying, Standing, Wait};
pub use super::task_state::{NoSuchState, TaskState};

/// The properties of a task without its data and journal. Small; it is rewritten whole with every
/// commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskHead {
    /// The task.
    pub id: TaskId,
    /// The tenant it belongs to.
    pub workspace: WorkspaceName,
    /// Counts commits, from 1 at acceptance. A commit names the version it stands on.
    pub version: u64,
    /// Where it stands, with what matters only there.
    pub standing: Standing,
    /// Its name, if a step gave it one.
    pub name: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The webhook it came in by.
    pub webhook: Option<WebhookName>,
    /// When it was accepted.
    pub created: Millis,
    /// When it was last committed.
    pub updated: Millis,
    /// When it became what it is waiting to be run as: acceptance, the last commit, or the time it
    /// was to wake. A run's clock starts here, so it is the same after a crash.
    pub ready_at: Millis,
    /// Runs that have ended (failed attempts that are to be tried again do not count).
    pub runs: u32,
    /// What each step that has begun on this task saw, in the order of their first run.
    pub steps: Vec<StepMemory>,
    /// The result of `task.complete(result)`, JSON text.
    pub result: Option<String>,
    /// Why the task is in `error`: the last fault, with its step.
    pub fault: Option<String>,
    /// Its parent, if it is a subtask.
    pub parent: Option<Parent>,
    /// Its subtasks whose end has not been dealt with, in the order in which they were made.
    pub children: Vec<Child>,
    /// Subtasks that it has made so far.
    pub subtasks: u32,
    /// How many of its versions were notes: an end of a subtask was noted and nothing else moved.
    pub notes: u64,
    /// When the task's time is over, if a run said so. A task that has ended has none.
    pub expiry: Option<Expiry>,
    /// It is kept for ever at a user's request, whatever the workspace's retention is.
    pub kept: bool,
    /// What a run replied to the sender of the request that made it.
    pub reply: Option<Arc<GivenReply>>,
}

/// The end of the time that a task has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expiry {
    /// When it is; none if only `completes` was said.
    pub at: Option<Millis>,
    /// Whether the task is `done` then, and not in `error`.
    pub completes: bool,
}

impl TaskHead {
    /// Counts a run that will not come to its end. A failed one that was to be tried again is one: on
    /// other data it would be another run under the same idempotency keys. `under_way`: it has recorded calls.
    pub fn give_up_run(&mut self, under_way: bool) {
        if self.retrying().is_some() || self.paused().is_some() || under_way {
            self.runs += 1;
        }
    }

    /// The next version, as of `now`; its time never goes back.
    pub fn next_version(&mut self, now: Millis) {
        self.version += 1;
        self.updated = now.max(self.updated);
    }

    /// The head of a task as it is accepted: version 1, ready, nothing known of it.
    pub fn new(id: TaskId, workspace: WorkspaceName, at: Millis) -> Self {
        Self {
            id,
            workspace,
            version: 1,
            standing: Standing::ready(),
            name: None,
            tags: Vec::new(),
            webhook: None,
            created: at,
            updated: at,
            ready_at: at,
            runs: 0,
            steps: Vec::new(),
            result: None,
            fault: None,
            parent: None,
            children: Vec::new(),
            subtasks: 0,
            notes: 0,
            expiry: None,
            kept: false,
            reply: None,
        }
    }

    /// Takes down what a run that has just ended said of the task's time.
    pub fn set_expiry(&mut self, timeout: Option<Millis>, completes: bool) {
        if timeout.is_none() && !completes {
            return;
        }
        let expiry = self.expiry.get_or_insert_default();
        if let Some(timeout) = timeout {
            expiry.at = Some(self.updated.saturating_add(timeout));
        }
        expiry.completes |= completes;
    }

    /// When the task's time is over.
    pub fn expires_at(&self) -> Option<Millis> {
        self.expiry.and_then(|expiry| expiry.at)
    }

    /// Its state.
    pub fn state(&self) -> TaskState {
        self.standing.state()
    }

    /// The run that is to be tried again, if one is.
    pub fn retrying(&self) -> Option<&Retrying> {
        self.standing.retrying()
    }

    /// The run that pauses for long, if one does.
    pub fn paused(&self) -> Option<&Paused> {
        self.standing.paused()
    }

    /// The notice that is owed to the workspace's failure URL, if one is.
    pub fn notice(&self) -> Option<&Notice> {
        self.standing.notice()
    }

    /// When a waiting task goes on by itself, apart from its expiry.
    pub fn goes_on_at(&self) -> Option<Millis> {
        match &self.standing {
            Standing::Waiting(wait) => wait.goes_on_at(),
            _ => None,
        }
    }

    /// When the engine is to look at the task: a waiting one goes on or its time is over, of a failed one a
    /// notice is due. None if it has no such time.
    pub fn wake_at(&self) -> Option<Millis> {
        let at = match &self.standing {
            Standing::Waiting(wait) => {
                let (goes_on, expires) = (wait.goes_on_at(), self.expires_at());
                [goes_on, expires].into_iter().flatten().min()
            }
            Standing::Error(notice) => notice.as_ref().map(|notice| notice.due),
            _ => None,
        };
        at.filter(|at| *at != Millis::MAX)
    }

    /// When the store counts the task as due: [`TaskState::due_at`].
    pub fn due_at(&self) -> Option<Millis> {
        self.state().due_at(self.wake_at())
    }

    /// Takes the time away from a task that has ended.
    pub fn end_expiry(&mut self) {
        if self.state().is_final() {
            self.expiry = None;
        }
    }
}

/// The memory that a task has of a step that has begun on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMemory {
    /// The step.
    pub step: StepName,
    /// A digest of what its condition observed when it last began.
    pub observed: u64,
    /// Whether a run of it finished.
    pub finished: bool,
    /// Whether that run asked to be done once more, by `task.redo`.
    pub redo: bool,
}

/// A task as the engine takes it up.
#[derive(Debug, Clone)]
pub struct StoredTask {
    /// The head.
    pub head: TaskHead,
    /// The data, JSON text of an object.
    pub data: Arc<str>,
    /// Effects recorded since the last commit: calls of a run that a crash cut short.
    pub effects: Vec<Effect>,
    /// Bytes of its journal, roughly.
    pub journal: u64,
}
