//! The store: durable tasks and their setup, in the words of the domain. Nothing above this module knows which
//! database is under it.

pub mod blobs;
mod claim;
mod cluster;
mod codec;
#[cfg(test)]
pub mod conformance;
pub mod directory_lock;
mod error;
mod manage;
#[cfg(test)]
pub mod memory;
pub mod migration;
mod names;
pub mod postgres;
mod query;
mod registry;
pub mod search;
mod setup_bytes;
mod shapes;
pub mod sled;
mod split;
mod timeline;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use crate::domain::audit::{AuditEntry, AuditPage, AuditQuery};
use crate::domain::clock::Millis;
use crate::domain::dedup::{Dedup, DedupKey};
use crate::domain::delivery::{Delivery, DeliveryQuery};
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::inbox::RequestId;
use crate::domain::journal::Entry;
use crate::domain::task::{StoredTask, TaskHead};

pub use blobs::{BlobDigest, BlobError, Blobs};
pub use claim::{Claim, Ownership, Partitions};
pub use cluster::{Asked, Cluster, Drain, Hint, Hints, Load, Node};
pub use error::{Health, StoreError};
pub use manage::Manage;
pub use names::Names;
pub use query::{Counts, Purged, TaskPage, TaskQuery, Terms};
pub use registry::Registry;
pub use timeline::{History, Page, Timeline};

/// A waiting task: when it is due, its workspace and its id. In this order they are taken up.
pub type Due = (Millis, WorkspaceName, TaskId);

/// A new task as it is accepted. Its journal begins with [`Entry::Accepted`].
#[derive(Debug, Clone)]
pub struct NewTask {
    /// The head: version 1 and state ready, or where `entries` have brought it.
    pub head: TaskHead,
    /// The data, JSON text of an object.
    pub data: Arc<str>,
    /// The entries of its journal after [`Entry::Accepted`]: runs that were over before it was
    /// made durable.
    pub entries: Vec<Entry>,
    /// The key of the delivery that it comes by, if a repeat is to be recognised.
    pub dedup: Option<Dedup>,
}

impl From<NewTask> for StoredTask {
    fn from(task: NewTask) -> Self {
        Self {
            head: task.head,
            data: task.data,
            effects: Vec::new(),
            journal: 0,
        }
    }
}

/// One step forward of a task: all of it becomes durable, or nothing.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The new head; its version is that of the head that it replaces, plus 1.
    pub head: TaskHead,
    /// The new data, if it changed.
    pub data: Option<Arc<str>>,
    /// The entries to append to the journal.
    pub entries: Vec<Entry>,
}

/// Commits of several tasks that become durable atomically, as one record. No task occurs twice in it.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// As by [`Store::commit`].
    pub commits: Vec<Commit>,
    /// New heads, each of a version more than the one that it stands on. Unlike a commit a note does
    /// not settle the effects that were recorded since the last one: a run may be under way.
    pub notes: Vec<TaskHead>,
    /// As by [`Store::accept`].
    pub accepts: Vec<NewTask>,
    /// Keys of deliveries, each with the task that the delivery changes: one of `commits` or `notes`.
    pub dedup: Vec<(TaskId, Dedup)>,
    /// Requests of other nodes, each with the task of `commits` that it is about: they are answered with its new head.
    /// [`StoreError::Refused`], and nothing is written, if one was taken back or has an answer. Only for
    /// [`Store::cluster`].
    pub answers: Vec<(TaskId, RequestId)>,
}

impl Transaction {
    /// The tasks that it changes or makes.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> {
        let commits = self.commits.iter().map(|commit| commit.head.id);
        let notes = self.notes.iter().map(|head| head.id);
        let accepts = self.accepts.iter().map(|task| task.head.id);
        commits.chain(notes).chain(accepts)
    }
}

/// A durable store. Every method that writes resolves only after the write would survive a crash;
/// a write that failed has left nothing. An implementation passes `store::conformance`.
///
/// Every write of a task stands on a [`Claim`] to its partition. [`StoreError::Fenced`] if that is
/// stale; then nothing is written, not even a write that was under way when the partition was taken over.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The partitions that this process owns; the receiver is notified of gains and losses.
    fn ownership(&self) -> watch::Receiver<Arc<Ownership>>;

    /// The nodes that share the store; none if there is one node.
    fn cluster(&self) -> Option<&dyn Cluster> {
        None
    }

    /// Waits until the store has room for tasks of the workspace, for which [`Store::accept`] would wait, too.
    async fn room(&self, _workspace: &WorkspaceName) -> Result<(), StoreError> {
        Ok(())
    }

    /// Accepts a task. If it comes with a key ([`NewTask::dedup`]), the key becomes durable in the same
    /// record; [`StoreError::Duplicate`] if the key is that of another task, which is durable by then.
    async fn accept(&self, claim: Claim, task: NewTask) -> Result<(), StoreError>;

    /// Moves a task one version forward. [`StoreError::Conflict`] if it stands elsewhere.
    async fn commit(&self, claim: Claim, commit: Commit) -> Result<(), StoreError>;

    /// Moves several tasks, all of them or none: [`StoreError::Conflict`] or
    /// [`StoreError::NotFound`] name the first that is not where it should be, and
    /// [`StoreError::Duplicate`] the task whose key would be taken. `claims` has one to the partition of
    /// each.
    async fn transact(&self, claims: &[Claim], changes: Transaction) -> Result<(), StoreError>;

    /// Appends a finished connector call to a task's journal without moving its version.
    async fn record_effect(
        &self,
        claim: Claim,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError>;

    /// The task of the delivery that came with this key, if the key's time is not over at `at`. The task
    /// may have been removed since.
    async fn delivered(
        &self,
        workspace: &WorkspaceName,
        key: DedupKey,
        at: Millis,
    ) -> Result<Option<TaskId>, StoreError>;

    /// A task with its data and the effects recorded since its last commit.
    async fn load(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<StoredTask>, StoreError>;

    /// Heads and data of those of these tasks that are there, in this order, up to the task with which they have
    /// `most` bytes of data, and how many of `tasks` that is: at least 1. One look for many, where the store can.
    async fn load_many(
        &self,
        workspace: &WorkspaceName,
        tasks: &[TaskId],
        most: usize,
    ) -> Result<(Vec<(TaskHead, Arc<str>)>, usize), StoreError> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (at, task) in tasks.iter().enumerate() {
            let Some(task) = self.load(workspace, *task).await? else {
                continue;
            };
            bytes += task.data.len();
            found.push((task.head, task.data));
            if bytes >= most {
                return Ok((found, at + 1));
            }
        }
        Ok((found, tasks.len()))
    }

    /// A task with its journal. The two are of one moment: the journal's last entry is what brought the
    /// head to where it stands.
    async fn history(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<History>, StoreError>;

    /// The newest part of a task's history before the entry `before` of its journal, or of all of it: at most
    /// [`limits::TIMELINE_BYTES`], but for one entry that is longer.
    ///
    /// [`limits::TIMELINE_BYTES`]: crate::domain::limits::TIMELINE_BYTES
    async fn timeline(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        before: Option<u64>,
    ) -> Result<Option<Timeline>, StoreError> {
        let history = self.history(workspace, task).await?;
        Ok(history.map(|history| Timeline::of(history, before)))
    }

    /// Tasks in state ready in the partitions that are owned, oldest first, newer than `after`.
    async fn ready(
        &self,
        owned: &Ownership,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError>;

    /// Tasks in the partitions that are owned that are due ([`TaskState::due_at`]) up to `until`
    /// inclusive, behind `after` in the order of [`Due`]. One that waits without a time counts as due at [`Millis::MAX`].
    async fn due(
        &self,
        owned: &Ownership,
        after: Option<&Due>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError>;

    /// When the first task in the partitions that are owned is due that is behind `after`.
    async fn next_wake(
        &self,
        owned: &Ownership,
        after: Option<&Due>,
    ) -> Result<Option<Millis>, StoreError> {
        let first = self.due(owned, after, Millis::MAX, 1).await?;
        Ok(first.first().map(|(due_at, ..)| *due_at))
    }

    /// A page of tasks, newest first.
    async fn list(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
    ) -> Result<Vec<TaskHead>, StoreError>;

    /// A page of tasks that fit `terms`, newest first. By an index, and bounded: a page may be short or
    /// empty though there are more ([`TaskPage::next`]).
    async fn find(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
        terms: &Terms,
    ) -> Result<TaskPage, StoreError>;

    /// How many tasks are in each state. Bounded: see [`Counts::at_least`].
    async fn counts(&self, workspace: &WorkspaceName) -> Result<Counts, StoreError>;

    /// Changes the setup, as it is at revision `expected`, and gives the next revision.
    ///
    /// [`StoreError::Revised`] if it is at another one. [`StoreError::Taken`] and
    /// [`StoreError::TooMany`] if the change takes a name that is taken, or there are as many as may be;
    /// [`StoreError::SetupTooLarge`].
    ///
    /// An audit entry becomes durable with the change, or neither does.
    async fn manage(
        &self,
        change: Manage,
        audit: Option<AuditEntry>,
        expected: u64,
    ) -> Result<u64, StoreError>;

    /// Appends entries to the audit log. Of each log the oldest are removed that are more than may be kept of
    /// their kind, and by [`Store::purge`] those that are too old.
    async fn record_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError>;

    /// A page of the audit log, newest first. Bounded: a page may be short or empty though there are more.
    /// The logs of workspaces that are not there have nothing.
    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;

    /// The setup of the workspaces that were changed after `revision`; all of it for 0.
    async fn registry_since(&self, revision: u64) -> Result<Registry, StoreError>;

    /// A component's bytes by their SHA-256 (lower-case hex).
    async fn component(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// Keeps a response's body outside the journal of its task, durably, and gives its SHA-256, under
    /// which the task finds it again. The task is in the store; the body goes with it.
    async fn put_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        body: Bytes,
    ) -> Result<[u8; 32], StoreError>;

    /// A body that was put, by its SHA-256.
    async fn body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: [u8; 32],
    ) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// The files that came with tasks. They go with their tasks.
    fn blobs(&self) -> &Arc<Blobs>;

    /// Records deliveries that became no task. Bounded: the oldest ones go first. Unlike other writes they survive the
    /// end of the process, and perhaps not that of the machine. They came to the workspace that had the name at revision
    /// `known` of the setup.
    ///
    /// # Errors
    /// [`StoreError::Erasing`] if that one was deleted, also if another one has its name by now.
    async fn record_deliveries(
        &self,
        workspace: &WorkspaceName,
        known: u64,
        deliveries: Vec<Delivery>,
    ) -> Result<(), StoreError>;

    /// The recorded deliveries that are wanted, newest first: the newest [`limits::DELIVERIES`] of each webhook. If there
    /// are fewer than [`DeliveryQuery::at_once`], these are all.
    ///
    /// [`limits::DELIVERIES`]: crate::domain::limits::DELIVERIES
    async fn recorded_deliveries(
        &self,
        workspace: &WorkspaceName,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Removes finished tasks whose workspace's retention is over at `now`, with their journals and
    /// bodies: each whole, or not at all. A subtask stays as long as its parent needs it
    /// ([`retention::is_needed`]). A task may be gone a while later than it could be, never earlier.
    ///
    /// Removes keys of deliveries that have expired, and old recorded deliveries, too, a while later than it could be, and erases what
    /// is left of workspaces that were deleted, whatever the time.
    ///
    /// Does a bounded part of it and is to be called again until [`Purged::is_done`]; it goes on where
    /// it was, with the time of its first call, until then.
    ///
    /// [`retention::is_needed`]: crate::domain::retention::is_needed
    async fn purge(&self, now: Millis) -> Result<Purged, StoreError>;

    /// Whether writes are taken; the receiver is notified of every change.
    fn health(&self) -> watch::Receiver<Health> {
        watch::channel(Health::Writable).1
    }

    /// 32 random bytes made with the store: what run seeds are derived from.
    fn seed(&self) -> [u8; 32];

    /// Makes everything durable and lets go of the database. Later calls fail with
    /// [`StoreError::Closed`].
    async fn close(&self);
}
