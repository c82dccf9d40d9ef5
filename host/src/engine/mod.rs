//! The engine: takes every ready task through its steps, one run at a time per task, many tasks at
//! once, fairly between workspaces, and never more in memory than it was told.

mod actions;
mod advance;
mod arriving;
mod calls;
mod carried;
mod carry;
mod children;
mod commit;
mod eligible;
mod expiry;
mod held;
mod lane;
mod notices;
mod outcome;
mod ownership;
mod pause;
mod queue;
mod removal;
mod replay;
mod resume;
mod retention;
mod retry;
mod room;
mod runner;
mod schedules;
mod settings;
mod slots;
mod subtasks;
mod threads;
mod timers;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::catalog::Catalog;
use crate::connectors::{FetchClient, WorkspacePolicy};
use crate::domain::clock::Clock;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;
use crate::sandbox::Sandbox;
use crate::store::{Ownership, Store, StoreError};
use commit::TaskWriter;
use held::Held;
use queue::Queue;
use removal::Retention;
use slots::Slots;
use threads::Threads;
use turns::Turns;

pub use actions::ActionError;
pub use settings::EngineSettings;

/// Tells the store that a write is on its way, until what it gives is dropped: a hint that others which
/// are to be made durable may wait for it.
pub type Announce = Arc<dyn Fn() -> Box<dyn Send + Sync> + Send + Sync>;

/// What the engine works with.
pub struct EngineParts {
    /// Where tasks are.
    pub store: Arc<dyn Store>,
    /// Which steps there are.
    pub catalog: Arc<Catalog>,
    /// Where steps run.
    pub sandbox: Arc<Sandbox>,
    /// What carries out connector calls.
    pub fetch: Arc<FetchClient>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How it is set up.
    pub settings: EngineSettings,
    /// If the store wants to know.
    pub announce: Option<Announce>,
}

/// See the module's documentation.
pub struct Engine {
    store: Arc<dyn Store>,
    /// The partitions whose tasks are this node's.
    ownership: watch::Receiver<Arc<Ownership>>,
    announce: Option<Announce>,
    catalog: Arc<Catalog>,
    sandbox: Arc<Sandbox>,
    fetch: Arc<FetchClient>,
    /// What every workspace may call; narrower policies per workspace have their place here.
    egress: Arc<WorkspacePolicy>,
    clock: Arc<dyn Clock>,
    queue: Queue,
    /// Who has which task.
    turns: Arc<Turns>,
    /// Something may wake earlier than the timers think.
    timer_set: Arc<Notify>,
    notices: Slots,
    retention: Retention,
    /// What waits for the store to take writes again.
    held: Held,
    /// The last runner has ended while the engine closes.
    idle: Notify,
    threads: Threads,
}

impl Engine {
    /// Writes tasks under the claims that the node holds now.
    fn writer(&self) -> TaskWriter {
        TaskWriter::new(self.store.clone(), self.owned())
    }

    /// The partitions that are this node's now.
    fn owned(&self) -> Arc<Ownership> {
        self.ownership.borrow().clone()
    }

    /// An id for a new task, in a partition that is this node's: `id` itself if it can be.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if none is.
    pub fn place(&self, id: TaskId) -> Result<TaskId, StoreError> {
        let partition = Partition::of(id);
        let placed = self.ownership.borrow().place(id);
        placed.ok_or(StoreError::Fenced { partition })
    }

    /// Ends what is under way: no new run begins; runs that have not ended after `grace` are cut
    /// off and begin again at the next start, with their recorded calls answered.
    pub async fn shutdown(&self, grace: Duration) {
        self.queue.close();
        let all_idle = async {
            while self.queue.running() > 0 {
                let idle = self.idle.notified();
                if self.queue.running() > 0 {
                    // Polled as well as notified: a permit may be lost between the two looks.
                    let _ = tokio::time::timeout(Duration::from_millis(20), idle).await;
                }
            }
        };
        if tokio::time::timeout(grace, all_idle).await.is_err() {
            tracing::warn!(
                runs = self.queue.running(),
                "runs were cut off by the shutdown; they begin again at the next start"
            );
        }
        self.threads.stop();
    }
}
