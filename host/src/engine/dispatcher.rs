//! Hands queued tasks to runners, and starts runners while there is work and room for them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::queue::Queue;
use super::tasks::Tasks;
use super::threads::Threads;
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

/// What a runner does with a task that the queue gives out, and with those after it.
pub(super) trait Run: Send + Sync {
    /// Takes one task after another as far as it goes, until none is queued.
    fn run(
        self: Arc<Self>,
        workspace: WorkspaceName,
        task: TaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// See the module's documentation.
pub(super) struct Dispatcher {
    pub(super) queue: Queue,
    pub(super) threads: Arc<Threads>,
    runner: OnceLock<Weak<dyn Run>>,
    /// A task may be due earlier than the timers think.
    pub(super) timer_set: Notify,
    /// A runner has ended.
    idle: Notify,
}

impl Dispatcher {
    pub(super) fn new(queue: Queue, threads: Arc<Threads>) -> Self {
        Self {
            queue,
            threads,
            runner: OnceLock::new(),
            timer_set: Notify::new(),
            idle: Notify::new(),
        }
    }

    /// Has queued tasks handed to `runner` from now on. Only the first one counts.
    pub(super) fn start(&self, runner: Weak<dyn Run>) {
        let _ = self.runner.set(runner);
        self.run_more();
    }

    /// Starts runners while there is work and room for them.
    pub(super) fn run_more(&self) {
        let Some(runner) = self.runner.get().and_then(Weak::upgrade) else {
            return;
        };
        while let Some((workspace, task)) = self.queue.start() {
            self.threads.spawn(runner.clone().run(workspace, task));
        }
    }

    /// Takes up a task that is durable and ready. Never blocks and never fails: a task that finds
    /// no place in memory is read from the store later. Gives how long to hold a sender's answer
    /// back so that runs keep pace with what comes in.
    pub(super) fn offer(&self, workspace: &WorkspaceName, task: TaskId) -> Duration {
        let queued = self.queue.offer(workspace, task);
        self.run_more();
        pace(queued)
    }

    /// Takes up a task that may have something to do, whether there is room or not.
    pub(super) fn wake(&self, workspace: &WorkspaceName, task: TaskId) {
        self.queue.wake(workspace, task);
        self.run_more();
    }

    /// As [`Dispatcher::wake`]; a task that is queued or running already is looked at once more after that.
    pub(super) fn call(&self, workspace: &WorkspaceName, task: TaskId) {
        self.queue.call(workspace, task);
        self.run_more();
    }

    /// A runner has ended.
    pub(super) fn runner_ended(&self) {
        self.idle.notify_waiters();
    }

    /// Gives out no more tasks, and waits until those that are running have come to rest; `false` if
    /// some have not after `grace`.
    pub(super) async fn close(&self, grace: Duration) -> bool {
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
        tokio::time::timeout(grace, all_idle).await.is_ok()
    }
}

/// See [`Dispatcher::offer`].
fn pace(queued: usize) -> Duration {
    let surplus = queued.saturating_sub(UNPACED);
    let steps = u32::try_from(surplus / PACED_BY).unwrap_or(u32::MAX);
    PACE.saturating_mul(steps).min(LONGEST_PACE)
}

/// Reads ready tasks from the store for every workspace whose queue has room and is known not to
/// hold all of them. Runs until the store is closed.
pub(super) async fn refill(tasks: Tasks, dispatcher: Arc<Dispatcher>) {
    let wanted = dispatcher.queue.wants_refill();
    loop {
        while let Some(request) = dispatcher.queue.refill_request() {
            let (workspace, after) = (&request.workspace, request.after);
            let owned = tasks.owned();
            let page = tasks.store.ready(&owned, workspace, after, request.limit);
            match page.await {
                Ok(page) => dispatcher.queue.refilled(&request, page),
                Err(StoreError::Closed | StoreError::Failed) => return,
                Err(error) => {
                    tracing::error!(workspace.id = %workspace, %error, "ready tasks could not be read");
                    dispatcher.queue.refill_failed(&request);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            dispatcher.run_more();
        }
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
