//! The errors of a store, in words that hold for every implementation.

use std::sync::Arc;

use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::partition::Partition;

/// Why the store did not do what it was asked. A write that failed has left nothing that is
/// acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The task (or component) is not there.
    #[error("{0} is not in the store")]
    NotFound(String),
    /// The task has moved on since it was read.
    #[error("task {id} is at version {actual}, not {expected}")]
    Conflict {
        /// The task.
        id: TaskId,
        /// The version that the caller's change is based on.
        expected: u64,
        /// The version that is stored.
        actual: u64,
    },
    /// The delivery came before: its key is that of a task, which is durable.
    #[error("the delivery came before and became task {task}")]
    Duplicate {
        /// The task of the first delivery.
        task: TaskId,
    },
    /// The claim of the write is stale: the task's partition is another node's, or has been
    /// since the claim was given out.
    #[error("partition {partition} of the tasks was taken over by another server; try again")]
    Fenced {
        /// The partition.
        partition: Partition,
    },
    /// The setup has changed since the caller looked at it.
    #[error("the setup is at revision {actual}, not {expected}; try again")]
    Revised {
        /// The revision that the caller's change is based on.
        expected: u64,
        /// The one that is stored.
        actual: u64,
    },
    /// Another thing has the name.
    #[error("there is a {what} `{name}` already")]
    Taken {
        /// E.g. `webhook`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// There are as many as may be.
    #[error("there are {most} {what} already, and no more are allowed")]
    TooMany {
        /// The plural of the thing.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// The workspace's setup would be too large.
    #[error(
        "the setup of this workspace would have {bytes} bytes, and at most {most} are allowed in all for its webhooks, steps, config, connectors, schedules and tokens"
    )]
    SetupTooLarge {
        /// Its size with the change, in bytes.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// The workspace was deleted, and is being erased.
    #[error(
        "workspace `{0}` was deleted and is being erased; its name can be used again in a while"
    )]
    Erasing(WorkspaceName),
    /// The value is larger than the store can ever keep.
    #[error("the store cannot keep this: {0}")]
    Refused(String),
    /// There is no room for the write. Reads go on; the store takes writes again by itself when there
    /// is room, see [`Health`].
    #[error(
        "the store is full: its disk has no room left; reads go on, and writes are taken again when there is room"
    )]
    Full,
    /// There was no room to end a write that had begun: it is taken back when there is room, and if the store is opened
    /// anew before, it may be found whole.
    #[error("the write was not ended, for lack of room in the data directory; try again")]
    Undecided,
    /// The database was lost while it made the write, and who took over since may have changed what would tell: it is
    /// there, or nothing of it.
    #[error(
        "the connection to the database was lost, and it is not known whether the change was made; look whether it was before you try again"
    )]
    InDoubt,
    /// A read or write did not succeed now and may when it is tried again.
    #[error("the store is not available: {source}")]
    Unavailable {
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A newer server wrote a value.
    #[error(
        "{kind} in the store has version {found}, and this version of stepwell reads up to {known}; use the stepwell that wrote it, or a newer one"
    )]
    NewerValue {
        /// The kind of value, e.g. `a step`.
        kind: &'static str,
        /// Its version.
        found: u32,
        /// The newest known version of that kind.
        known: u32,
    },
    /// A value is not what its version says it is: trying again does not help.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A write failed, and it is unknown what of it reached the disk. Reads go on; writes are taken
    /// again after the store is opened anew.
    #[error("a write to the store's disk failed; no more are taken until the server is restarted")]
    Failed,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// [`StoreError::Unavailable`] for this reason.
    pub fn unavailable(
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Self {
        Self::Unavailable {
            source: Arc::from(source.into()),
        }
    }

    /// Whether the same call may succeed later without a restart.
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Full | Self::Undecided | Self::InDoubt | Self::Unavailable { .. }
        )
    }

    /// Whether a write that failed with it may be durable in spite of it. Only a later look can tell, or the next start of
    /// the store.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Closed | Self::Undecided | Self::InDoubt
        )
    }

    /// Whether it belongs to the life of a server, so that a background job that meets it has nothing
    /// to report: the store is closed, has failed or is full (and said so itself), the task is another
    /// node's or that of a repeated delivery, or its workspace is being erased.
    pub fn is_expected(&self) -> bool {
        matches!(
            self,
            Self::Closed
                | Self::Failed
                | Self::Full
                | Self::Undecided
                | Self::InDoubt
                | Self::Fenced { .. }
                | Self::Duplicate { .. }
                | Self::Erasing(_)
        )
    }
}

/// Whether a store takes writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// It does.
    #[default]
    Writable,
    /// Not now: [`StoreError::Full`]. Changes of tasks that are under way may still be taken.
    Full,
    /// Not now: the machine gives it no more open files, or no memory. [`StoreError::Unavailable`].
    Short,
    /// Not any more: [`StoreError::Failed`].
    Failed,
}
