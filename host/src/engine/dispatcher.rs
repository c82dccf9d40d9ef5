//! Hands queued tasks to runners, and starts runners while there is work and room for them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::cpu::Workers;
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
/// Less than the round trip of a request from another city.
const LONGEST_PACE: Duration = Duration::from_millis(50);

/// Runs a task that the queue gives out, and those after it.
pub(super) trait Run: Send + Sync {
    /// Takes one task of the workspace after another as far as it goes, until none is queued or another
    /// workspace's is next: that one is another runner's. Keeps `token` until the end.
    fn run(
        self: Arc<Self>,
        workspace: WorkspaceName,
        task: TaskId,
        token: TaskTrackerToken,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

pub(super) struct Dispatcher {
    pub(super) queue: Queue,
    pub(super) threads: Arc<Threads>,
    /// Runs runners.
    pub(super) workers: Arc<Workers>,
    runner: OnceLock<Weak<dyn Run>>,
    /// Notified when a task may be due earlier than the timers' next look.
    pub(super) timer_changed: Notify,
    /// One token for each runner. It is taken before the queue is asked for a task, so that
    /// [`Dispatcher::close`] misses no runner that is just starting.
    pub(super) runners: TaskTracker,
}

impl Dispatcher {
    pub(super) fn new(queue: Queue, threads: Arc<Threads>, workers: Arc<Workers>) -> Self {
        Self {
            queue,
            threads,
            workers,
            runner: OnceLock::new(),
            timer_changed: Notify::new(),
            runners: TaskTracker::new(),
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
        loop {
            let token = self.runners.token();
            let Some((workspace, task)) = self.queue.start() else {
                return;
            };
            self.start_runner(&runner, token, workspace, task);
        }
    }

    /// Starts a runner for a task that the queue has given out.
    pub(super) fn hand_over(&self, workspace: WorkspaceName, task: TaskId) {
        if let Some(runner) = self.runner.get().and_then(Weak::upgrade) {
            self.start_runner(&runner, self.runners.token(), workspace, task);
        }
    }

    fn start_runner(
        &self,
        runner: &Arc<dyn Run>,
        token: TaskTrackerToken,
        workspace: WorkspaceName,
        task: TaskId,
    ) {
        let run = runner.clone().run(workspace.clone(), task, token);
        self.workers.spawn(&workspace, run);
    }

    /// Takes up a task that is durable and ready. Never blocks and never fails: a task that finds
    /// no place in memory is read from the store later. Returns how long to hold a sender's answer
    /// back so that runs keep pace with incoming requests.
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
    pub(super) fn requeue(&self, workspace: &WorkspaceName, task: TaskId) {
        self.queue.requeue(workspace, task);
        self.run_more();
    }

    /// Gives out no more tasks, and waits until those that are running have come to rest; `false` if
    /// some have not after `grace`.
    pub(super) async fn close(&self, grace: Duration) -> bool {
        self.queue.close();
        self.runners.close();
        tokio::time::timeout(grace, self.runners.wait())
            .await
            .is_ok()
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
            let owned = tasks.staying();
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
