//! Requests of a node to the node that owns a task, and the answers.

use std::fmt;

use super::clock::Millis;
use super::data::Edit;
use super::dedup::Dedup;
use super::ids::{TaskId, WorkspaceName};
use super::task::{TaskHead, TaskState};

/// The id of a request between nodes: 16 random bytes. Who asks chooses it, so that asking again asks once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// An id that no other request has.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The id as it is stored.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id that is stored as these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({:032x})", u128::from_be_bytes(self.0))
    }
}

/// An action on a task that exists.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskAction {
    /// End it.
    Cancel,
    /// Have it go on from the step that failed.
    Retry,
    /// Change its data, and have it go on.
    Update(Vec<Edit>),
    /// The same if it is open, for a delivery that has this key, or none.
    Merge(Vec<Edit>, Option<Dedup>),
    /// Keep it for ever, or no longer than others.
    Keep(bool),
}

/// An action on a task, and who asked for it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRequest {
    /// The task's workspace.
    pub workspace: WorkspaceName,
    /// Which one.
    pub task: TaskId,
    /// Who asked for it, for the journal.
    pub by: String,
    /// The action.
    pub action: TaskAction,
}

/// The outcome of a request: the task's head after it.
pub type TaskAnswer = Result<Box<TaskHead>, TaskRefusal>;

/// Why a request was not done. It has left nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskRefusal {
    /// The task is not open ([`TaskAction::Merge`]).
    NotOpen,
    /// There is no such task.
    NotFound,
    /// The task stands where this cannot be done.
    WrongState(TaskState),
    /// The data would be larger than a task's may be: so many bytes.
    TooLarge(u64),
    /// How the task came in would be changed.
    ViaReadOnly,
    /// The data cannot be changed so, for this reason.
    BadEdit(String),
    /// The task has been moved as often as a task may be.
    TooManyMoves,
    /// A run has the task, and does not end.
    Busy,
    /// A run pauses until then, and its calls belong to the data that it began with.
    PausedUntil(Millis),
    /// An earlier delivery with the same key became this task.
    Duplicate(TaskId),
    /// The task's workspace is being erased.
    Erasing,
    /// It can never be stored, or the stored value cannot be read, for this reason.
    Refused(String),
}
