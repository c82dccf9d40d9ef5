//! Why an action on a task was refused.

use std::time::Duration;

use super::moves::WrongState;
use crate::domain::clock::{Millis, rfc3339};
use crate::domain::data::EditError;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::domain::task::TaskState;
use crate::store::{BlobError, StoreError};

/// The longest that an action waits for the run under way. A run's own bound is 30 s by default.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Why an action on a task was refused. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// There is no such task.
    #[error("there is no task {task} in workspace `{workspace}`")]
    NotFound {
        /// The task.
        task: TaskId,
        /// Where it was looked for.
        workspace: WorkspaceName,
    },
    /// The task stands where this cannot be done.
    #[error("task {task} is {state}; {hint}")]
    WrongState {
        /// The task.
        task: TaskId,
        /// Where it stands.
        state: TaskState,
        /// What would be right.
        hint: &'static str,
    },
    /// The task has had no such run.
    #[error(
        "task {task} has had {runs} runs, and none has the number {asked}; they are counted from 1"
    )]
    NoSuchRun {
        /// The task.
        task: TaskId,
        /// The value that was requested.
        asked: u32,
        /// How many there were.
        runs: u32,
    },
    /// The data cannot be changed so.
    #[error("the data of task {task} cannot be changed so: {error}")]
    Edit {
        /// The task.
        task: TaskId,
        error: EditError,
    },
    /// The task has been moved as often as a task may be, or its journal is as long as it may be.
    #[error(
        "task {task} has been moved {most} times, or its journal has {bytes} bytes, and it is changed no more; `task clone` makes a new one of it",
        most = limits::COMMITS_PER_TASK, bytes = limits::JOURNAL_BYTES
    )]
    TooManyMoves {
        /// The task.
        task: TaskId,
    },
    /// A run has the task, and does not end.
    #[error(
        "a run of task {task} is under way and did not end within {seconds} seconds; try again, or cancel the task"
    )]
    Busy {
        /// The task.
        task: TaskId,
        /// How long was waited.
        seconds: u64,
    },
    /// A run has recorded calls on the task's data, and pauses for long.
    #[error(
        "a run of task {task} pauses until {}, and its calls belong to the data that it began with; try again when the run has ended, or cancel the task",
        rfc3339(*until)
    )]
    PausedUntil {
        /// The task.
        task: TaskId,
        /// When the pause is over.
        until: Millis,
    },
    /// The server that has the task does not answer.
    #[error(
        "the server that has task {task} did not answer within {seconds} seconds, and nothing was changed; try again"
    )]
    Unanswered {
        /// The task.
        task: TaskId,
        /// How long was waited.
        seconds: u64,
    },
    /// The server has no memory left for it now.
    #[error("the server has as much to do as it can hold; try again in a moment")]
    NoMemory,
    /// The workspace has no room for another task's files.
    #[error(
        "the workspace's files have {most} bytes, the most that they may have, and a copy has files of its own; wait until tasks are removed"
    )]
    FilesFull {
        /// The bound.
        most: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn not_found(workspace: &WorkspaceName, task: TaskId) -> ActionError {
    ActionError::NotFound {
        task,
        workspace: workspace.clone(),
    }
}

pub(super) fn busy(task: TaskId) -> ActionError {
    ActionError::Busy {
        task,
        seconds: PATIENCE.as_secs(),
    }
}

impl From<BlobError> for ActionError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::WorkspaceFull { most } => Self::FilesFull { most },
            BlobError::Store(error) => error.into(),
        }
    }
}

impl From<WrongState> for ActionError {
    fn from(WrongState { task, state, hint }: WrongState) -> Self {
        Self::WrongState { task, state, hint }
    }
}
