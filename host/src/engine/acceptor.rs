//! Accepts tasks that have just come in, and has them run.

use std::sync::Arc;
use std::time::Duration;

use super::Announce;
use super::commit::Arriving;
use super::dispatcher::Dispatcher;
use super::runner::Runner;
use super::tasks::Tasks;
use crate::domain::ids::TaskId;
use crate::store::{NewTask, StoreError};

/// How long a sender waits for the first run to end before the task is made durable without it. A
/// sender notices neither this nor a flush of the disk.
const RUN_AHEAD: Duration = Duration::from_millis(5);

/// See the module's documentation.
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

    /// Accepts a task that has just come in and is not durable yet. It is durable when this resolves.
    /// Once polled it must be polled to its end: a task that is durable has to be known to the engine.
    ///
    /// Gives how long the sender's answer is to be held back so that runs keep pace with what comes
    /// in: nothing until a good number of the workspace's tasks wait, then more the more there are.
    /// A task that waits long has left the processor's caches, and one that has to be read again
    /// costs half as much again: a longer queue makes everything slower, and helps nobody.
    ///
    /// # Errors
    /// The store did not take it.
    pub async fn accept(self: Arc<Self>, task: NewTask) -> Result<Duration, StoreError> {
        let (workspace, id): (_, TaskId) = (task.head.workspace.clone(), task.head.id);
        if !self.dispatcher.queue.begin(&workspace, id) {
            // Others wait already: then this one's turn is not now.
            self.tasks.writer().accept(task).await?;
            return Ok(self.dispatcher.offer(&workspace, id));
        }
        let announced = self.announce.as_ref().map(|announce| announce());
        let (arriving, mut hears) = Arriving::new(self.tasks.writer(), task, announced);
        let first = self
            .runner
            .clone()
            .run_first(workspace, id, arriving.clone());
        self.dispatcher.threads.spawn(first);
        let heard = tokio::time::timeout(RUN_AHEAD, &mut hears).await;
        // Nothing is heard if the run takes its time, or was cut off by a shutdown.
        let heard = heard.ok().and_then(Result::ok);
        match heard {
            Some(accepted) => accepted?,
            None => arriving.accept().await?,
        }
        Ok(Duration::ZERO)
    }
}
