//! Starts the engine, and carries one queued task after another.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::arriving::Arriving;
use super::carried::Carried;
use super::commit::TaskWriter;
use super::held::Held;
use super::queue::Queue;
use super::slots::Slots;
use super::threads::Threads;
use super::{Engine, EngineParts, ownership, retention, room, schedules, timers};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::StoreError;

/// Tasks of a workspace that may be queued before its senders are slowed down: some 20 ms of work.
const UNPACED: usize = 512;
/// Each so many more hold an answer back by another [`PACE`].
const PACED_BY: usize = 64;
/// The finest time that timers can keep.
const PACE: Duration = Duration::from_millis(1);
/// No sender notices this: less than what a request from another town takes.
const LONGEST_PACE: Duration = Duration::from_millis(50);

impl Engine {
    /// Starts the engine and takes up what an earlier process left: ready tasks at once, waiting
    /// ones when they are due.
    ///
    /// # Errors
    /// The machine gives no threads.
    pub fn start(parts: EngineParts) -> std::io::Result<Arc<Self>> {
        let engine = Arc::new(Self {
            queue: Queue::new(parts.settings, parts.catalog.workspaces()),
            ownership: parts.store.ownership(),
            store: parts.store,
            announce: parts.announce,
            catalog: parts.catalog,
            sandbox: parts.sandbox,
            fetch: parts.fetch,
            egress: Arc::default(),
            clock: parts.clock,
            turns: Arc::default(),
            timer_set: Arc::new(Notify::new()),
            notices: Slots::default(),
            retention: Default::default(),
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
            .spawn(retention::remove_old(Arc::downgrade(&engine)));
        let ownership = engine.ownership.clone();
        engine
            .threads
            .spawn(ownership::follow(Arc::downgrade(&engine), ownership));
        engine
            .threads
            .spawn(schedules::fire_due(Arc::downgrade(&engine)));
        Ok(engine)
    }

    /// Takes up a task that is durable and ready. Never blocks and never fails: a task that finds
    /// no place in memory is read from the store later. Gives how long to hold a sender's answer
    /// back, see [`Engine::admit`].
    pub(super) fn offer(self: &Arc<Self>, workspace: &WorkspaceName, task: TaskId) -> Duration {
        let queued = self.queue.offer(workspace, task);
        self.run_more();
        pace(queued)
    }

    /// Starts runners while there is work and room for them.
    pub(super) fn run_more(self: &Arc<Self>) {
        while let Some((workspace, task)) = self.queue.start() {
            let runner = self.clone();
            self.threads
                .spawn(async move { runner.run_on(workspace, task).await });
        }
    }

    /// Takes up a task that may have something to do, whether there is room or not.
    pub(super) fn wake(self: &Arc<Self>, workspace: &WorkspaceName, task: TaskId) {
        self.queue.wake(workspace, task);
        self.run_more();
    }

    /// Carries one task after another as far as it goes, until none is queued.
    pub(super) async fn run_on(self: Arc<Self>, mut workspace: WorkspaceName, mut task: TaskId) {
        while let Some(next) = self.run_one(&workspace, task, None).await {
            (workspace, task) = next;
        }
    }

    /// Carries a task, and again as long as it says so.
    async fn carry_on(
        self: &Arc<Self>,
        writer: &TaskWriter,
        workspace: &WorkspaceName,
        task: TaskId,
        mut arriving: Option<Arc<Arriving>>,
    ) -> Result<Carried, StoreError> {
        // Nothing of another node's task is read or run.
        writer.claim(task)?;
        loop {
            match self.carry(writer, workspace, task, arriving.take()).await {
                // An action that waits for the task comes first.
                Ok(Carried::Again) if self.queue.is_open() && !self.turns.is_wanted(task) => {}
                carried => return carried,
            }
        }
    }

    /// Carries one task as far as it goes. Gives the next one that is the runner's; at none it ends.
    pub(super) async fn run_one(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        task: TaskId,
        arriving: Option<Arc<Arriving>>,
    ) -> Option<(WorkspaceName, TaskId)> {
        let writer = self.writer();
        let turn = self.turns.begin(task).ok();
        let carried = match &turn {
            Some(turn) => tokio::select! {
                biased;
                carried = self.carry_on(&writer, workspace, task, arriving) => carried,
                // It was cancelled, or its partition lost: what the run would commit would be refused.
                () = turn.stopped() => Ok(Carried::Rests),
            },
            None => Ok(Carried::Rests),
        };
        let is_held = carried.as_ref().is_err_and(StoreError::is_retriable);
        match carried {
            Ok(Carried::Rests | Carried::Again) => {}
            Ok(Carried::Waits) => self.timer_set.notify_one(),
            Err(
                StoreError::Closed
                | StoreError::Failed
                | StoreError::Full
                | StoreError::Fenced { .. }
                | StoreError::Erasing(_),
            ) => {}
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
        // A partition that was lost and has come back: what was looked for when it came did not find the
        // task, as it was running.
        let comes_back = {
            let owned = self.ownership.borrow();
            writer.is_stale(task, &owned) && owned.owns(task)
        };
        if again || comes_back {
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
                .ready(
                    &engine.owned(),
                    &request.workspace,
                    request.after,
                    request.limit,
                )
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
