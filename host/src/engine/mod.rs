//! The engine: takes every ready task through its steps, one run at a time per task, many tasks at
//! once, fairly between workspaces, and never more in memory than it was told.

mod actions;
mod advance;
mod arriving;
mod calls;
mod carry;
mod expiry;
mod notices;
mod outcome;
mod pause;
mod queue;
mod replay;
mod resume;
mod retention;
mod retry;
mod room;
mod schedules;
mod subtasks;
mod threads;
mod timers;
mod turns;

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::catalog::Catalog;
use crate::connectors::{FetchClient, WorkspacePolicy};
use crate::domain::clock::Clock;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::sandbox::Sandbox;
use crate::store::{Store, StoreError};
use arriving::Arriving;
use carry::Carried;
use notices::Slots;
use queue::Queue;
use retention::Retention;
use room::Held;
use threads::Threads;
use turns::Turns;

pub use actions::ActionError;

/// How the engine is set up.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// Tasks that may be in a run at once; one workspace gets at most half of them while another
    /// one has work.
    pub concurrency: usize,
    /// How many of one workspace's tasks that have queued are in a run at once that does not wait for
    /// a connector's answer, but computes or is being made durable. More would get nothing done
    /// sooner, and each would find that the others have emptied the processor's caches.
    pub busy: usize,
    /// Ready tasks per workspace that are remembered in memory; the rest is read from the store
    /// when their turn comes.
    pub queue: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            concurrency: 1_000,
            busy: 64,
            queue: 4_096,
        }
    }
}

/// Tasks of a workspace that may be queued before its senders are slowed down: some 20 ms of work.
const UNPACED: usize = 512;
/// Each so many more hold an answer back by another [`PACE`].
const PACED_BY: usize = 64;
/// The finest time that timers can keep.
const PACE: Duration = Duration::from_millis(1);
/// No sender notices this: less than what a request from another town takes.
const LONGEST_PACE: Duration = Duration::from_millis(50);

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
}

/// See the module's documentation.
pub struct Engine {
    store: Arc<dyn Store>,
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
    /// Starts the engine and takes up what an earlier process left: ready tasks at once, waiting
    /// ones when they are due.
    ///
    /// # Errors
    /// The machine gives no threads.
    pub fn start(parts: EngineParts) -> std::io::Result<Arc<Self>> {
        let engine = Arc::new(Self {
            queue: Queue::new(parts.settings, parts.catalog.workspaces()),
            store: parts.store,
            catalog: parts.catalog,
            sandbox: parts.sandbox,
            fetch: parts.fetch,
            egress: Arc::default(),
            clock: parts.clock,
            turns: Arc::default(),
            timer_set: Arc::new(Notify::new()),
            notices: Slots::default(),
            retention: Retention::default(),
            held: Held::default(),
            idle: Notify::new(),
            threads: Threads::start()?,
        });
        engine
            .threads
            .spawn(timers::wake_due(Arc::downgrade(&engine)));
        engine.threads.spawn(room::watch(Arc::downgrade(&engine)));
        engine.threads.spawn(refill(Arc::downgrade(&engine)));
        engine
            .threads
            .spawn(schedules::fire_due(Arc::downgrade(&engine)));
        engine
            .threads
            .spawn(retention::remove_old(Arc::downgrade(&engine)));
        Ok(engine)
    }

    /// Takes up a task that is durable and ready. Never blocks and never fails: a task that finds
    /// no place in memory is read from the store later. Gives how long to hold a sender's answer
    /// back, see [`Engine::admit`].
    fn offer(self: &Arc<Self>, workspace: &WorkspaceName, task: TaskId) -> Duration {
        let queued = self.queue.offer(workspace, task);
        self.run_more();
        pace(queued)
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

    /// Starts runners while there is work and room for them.
    fn run_more(self: &Arc<Self>) {
        while let Some((workspace, task)) = self.queue.start() {
            let runner = self.clone();
            self.threads
                .spawn(async move { runner.run_on(workspace, task).await });
        }
    }

    /// Takes up a task that may have something to do, whether there is room or not.
    fn wake(self: &Arc<Self>, workspace: &WorkspaceName, task: TaskId) {
        self.queue.wake(workspace, task);
        self.run_more();
    }

    /// Carries one task after another as far as it goes, until none is queued.
    async fn run_on(self: Arc<Self>, mut workspace: WorkspaceName, mut task: TaskId) {
        while let Some(next) = self.run_one(&workspace, task, None).await {
            (workspace, task) = next;
        }
    }

    /// Carries a task, and again as long as it says so.
    async fn carry_on(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        mut arriving: Option<Arc<Arriving>>,
    ) -> Result<Carried, StoreError> {
        loop {
            match self.carry(workspace, task, arriving.take()).await {
                // Whoever wants to act on the task does so first.
                Ok(Carried::Again) if self.queue.is_open() && !self.turns.is_wanted(task) => {}
                carried => return carried,
            }
        }
    }

    /// Carries one task as far as it goes. Gives the next one that is the runner's; at none it ends.
    async fn run_one(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Option<(WorkspaceName, TaskId)> {
        let turn = self.turns.begin(task).ok();
        let carried = match &turn {
            Some(turn) => tokio::select! {
                biased;
                carried = self.carry_on(workspace, task, arriving) => carried,
                // It was cancelled: what the run would commit could only be a conflict.
                () = turn.stopped() => Ok(Carried::Rests),
            },
            None => Ok(Carried::Rests),
        };
        let is_held = carried.as_ref().is_err_and(StoreError::is_retriable);
        match carried {
            Ok(Carried::Rests | Carried::Again) => {}
            Ok(Carried::Waits) => self.timer_set.notify_one(),
            Err(StoreError::Closed | StoreError::Failed | StoreError::Full) => {}
            Err(StoreError::Erasing(_)) => {}
            Err(error) => {
                tracing::error!(workspace.id = %workspace, task.id = %task, %error, "a task could not be carried on");
            }
        }
        let next = self.queue.next(workspace, task);
        if is_held {
            self.hold_back(workspace, task);
        }
        // Only now does the queue take the task in again.
        let again = match turn {
            Some(turn) => turn.end(),
            None => !self.turns.want(task),
        };
        if again {
            self.wake(workspace, task);
        }
        if next.is_none() {
            self.idle.notify_waiters();
        }
        next
    }
}

/// See [`Engine::admit`].
fn pace(queued: usize) -> Duration {
    let surplus = queued.saturating_sub(UNPACED);
    let steps = u32::try_from(surplus / PACED_BY).unwrap_or(u32::MAX);
    PACE.saturating_mul(steps).min(LONGEST_PACE)
}

/// Reads ready tasks from the store for every workspace whose queue has room and is known not to
/// hold all of them.
async fn refill(engine: Weak<Engine>) {
    loop {
        let Some(engine) = engine.upgrade() else {
            return;
        };
        let wanted = engine.queue.wants_refill();
        while let Some(request) = engine.queue.refill_request() {
            let page = engine
                .store
                .ready(&request.workspace, request.after, request.limit)
                .await;
            match page {
                Ok(tasks) => engine.queue.refilled(&request, tasks),
                Err(StoreError::Closed | StoreError::Failed) => return,
                Err(error) => {
                    tracing::error!(workspace.id = %request.workspace, %error, "ready tasks could not be read");
                    engine.queue.refill_failed(&request);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            engine.run_more();
        }
        drop(engine);
        wanted.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_held_back_only_while_many_tasks_wait_and_never_for_long() {
        assert_eq!(pace(0), Duration::ZERO);
        assert_eq!(pace(UNPACED), Duration::ZERO);
        assert_eq!(pace(UNPACED + PACED_BY), PACE);
        assert_eq!(pace(UNPACED + 10 * PACED_BY), 10 * PACE);
        assert_eq!(pace(usize::MAX), LONGEST_PACE);
    }
}
