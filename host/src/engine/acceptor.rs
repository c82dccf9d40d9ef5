//! Accepts tasks that have just come in, and has them run.

use std::sync::Arc;
use std::time::Duration;

use super::Announce;
use super::commit::Arriving;
use super::dispatcher::Dispatcher;
use super::runner::Runner;
use super::tasks::Tasks;
use crate::domain::dedup::Dedup;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::{Health, NewTask, StoreError, Transaction};

/// How long a sender waits for the first run to end before the task is made durable without it. A
/// sender notices neither this nor a flush of the disk.
const RUN_AHEAD: Duration = Duration::from_millis(5);

pub struct Acceptor {
    pub(super) tasks: Tasks,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) runner: Arc<Runner>,
    pub(super) announce: Option<Announce>,
}

impl Acceptor {
    /// An id for a new task, in a partition that is this node's: `id` itself if it can be.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the node owns no partition.
    pub fn place(&self, id: TaskId) -> Result<TaskId, StoreError> {
        self.tasks.place(id)
    }

    /// Whether the store takes new tasks, as it was a moment ago.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Unavailable`], [`StoreError::Failed`].
    pub fn takes_new(&self) -> Result<(), StoreError> {
        match *self.tasks.store.health().borrow() {
            Health::Writable => Ok(()),
            Health::Full => Err(StoreError::Full),
            Health::Short => Err(StoreError::unavailable(
                "the machine gives it no more files",
            )),
            Health::Failed => Err(StoreError::Failed),
        }
    }

    /// How many servers share incoming requests, this one included.
    pub fn sharing(&self) -> usize {
        let cluster = self.tasks.store.cluster();
        cluster.map_or(1, |cluster| cluster.sharing())
    }

    /// Waits until the workspace may post `bytes`: large bodies have a rate while other workspaces are
    /// active. To be called before work is done on them.
    pub async fn pace(&self, workspace: &WorkspaceName, bytes: usize) {
        self.tasks.large_writes.throttle(workspace, bytes).await;
    }

    /// Waits while the workspace has posted more than its rate of large bodies, for a bounded time. To be called before
    /// more than [`LARGE_BODY`] bytes of one are read; it counts when it is there, by [`Acceptor::pace`].
    pub async fn ready(&self, workspace: &WorkspaceName) {
        self.tasks.large_writes.ready(workspace).await;
    }

    /// The task of an earlier delivery with the same key, which is durable.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn delivered(
        &self,
        workspace: &WorkspaceName,
        dedup: Dedup,
    ) -> Result<Option<TaskId>, StoreError> {
        let store = &self.tasks.store;
        store.delivered(workspace, dedup.key, dedup.at).await
    }

    /// Whether a task is there and has not ended.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn is_open(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<bool, StoreError> {
        let stored = self.tasks.store.load(workspace, task).await?;
        Ok(stored.is_some_and(|stored| !stored.head.state().is_final()))
    }

    /// Accepts a task that has just come in and is not durable yet. It is durable when this resolves.
    /// Once polled it must be polled to its end: a task that is durable has to be known to the engine.
    ///
    /// Returns how long the sender's answer is to be held back so that runs keep pace with what comes
    /// in: nothing until a good number of the workspace's tasks wait, then more the more there are.
    /// A task that waits long has left the processor's caches, and one that has to be read again
    /// costs half as much again: a longer queue only makes everything slower.
    ///
    /// # Errors
    /// The store did not take it. [`StoreError::Duplicate`] if a delivery with the same key was faster; then its
    /// task is durable.
    pub async fn accept(self: Arc<Self>, task: NewTask) -> Result<Duration, StoreError> {
        let (workspace, id): (_, TaskId) = (task.head.workspace.clone(), task.head.id);
        let token = self.dispatcher.runners.token();
        if !self.dispatcher.queue.begin(&workspace, id) {
            drop(token);
            // Others wait already: then this one's turn is not now.
            self.tasks.writer().accept(task).await?;
            return Ok(self.dispatcher.offer(&workspace, id));
        }
        let announced = self.announce.as_ref().map(|announce| announce());
        let (arriving, mut accepted) = Arriving::new(self.tasks.writer(), task, announced);
        let first = self
            .runner
            .clone()
            .run_first(workspace.clone(), id, arriving.clone(), token);
        self.dispatcher.workers.spawn(&workspace, Box::pin(first));
        let result = tokio::time::timeout(RUN_AHEAD, &mut accepted).await;
        // There is no result if the run takes longer, or was cut off by a shutdown.
        let result = result.ok().and_then(Result::ok);
        match result {
            Some(accepted) => accepted?,
            None => arriving.accept().await?,
        }
        Ok(Duration::ZERO)
    }

    /// Accepts tasks that have come in together: all of them are durable when this resolves, or none is there. Once
    /// polled it must be polled to its end. Returns what [`Acceptor::accept`] returns.
    ///
    /// # Errors
    /// The store did not take them.
    pub async fn accept_all(self: Arc<Self>, tasks: Vec<NewTask>) -> Result<Duration, StoreError> {
        let heads = tasks.iter().map(|task| &task.head);
        let known: Vec<_> = heads
            .map(|head| (head.workspace.clone(), head.id))
            .collect();
        let accepts = Transaction {
            accepts: tasks,
            ..Transaction::default()
        };
        self.tasks.writer().transact(accepts).await?;
        let paces = known
            .iter()
            .map(|(workspace, id)| self.dispatcher.offer(workspace, *id));
        Ok(paces.max().unwrap_or_default())
    }
}
