//! Partitions that come and go: tasks of a lost one are let go of, those of a gained one are taken up.
//!
//! What is under way for a lost partition needs no answer from here: the store refuses its writes. A run
//! is stopped so that it makes no more calls.

use std::sync::Arc;

use super::dispatcher::Dispatcher;
use super::held::Held;
use super::locks::TaskLocks;
use super::tasks::Tasks;
use crate::catalog::Catalog;
use crate::domain::ids::TaskId;
use crate::domain::partition::Partition;
use crate::store::Ownership;

/// Which partitions another owner has had, or has, since a moment.
struct Change {
    lost: [bool; Partition::COUNT],
    gained: bool,
}

impl Change {
    fn between(before: &Ownership, now: &Ownership) -> Self {
        let mut change = Self {
            lost: [false; Partition::COUNT],
            gained: false,
        };
        for partition in Partition::all() {
            let (before, now) = (before.claim(partition), now.claim(partition));
            if before != now {
                change.lost[partition.index()] = before.is_some();
                change.gained |= now.is_some();
            }
        }
        change
    }

    fn is_lost(&self, task: TaskId) -> bool {
        self.lost[Partition::of(task).index()]
    }
}

/// What has to know of gained and lost partitions.
pub(super) struct Follower {
    pub(super) tasks: Tasks,
    pub(super) catalog: Arc<Catalog>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) held: Arc<Held>,
    pub(super) locks: Arc<TaskLocks>,
}

impl Follower {
    /// Follows what the node owns. Runs until the store is dropped.
    pub(super) async fn run(self) {
        let mut ownership = self.tasks.ownership();
        let mut before = ownership.borrow_and_update().clone();
        while ownership.changed().await.is_ok() {
            let now = ownership.borrow_and_update().clone();
            self.changed(&Change::between(&before, &now), &now);
            before = now;
        }
    }

    fn changed(&self, change: &Change, now: &Ownership) {
        self.dispatcher
            .queue
            .drop_tasks(|task| change.is_lost(task));
        self.held.drop_tasks(|task| change.is_lost(task));
        self.locks.stop_all(|claim| now.is_stale(claim));
        if change.gained {
            let workspaces = self.catalog.workspaces();
            self.dispatcher.queue.look_again(workspaces);
            self.dispatcher.timer_set.notify_one();
            self.catalog.agenda_changed().notify_one();
        }
        self.dispatcher.run_more();
    }
}
