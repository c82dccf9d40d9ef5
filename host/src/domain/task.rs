//! A task: its states, and the head that moves with every commit.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Millis;
use super::effect::Effect;
use super::ids::{StepName, TaskId, WebhookName, WorkspaceName};
use super::subtask::{Child, Parent};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// It has been accepted, or a run of it ended, and the engine is to look at it.
    Ready,
    /// It waits for the time in [`TaskHead::wake_at`], or for its subtasks.
    Waiting,
    /// At least one step finished and none is eligible any more.
    Done,
    /// No step ever matched.
    Unmatched,
    /// A run failed for good, or the run limit was reached.
    Error,
    /// A step ended it with `task.ignore`.
    Ignored,
    /// A person ended it.
    Cancelled,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Ready,
        Self::Waiting,
        Self::Done,
        Self::Unmatched,
        Self::Error,
        Self::Ignored,
        Self::Cancelled,
    ];

    /// Whether the task is at its end: nothing will happen to it by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Ready | Self::Waiting)
    }

    /// When the engine is to look at a task in this state with that `wake_at`: one that waits is to
    /// go on, for one that failed somebody is to be told.
    pub fn due_at(self, wake_at: Option<Millis>) -> Option<Millis> {
        match self {
            Self::Waiting => Some(wake_at.unwrap_or(Millis::MAX)),
            Self::Error => wake_at,
            _ => None,
        }
    }

    /// The state's word in the API, e.g. `done`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Unmatched => "unmatched",
            Self::Error => "error",
            Self::Ignored => "ignored",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no task state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a task state: use ready, waiting, done, unmatched, error, ignored or cancelled"
)]
pub struct NoSuchState(String);

impl FromStr for TaskState {
    type Err = NoSuchState;

    fn from_str(text: &str) -> Result<Self, NoSuchState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| NoSuchState(text.chars().take(40).collect()))
    }
}

/// What is known of a task without its data and journal. Small; it is rewritten whole with every
/// commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskHead {
    /// The task.
    pub id: TaskId,
    /// The tenant it belongs to.
    pub workspace: WorkspaceName,
    /// Counts commits, from 1 at acceptance. A commit names the version it stands on.
    pub version: u64,
    /// Where it stands.
    pub state: TaskState,
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
    /// When a waiting task is to go on (none while it waits for nothing but its subtasks), or a failed
    /// one's notice to be delivered; see [`TaskState::due_at`].
    pub wake_at: Option<Millis>,
    /// Runs that have ended (failed attempts that are to be tried again do not count).
    pub runs: u32,
    /// The run that is being tried again, if one is.
    pub retrying: Option<Retrying>,
    /// What each step that has begun on this task saw, in the order of their first run.
    pub steps: Vec<StepMemory>,
    /// The result of `task.complete(result)`, JSON text.
    pub result: Option<String>,
    /// Why the task is in `error`: the last fault, with its step.
    pub fault: Option<String>,
    /// The notice that is owed to the workspace's failure URL. Only as long as the task is in `error`.
    pub notice: Option<Notice>,
    /// Whose subtask it is, if it is one.
    pub parent: Option<Parent>,
    /// Its subtasks whose end has not been dealt with, in the order in which they were made.
    pub children: Vec<Child>,
    /// Subtasks that it has made so far.
    pub subtasks: u32,
    /// The run that pauses for long, if one does: then it waits, and [`TaskHead::ready_at`] stays as
    /// the run began.
    pub paused: Option<Paused>,
    /// How many of its versions were notes: an end of a subtask was noted and nothing else moved.
    pub notes: u64,
    /// When the task's time is over, if a run said so. A task that has ended has none.
    pub expiry: Option<Expiry>,
    /// A person wants it to be kept for ever, whatever the workspace's retention is.
    pub kept: bool,
}

/// The end of the time that a task has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expiry {
    /// When it is; none if only `completes` was said.
    pub at: Option<Millis>,
    /// Whether the task is `done` then, and not in `error`.
    pub completes: bool,
}

/// That somebody is to be told of a task's failure, and how far that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same for every attempt, and another one if the task fails again: the receiver can tell.
    pub id: String,
    /// The step that failed.
    pub step: StepName,
    /// In how many attempts.
    pub attempts: u32,
    /// When.
    pub failed_at: Millis,
    /// Attempts to deliver it that were begun.
    pub tries: u32,
    /// Why the last of them failed.
    pub error: Option<String>,
}

impl TaskHead {
    /// The head of a task as it is accepted: version 1, ready, nothing known of it.
    pub fn new(id: TaskId, workspace: WorkspaceName, at: Millis) -> Self {
        Self {
            id,
            workspace,
            version: 1,
            state: TaskState::Ready,
            name: None,
            tags: Vec::new(),
            webhook: None,
            created: at,
            updated: at,
            ready_at: at,
            wake_at: None,
            runs: 0,
            retrying: None,
            steps: Vec::new(),
            result: None,
            fault: None,
            notice: None,
            parent: None,
            children: Vec::new(),
            subtasks: 0,
            paused: None,
            notes: 0,
            expiry: None,
            kept: false,
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

    /// Sees to it that a waiting task is looked at when its time is over. One that has ended has no such
    /// time any more.
    pub fn keep_expiry(&mut self) {
        if self.state.is_final() {
            self.expiry = None;
        } else if self.state == TaskState::Waiting
            && let Some(at) = self.expires_at()
        {
            self.wake_at = Some(self.wake_at.map_or(at, |wake| wake.min(at)));
        }
    }

    /// When a waiting task goes on by itself, its end for want of time aside.
    pub fn goes_on_at(&self) -> Option<Millis> {
        self.wake_at.filter(|at| self.expires_at() != Some(*at))
    }
}

/// A run that failed and will be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrying {
    /// The step.
    pub step: StepName,
    /// Attempts that have failed so far; 0 if a person had it begin anew.
    pub failed: u32,
}

/// A run that pauses for longer than a run may take. It is begun again when the pause is over, with
/// what it has recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// The step.
    pub step: StepName,
    /// Milliseconds that the run has taken so far, without its long pauses.
    pub spent_ms: u64,
}

/// What a task remembers of a step that has begun on it.
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
}
