//! Waits for the result of a task. A notification says no more than that it is time to look at the task again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::domain::ids::TaskId;
use crate::domain::task::TaskHead;

/// The watches of all tasks.
#[derive(Debug, Default)]
pub struct Watchers {
    /// How many watches there are: without one nothing is locked.
    watches: AtomicUsize,
    tasks: Mutex<FxHashMap<TaskId, Watched>>,
    is_closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Watched {
    changed: Arc<Notify>,
    watches: usize,
}

/// A watch of one task, until it is dropped.
#[derive(Debug)]
pub struct Watch {
    watchers: Arc<Watchers>,
    task: TaskId,
    changed: Arc<Notify>,
}

impl Watchers {
    /// Watches a task from now on.
    pub fn watch(self: &Arc<Self>, task: TaskId) -> Watch {
        let mut tasks = self.tasks.lock();
        let watched = tasks.entry(task).or_default();
        watched.watches += 1;
        let changed = watched.changed.clone();
        drop(tasks);
        self.watches.fetch_add(1, Ordering::SeqCst);
        Watch {
            watchers: self.clone(),
            task,
            changed,
        }
    }

    /// Notifies those who watch the task, if its new head, which is durable, is of interest to them.
    pub(super) fn written(&self, task: Option<TaskId>) {
        if let Some(task) = task
            && self.watches.load(Ordering::SeqCst) > 0
            && let Some(watched) = self.tasks.lock().get(&task)
        {
            watched.changed.notify_waiters();
        }
    }

    /// Notifies all: tasks may be gone.
    pub(super) fn notify_all(&self) {
        for watched in self.tasks.lock().values() {
            watched.changed.notify_waiters();
        }
    }

    /// Ends all waits, and refuses new ones: the server goes down.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.notify_all();
    }
}

/// The task of a head that those who watch it are notified of: it has ended, or has its reply.
pub(super) fn news(head: &TaskHead) -> Option<TaskId> {
    let is_news = head.state().is_final() || head.reply.is_some();
    is_news.then_some(head.id)
}

impl Watch {
    /// Resolves when the task is to be looked at again. What is notified after this was enabled
    /// ([`Notified::enable`]) is not missed.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Whether the server goes down.
    pub fn is_closed(&self) -> bool {
        self.watchers.is_closed.load(Ordering::SeqCst)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.watches.fetch_sub(1, Ordering::SeqCst);
        let mut tasks = self.watchers.tasks.lock();
        if let Some(watched) = tasks.get_mut(&self.task) {
            watched.watches -= 1;
            if watched.watches == 0 {
                tasks.remove(&self.task);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_hears_of_its_task_and_leaves_nothing_behind() {
        let watchers = Arc::<Watchers>::default();
        let [one, other] = [TaskId::new(), TaskId::new()];
        let (first, second) = (watchers.watch(one), watchers.watch(one));
        let elsewhere = watchers.watch(other);
        let mut heard = Box::pin(first.changed());
        let mut also = Box::pin(second.changed());
        let mut not = Box::pin(elsewhere.changed());
        for notified in [&mut heard, &mut also, &mut not] {
            notified.as_mut().enable();
        }
        watchers.written(None);
        watchers.written(Some(TaskId::new()));
        assert!(futures_util::poll!(&mut heard).is_pending());
        watchers.written(Some(one));
        assert!(futures_util::poll!(&mut heard).is_ready());
        assert!(futures_util::poll!(&mut also).is_ready());
        assert!(futures_util::poll!(&mut not).is_pending());
        assert!(!elsewhere.is_closed());
        watchers.close();
        assert!(futures_util::poll!(&mut not).is_ready());
        assert!(elsewhere.is_closed());
        drop((heard, also, not));
        drop((first, second, elsewhere));
        assert!(watchers.tasks.lock().is_empty());
        assert_eq!(watchers.watches.load(Ordering::SeqCst), 0);
    }
}
