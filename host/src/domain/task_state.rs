//! The states of a task.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::clock::Millis;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// It has been accepted, or a run of it ended, and the engine is to look at it.
    Ready,
    /// It waits for the time in [`super::task::TaskHead::wake_at`], or for its subtasks.
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
    /// go on, of one that failed a notice is due.
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
