//! The nodes that share a store: their list, hints, and requests to each other.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::shapes::read;
use super::{Ownership, StoreError};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::inbox::{RequestId, TaskAnswer, TaskRefusal, TaskRequest};
use crate::domain::partition::Partition;
use crate::domain::task::TaskHead;

/// A server that shares the store. Times are by the store's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number. A server that is started again has another one.
    pub id: u64,
    /// The URL that it was started with for others to reach it, or where it listens.
    pub url: String,
    /// Its version of stepwell.
    pub version: String,
    /// When it was started.
    pub started: Millis,
    /// For how many milliseconds more it owns its partitions; negative if it is gone.
    pub lease_ms: i64,
    /// How many partitions it owns.
    pub partitions: u32,
    /// Whether it gives its partitions to others.
    pub is_draining: bool,
    /// Whether it is the one that was asked.
    pub is_self: bool,
    /// By how many milliseconds its clock is ahead of the store's; none if it has not said so.
    pub clock_ms: Option<i64>,
    /// How it was when it renewed its lease.
    pub load: Load,
}

/// The load of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Runs under way.
    pub running: u64,
    /// Tasks that are queued in memory.
    pub queued: u64,
    /// The revision of the setup that it goes by.
    pub revision: u64,
}

/// A request of a node to another one, as it is stored: its values may be a hundred times as large in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its id.
    pub id: RequestId,
    /// Whose task it is about.
    pub workspace: WorkspaceName,
    /// The bytes that it is stored in.
    pub bytes: Box<[u8]>,
    /// A revision of the setup that who asked may have known: the action is done by one that is not older.
    pub revision: u64,
}

impl Asked {
    /// The requested action.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it cannot be read.
    pub fn request(&self) -> Result<TaskRequest, StoreError> {
        read(&self.bytes)
    }
}

/// The outcome of a request to drain a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// It does so from now on.
    Begun,
    /// There is no such node.
    NoSuchNode,
    /// There is no other node that could take them.
    NoOther,
}

/// Hints that nodes send each other: that there is something to look for. A hint may not come; who waits
/// for one looks from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// The setup was changed.
    Setup,
    /// There is a request for this node.
    Asked,
    /// A request was answered.
    Answered,
}

/// Waits for hints.
#[derive(Debug)]
pub struct Hints(Option<watch::Receiver<u64>>);

impl Hints {
    /// Hints that the receiver is notified of.
    pub fn new(receiver: watch::Receiver<u64>) -> Self {
        Self(Some(receiver))
    }

    /// Resolves with the next hint: for ever not, if none can come any more.
    pub async fn next(&mut self) {
        if let Some(receiver) = &mut self.0
            && receiver.changed().await.is_ok()
        {
            return;
        }
        self.0 = None;
        std::future::pending().await
    }
}

/// A store that several nodes share.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// The nodes whose lease runs, and those that went without a word in the last hour, the oldest first.
    async fn nodes(&self) -> Result<Vec<Node>, StoreError>;

    /// Has a node give its partitions to others, or take its share again.
    async fn drain(&self, node: u64, drains: bool) -> Result<Drain, StoreError>;

    /// Hints of other nodes from now on.
    fn hints(&self, of: Hint) -> Hints;

    /// The longest that nothing begins in a partition as it goes from one node to another, if both reach the store: the node
    /// before ended without a word, or had runs under way there.
    fn handover(&self) -> Duration;

    /// How many nodes share incoming requests, this one included: at least 1.
    fn sharing(&self) -> usize;

    /// Notes the runs of this node that have lasted for a while, in place of those that were noted before. If it ends
    /// without having left, they count as interrupted by that.
    async fn note_lasting(&self, tasks: &[TaskId]) -> Result<(), StoreError>;

    /// Tasks whose run was interrupted by the end of a node, and how often that was.
    async fn interrupted(&self) -> Result<Vec<(TaskId, u32)>, StoreError>;

    /// Forgets that tasks were interrupted: they have come to rest since.
    async fn forget_interrupted(&self, tasks: &[TaskId]) -> Result<(), StoreError>;

    /// Sets the load that others see of this node, from the next renewal of its lease on.
    fn report(&self, load: Load);

    /// Tells the others that this node goes by a revision of the setup.
    async fn apply(&self, revision: u64) -> Result<(), StoreError>;

    /// Whether all other nodes whose lease runs go by that revision, or a later one.
    async fn is_applied(&self, revision: u64) -> Result<bool, StoreError>;

    /// Has this node give its partitions to others: it is about to end. It keeps one until the store is closed, so that
    /// requests under way become tasks.
    fn leave(&self);

    /// Tells that nothing runs any more in partitions that this node is giving up ([`Ownership::is_leaving`]).
    fn release(&self, partitions: &[Partition]);

    /// Asks the owner of a task for something. Asking again under the same id asks once.
    async fn ask(&self, id: RequestId, request: &TaskRequest) -> Result<(), StoreError>;

    /// The answers that are there to those requests. They stay until [`Cluster::forget`].
    async fn answers(&self, ids: &[RequestId]) -> Result<Vec<(RequestId, TaskAnswer)>, StoreError>;

    /// Forgets requests whose answers have been read. If it fails, they are forgotten later.
    async fn forget(&self, ids: &[RequestId]);

    /// Takes a request back, or returns the answer if it has one. A request that was taken back is not done.
    async fn withdraw(&self, id: RequestId) -> Result<Option<TaskAnswer>, StoreError>;

    /// Requests about tasks in the partitions that are owned, but for those that are known, the oldest first: at most so
    /// many, and with so many bytes, but for one that is larger.
    async fn requests(
        &self,
        owned: &Ownership,
        known: &[RequestId],
        most: (usize, usize),
    ) -> Result<Vec<Asked>, StoreError>;

    /// Answers a request that was refused. One that is done is answered with the commit ([`Transaction::answers`]).
    ///
    /// [`Transaction::answers`]: super::Transaction::answers
    async fn refuse(&self, id: RequestId, refusal: &TaskRefusal) -> Result<(), StoreError>;

    /// Answers a request that changed nothing with the task as it stands.
    async fn answer(&self, id: RequestId, head: &TaskHead) -> Result<(), StoreError>;
}
