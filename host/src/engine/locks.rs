//! Locks on tasks: a run holds its task's lock, and so does a user's action. So an action never
//! changes a task while a run of it is under way, and no run begins while an action works on the task.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::domain::ids::TaskId;
use crate::store::Claim;

#[derive(Default)]
pub(super) struct TaskLocks {
    tasks: Mutex<HashMap<TaskId, LockEntry>>,
}

/// A task whose lock is held.
struct LockEntry {
    signals: Arc<Signals>,
    /// The claim that the run writes under; none if an action holds the lock.
    claim: Option<Claim>,
    /// Whether an action waits for the lock, or the queue has the task again.
    wanted: bool,
}

#[derive(Default)]
struct Signals {
    /// The run is to stop.
    stop: Notify,
    /// The lock was released.
    released: Notify,
}

/// A task's lock. It is released when this is dropped.
pub(super) struct TaskLock {
    locks: Arc<TaskLocks>,
    task: TaskId,
    signals: Arc<Signals>,
}

/// The task's lock is held already.
pub(super) struct Busy {
    signals: Arc<Signals>,
    /// Whether a run holds it, and not an action.
    pub(super) by_run: bool,
}

impl TaskLocks {
    /// Locks a task for a run that writes under `claim`.
    pub(super) fn lock_for_run(
        self: &Arc<Self>,
        task: TaskId,
        claim: Claim,
    ) -> Result<TaskLock, Busy> {
        self.lock(task, Some(claim))
    }

    /// Locks a task for an action, so that no run of it begins.
    pub(super) fn lock_for_action(self: &Arc<Self>, task: TaskId) -> Result<TaskLock, Busy> {
        self.lock(task, None)
    }

    fn lock(self: &Arc<Self>, task: TaskId, claim: Option<Claim>) -> Result<TaskLock, Busy> {
        match self.tasks.lock().entry(task) {
            Entry::Occupied(held) => Err(Busy {
                signals: held.get().signals.clone(),
                by_run: held.get().claim.is_some(),
            }),
            Entry::Vacant(free) => {
                let signals = Arc::<Signals>::default();
                free.insert(LockEntry {
                    signals: signals.clone(),
                    claim,
                    wanted: false,
                });
                Ok(TaskLock {
                    locks: self.clone(),
                    task,
                    signals,
                })
            }
        }
    }

    /// Locks a task for an action as soon as its lock is free; `None` if that is not before `until`. A
    /// run releases it when it ends, though the task may have further steps.
    pub(super) async fn lock_when_free(
        self: &Arc<Self>,
        task: TaskId,
        until: Instant,
    ) -> Option<TaskLock> {
        loop {
            let busy = match self.lock_for_action(task) {
                Ok(lock) => return Some(lock),
                Err(busy) => busy,
            };
            if !self.released(task, &busy, until).await {
                return None;
            }
        }
    }

    /// Waits until the lock is released; `false` if it is not before `until`.
    pub(super) async fn released(&self, task: TaskId, busy: &Busy, until: Instant) -> bool {
        let mut released = pin!(busy.signals.released.notified());
        released.as_mut().enable();
        let is_there = match self.tasks.lock().get_mut(&task) {
            Some(held) if Arc::ptr_eq(&held.signals, &busy.signals) => {
                held.wanted = true;
                true
            }
            _ => false,
        };
        !is_there || timeout_at(until, released).await.is_ok()
    }

    /// Notes that the task is wanted when its lock is free; `false` if it is.
    pub(super) fn mark_wanted(&self, task: TaskId) -> bool {
        match self.tasks.lock().get_mut(&task) {
            Some(held) => {
                held.wanted = true;
                true
            }
            None => false,
        }
    }

    /// Whether a task whose lock is held is wanted.
    pub(super) fn is_wanted(&self, task: TaskId) -> bool {
        self.tasks.lock().get(&task).is_some_and(|held| held.wanted)
    }

    /// The tasks that are in a run.
    pub(super) fn running(&self) -> Vec<TaskId> {
        let tasks = self.tasks.lock();
        let running = tasks.iter().filter(|(_, held)| held.claim.is_some());
        running.map(|(task, _)| *task).collect()
    }

    /// Stops the task's run, if there is one.
    pub(super) fn stop(&self, task: TaskId) {
        if let Some(held) = self.tasks.lock().get(&task)
            && held.claim.is_some()
        {
            held.signals.stop.notify_one();
        }
    }

    /// Stops the runs for whose claims `is_stale` is true: what they would write would be refused. A run that
    /// began under a newer claim goes on: another run of its task beside its last call would record that
    /// call a second time.
    pub(super) fn stop_all(&self, is_stale: impl Fn(Claim) -> bool) {
        for held in self.tasks.lock().values() {
            if held.claim.is_some_and(&is_stale) {
                held.signals.stop.notify_one();
            }
        }
    }

    fn end(&self, task: TaskId, signals: &Arc<Signals>) -> bool {
        let mut tasks = self.tasks.lock();
        let wanted = match tasks.get(&task) {
            Some(held) if Arc::ptr_eq(&held.signals, signals) => held.wanted,
            _ => return false,
        };
        tasks.remove(&task);
        drop(tasks);
        signals.released.notify_waiters();
        wanted
    }
}

impl TaskLock {
    /// Resolves when the run is to be given up.
    pub(super) async fn stopped(&self) {
        self.signals.stop.notified().await;
    }

    /// Releases the lock; whether the task was wanted meanwhile, and the queue is to have it again.
    pub(super) fn release(self) -> bool {
        self.locks.end(self.task, &self.signals)
    }
}

impl Drop for TaskLock {
    fn drop(&mut self) {
        self.locks.end(self.task, &self.signals);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::partition::Partition;
    use crate::store::Ownership;

    /// A claim to a task's partition.
    fn claim(task: TaskId, epoch: u64) -> Claim {
        let partition = Partition::of(task);
        Claim { partition, epoch }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test]
    async fn one_has_a_task_and_the_next_gets_it_when_it_is_free() {
        let (locks, task) = (Arc::<TaskLocks>::default(), TaskId::new());
        let run = locks.lock_for_run(task, claim(task, 1)).ok().unwrap();
        assert!(locks.lock_for_action(task).is_err_and(|busy| busy.by_run));
        assert!(locks.lock_for_action(TaskId::new()).is_ok());
        let waiting = tokio::spawn({
            let locks = locks.clone();
            async move { locks.lock_when_free(task, soon()).await.is_some() }
        });
        while !locks.is_wanted(task) {
            tokio::task::yield_now().await;
        }
        assert!(run.release(), "the run's end tells that the task is wanted");
        assert!(waiting.await.unwrap());
        assert!(locks.tasks.lock().is_empty(), "what is dropped is free");
    }

    #[tokio::test]
    async fn patience_has_an_end() {
        let (locks, task) = (Arc::<TaskLocks>::default(), TaskId::new());
        let run = locks.lock_for_run(task, claim(task, 1)).ok().unwrap();
        let until = Instant::now() + Duration::from_millis(20);
        assert!(locks.lock_when_free(task, until).await.is_none());
        assert!(Instant::now() >= until);
        drop(run);
        assert!(locks.lock_when_free(task, until).await.is_some());
    }

    #[tokio::test]
    async fn a_run_is_stopped_and_an_action_is_not() {
        let (locks, task) = (Arc::<TaskLocks>::default(), TaskId::new());
        let run = locks.lock_for_run(task, claim(task, 1)).ok().unwrap();
        locks.stop(task);
        run.stopped().await;
        drop(run);
        let action = locks.lock_for_action(task).ok().unwrap();
        assert!(locks.mark_wanted(task));
        locks.stop(task);
        assert!(futures_util::poll!(pin!(action.stopped())).is_pending());
        assert!(action.release());
        assert!(!locks.mark_wanted(task), "it is free");
    }

    #[tokio::test]
    async fn of_runs_only_those_are_stopped_whose_claims_are_stale() {
        for (epoch, owned, is_stopped) in [
            (1, true, true),
            (1, false, true),
            (2, true, false),
            (2, false, true),
            // The ownership that this update carries is older than the run.
            (3, true, false),
            (3, false, false),
        ] {
            let (locks, task) = (Arc::<TaskLocks>::default(), TaskId::new());
            let run = locks.lock_for_run(task, claim(task, epoch)).ok().unwrap();
            let now = Ownership::all(2).only(|_| owned);
            locks.stop_all(|claim| now.is_stale(claim));
            let stopped = futures_util::poll!(pin!(run.stopped())).is_ready();
            assert_eq!(stopped, is_stopped, "{epoch} {owned}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_release_is_missed() {
        let locks = Arc::<TaskLocks>::default();
        let task = TaskId::new();
        let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let all: Vec<_> = (0..8)
            .map(|_| {
                let (locks, inside) = (locks.clone(), inside.clone());
                tokio::spawn(async move {
                    for _ in 0..200 {
                        let lock = locks.lock_when_free(task, soon()).await.unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        lock.release();
                    }
                })
            })
            .collect();
        for one in all {
            one.await.unwrap();
        }
    }
}
