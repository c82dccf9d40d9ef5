//! Copies all that a store holds into another one of any kind, and reads it back: `stepwell store migrate`.
//!
//! A walk over a store reads it in one order and gives each item to the target, if there is one. Of each kind of item it
//! counts and adds up digests ([`Summary`]), so that two stores hold the same if their walks come to the same. Memory
//! is bounded: the setup is there as a server has it, and at most [`walk::AT_ONCE`] tasks with their journals.
//!
//! Left out are what only a running server has need of (leases, requests of servers to each other) and workspaces that
//! were deleted and are being erased: nothing of these is to be seen.

mod deliveries;
mod files;
mod setup;
mod summary;
mod tasks;
mod walk;

use async_trait::async_trait;

use super::{Store, StoreError};
use crate::domain::audit::{AuditEntry, AuditId};
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::vault::links::FileLinks;

pub use files::expect_files;
pub use summary::{Item, Summary, Total};
pub use walk::{copy, read};

/// Whether a file that a task names and that is missing is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingFiles {
    /// It is not made.
    Refused,
    /// The file is left out, and counted.
    LeftOut,
}

/// How links to files are recognised in tasks, and whether missing files are an error.
#[derive(Debug, Clone, Copy)]
pub struct NamedFiles<'a> {
    /// Whether a missing file is an error.
    pub may_miss: MissingFiles,
    /// Checks the signatures of links, so that only links which the server made count. Without it every link counts.
    pub links: Option<&'a FileLinks>,
}

impl From<MissingFiles> for NamedFiles<'_> {
    fn from(may_miss: MissingFiles) -> Self {
        Self {
            may_miss,
            links: None,
        }
    }
}

/// A delivery's key with what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldKey {
    /// The key.
    pub key: DedupKey,
    /// The task of the first delivery. It may have been removed.
    pub task: TaskId,
    /// When the key's time is over.
    pub until: Millis,
}

/// A store that can be copied from and to. No server uses it meanwhile.
#[async_trait]
pub trait Migrate: Store {
    /// The keys of a workspace's deliveries after that one, in the order of their bytes: at most `limit`.
    async fn keys(
        &self,
        workspace: &WorkspaceName,
        after: Option<DedupKey>,
        limit: usize,
    ) -> Result<Vec<HeldKey>, StoreError>;

    /// Takes keys of deliveries.
    async fn put_keys(
        &self,
        workspace: &WorkspaceName,
        keys: Vec<HeldKey>,
    ) -> Result<(), StoreError>;

    /// Takes entries of the audit log under their ids.
    async fn put_audit(&self, entries: Vec<(AuditId, AuditEntry)>) -> Result<(), StoreError>;

    /// The ids of webhooks to which deliveries are recorded, also of those that were deleted.
    async fn delivery_webhooks(&self, workspace: &WorkspaceName)
    -> Result<Vec<String>, StoreError>;

    /// From now on takes setups of any size: the source may have had a larger one before there was a bound.
    async fn lift_setup_bound(&self);

    /// How many bytes of a workspace's recorded deliveries it certainly keeps; none if it counts them alone.
    fn delivery_bytes(&self) -> Option<u64> {
        None
    }
}

/// Why a store was not copied, or not read back as it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The source cannot be read.
    #[error("{0}, as it was read to be copied")]
    Reading(StoreError),
    /// The target does not take it.
    #[error("{0}, as the copy was written")]
    Writing(StoreError),
    /// The target has something else than the source.
    #[error(
        "the copy is not what was read: of {} there are {there} with digest {read}, and the source has {wanted} with digest {expected}",
        item.name()
    )]
    Differs {
        /// The kind of item.
        item: Item,
        /// How many the target has.
        there: u64,
        /// Their digest.
        read: String,
        /// How many the source has.
        wanted: u64,
        /// Their digest.
        expected: String,
    },
    /// A file is not there that came with a task.
    #[error(
        "task {task} of workspace {workspace} names the file {digest}, which is not in the directory of files: mount that directory, or name the right one; with --no-files what is missing is left out"
    )]
    FileMissing {
        /// The task's workspace.
        workspace: WorkspaceName,
        /// The task.
        task: TaskId,
        /// The file's SHA-256.
        digest: String,
    },
    /// The target derives the seeds of runs from something else.
    #[error("the copy has another seed than its source")]
    Seed,
}

/// Compares what the walks over a source and its copy came to.
///
/// # Errors
/// [`MigrationError::Differs`].
pub fn compare(source: &Summary, copy: &Summary) -> Result<(), MigrationError> {
    for item in Item::ALL {
        let (wanted, there) = (source.of(item), copy.of(item));
        if wanted != there {
            return Err(MigrationError::Differs {
                item,
                there: there.count,
                read: there.digest(),
                wanted: wanted.count,
                expected: wanted.digest(),
            });
        }
    }
    Ok(())
}
