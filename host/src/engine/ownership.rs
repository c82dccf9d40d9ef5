//! Partitions that come and go: tasks of a lost one are let go of, those of a gained one are taken up.
//!
//! What is under way for a lost partition needs no answer from here: the store refuses its writes. A run
//! is stopped so that it makes no more calls.

use std::sync::{Arc, Weak};

use tokio::sync::watch;

use super::Engine;
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

/// Follows what the node owns. Runs until the engine is dropped, or its store.
pub(super) async fn follow(engine: Weak<Engine>, mut ownership: watch::Receiver<Arc<Ownership>>) {
    let mut before = ownership.borrow_and_update().clone();
    while ownership.changed().await.is_ok() {
        let now = ownership.borrow_and_update().clone();
        let Some(engine) = engine.upgrade() else {
            return;
        };
        engine.ownership_changed(&Change::between(&before, &now));
        before = now;
    }
}

impl Engine {
    fn ownership_changed(self: &Arc<Self>, change: &Change) {
        self.queue.drop_tasks(|task| change.is_lost(task));
        self.held.drop_tasks(|task| change.is_lost(task));
        self.turns.stop_all(|task| change.is_lost(task));
        if change.gained {
            self.queue.look_again(self.catalog.workspaces());
            self.timer_set.notify_one();
            self.catalog.agenda_changed().notify_one();
        }
        self.run_more();
    }
}
