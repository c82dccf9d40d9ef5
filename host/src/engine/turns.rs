//! Whose turn it is with a task: a run's, or a person's who acts on it. A run that was begun is not
//! changed under its hands, and what is acted on does not begin to run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::domain::ids::TaskId;

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Turns {
    tasks: Mutex<HashMap<TaskId, Taken>>,
}

/// A task that somebody has.
struct Taken {
    signals: Arc<Signals>,
    /// Whether it runs.
    runs: bool,
    /// Whether somebody else wants it.
    wanted: bool,
}

#[derive(Default)]
struct Signals {
    /// The run is to be given up.
    stop: Notify,
    /// The turn is over.
    over: Notify,
}

/// A turn with a task. It ends when it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    task: TaskId,
    signals: Arc<Signals>,
}

/// Somebody else has the task.
pub(super) struct Busy {
    signals: Arc<Signals>,
    /// Whether it runs.
    pub(super) runs: bool,
}

impl Turns {
    /// Takes a task for a run.
    pub(super) fn begin(self: &Arc<Self>, task: TaskId) -> Result<Turn, Busy> {
        self.take(task, true)
    }

    /// Takes a task for an action, so that it does not run.
    pub(super) fn hold(self: &Arc<Self>, task: TaskId) -> Result<Turn, Busy> {
        self.take(task, false)
    }

    fn take(self: &Arc<Self>, task: TaskId, runs: bool) -> Result<Turn, Busy> {
        match self.tasks.lock().entry(task) {
            Entry::Occupied(taken) => Err(Busy {
                signals: taken.get().signals.clone(),
                runs: taken.get().runs,
            }),
            Entry::Vacant(free) => {
                let signals = Arc::<Signals>::default();
                free.insert(Taken {
                    signals: signals.clone(),
                    runs,
                    wanted: false,
                });
                Ok(Turn {
                    turns: self.clone(),
                    task,
                    signals,
                })
            }
        }
    }

    /// Holds a task as soon as whoever has it is done with it; `None` if that is not before `until`.
    /// A run gives it back when it ends, though the task may have further steps.
    pub(super) async fn hold_until(self: &Arc<Self>, task: TaskId, until: Instant) -> Option<Turn> {
        loop {
            let busy = match self.hold(task) {
                Ok(turn) => return Some(turn),
                Err(busy) => busy,
            };
            if !self.over(task, &busy, until).await {
                return None;
            }
        }
    }

    /// Waits for the end of another's turn; `false` if it is not before `until`.
    pub(super) async fn over(&self, task: TaskId, busy: &Busy, until: Instant) -> bool {
        let mut over = pin!(busy.signals.over.notified());
        over.as_mut().enable();
        let is_there = match self.tasks.lock().get_mut(&task) {
            Some(taken) if Arc::ptr_eq(&taken.signals, &busy.signals) => {
                taken.wanted = true;
                true
            }
            _ => false,
        };
        !is_there || timeout_at(until, over).await.is_ok()
    }

    /// Notes that somebody wants the task when it is free; `false` if it is.
    pub(super) fn want(&self, task: TaskId) -> bool {
        match self.tasks.lock().get_mut(&task) {
            Some(taken) => {
                taken.wanted = true;
                true
            }
            None => false,
        }
    }

    /// Whether somebody wants a task that another has.
    pub(super) fn is_wanted(&self, task: TaskId) -> bool {
        self.tasks
            .lock()
            .get(&task)
            .is_some_and(|taken| taken.wanted)
    }

    /// Has the task's run given up, if there is one.
    pub(super) fn stop(&self, task: TaskId) {
        if let Some(taken) = self.tasks.lock().get(&task)
            && taken.runs
        {
            taken.signals.stop.notify_one();
        }
    }

    /// Has the runs of these tasks given up.
    pub(super) fn stop_all(&self, is_one: impl Fn(TaskId) -> bool) {
        for (task, taken) in self.tasks.lock().iter() {
            if taken.runs && is_one(*task) {
                taken.signals.stop.notify_one();
            }
        }
    }

    fn end(&self, task: TaskId, signals: &Arc<Signals>) -> bool {
        let mut tasks = self.tasks.lock();
        let wanted = match tasks.get(&task) {
            Some(taken) if Arc::ptr_eq(&taken.signals, signals) => taken.wanted,
            _ => return false,
        };
        tasks.remove(&task);
        drop(tasks);
        signals.over.notify_waiters();
        wanted
    }
}

impl Turn {
    /// Resolves when the run is to be given up.
    pub(super) async fn stopped(&self) {
        self.signals.stop.notified().await;
    }

    /// Ends the turn; whether somebody wanted the task meanwhile, and the queue is to have it again.
    pub(super) fn end(self) -> bool {
        self.turns.end(self.task, &self.signals)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.end(self.task, &self.signals);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test]
    async fn one_has_a_task_and_the_next_gets_it_when_it_is_free() {
        let (turns, task) = (Arc::<Turns>::default(), TaskId::new());
        let run = turns.begin(task).ok().unwrap();
        assert!(turns.hold(task).is_err_and(|busy| busy.runs));
        assert!(turns.begin(TaskId::new()).is_ok());
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.hold_until(task, soon()).await.is_some() }
        });
        while !turns.is_wanted(task) {
            tokio::task::yield_now().await;
        }
        assert!(run.end(), "the run's end tells that somebody waits");
        assert!(waiting.await.unwrap());
        assert!(turns.tasks.lock().is_empty(), "what is dropped is free");
    }

    #[tokio::test]
    async fn patience_has_an_end() {
        let (turns, task) = (Arc::<Turns>::default(), TaskId::new());
        let run = turns.begin(task).ok().unwrap();
        let until = Instant::now() + Duration::from_millis(20);
        assert!(turns.hold_until(task, until).await.is_none());
        assert!(Instant::now() >= until);
        drop(run);
        assert!(turns.hold_until(task, until).await.is_some());
    }

    #[tokio::test]
    async fn a_run_is_stopped_and_an_action_is_not() {
        let (turns, task) = (Arc::<Turns>::default(), TaskId::new());
        let run = turns.begin(task).ok().unwrap();
        turns.stop(task);
        run.stopped().await;
        drop(run);
        let action = turns.hold(task).ok().unwrap();
        assert!(turns.want(task));
        turns.stop(task);
        assert!(futures_util::poll!(pin!(action.stopped())).is_pending());
        assert!(action.end());
        assert!(!turns.want(task), "it is free");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_end_is_missed_whoever_is_first() {
        let turns = Arc::<Turns>::default();
        let task = TaskId::new();
        let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let all: Vec<_> = (0..8)
            .map(|_| {
                let (turns, inside) = (turns.clone(), inside.clone());
                tokio::spawn(async move {
                    for _ in 0..200 {
                        let turn = turns.hold_until(task, soon()).await.unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        turn.end();
                    }
                })
            })
            .collect();
        for one in all {
            one.await.unwrap();
        }
    }
}
