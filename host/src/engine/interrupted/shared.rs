//! The list of a node that shares its store. Who takes the tasks of a node over that is gone learns from the store which runs
//! its end interrupted, before it begins anything of them. So a task that takes down one node after the other is set
//! aside, although none went down twice.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Interrupted, MAX_INTERRUPTIONS};
use crate::domain::ids::TaskId;
use crate::store::{Cluster, Ownership, Store, StoreError};

impl Interrupted {
    /// Takes in what the store knows of tasks in the partitions that are owned.
    pub(in super::super) async fn learn(&self, cluster: &dyn Cluster, owned: &Ownership) {
        let found = match cluster.interrupted().await {
            Ok(found) => found,
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "it is not known which runs the end of a server interrupted; they begin again");
                return;
            }
        };
        // Another node counts its own tasks.
        let mut state = self.state.lock();
        state.times.retain(|task, _| owned.owns(*task));
        drop(state);
        self.take_in(found.into_iter().filter(|(task, _)| owned.owns(*task)));
    }

    /// Takes in how often tasks were interrupted.
    pub(super) fn take_in(&self, found: impl Iterator<Item = (TaskId, u32)>) {
        let mut state = self.state.lock();
        let mut new = 0;
        for (task, times) in found {
            // A run that has ended since is removed from the list soon.
            if !state.rested.contains(&task) && state.times.insert(task, times) != Some(times) {
                new += 1;
            }
        }
        if new == 0 {
            return;
        }
        let most = state
            .times
            .values()
            .filter(|times| **times >= MAX_INTERRUPTIONS)
            .count();
        *self.opened.lock() = Instant::now();
        self.any.store(true, Ordering::Relaxed);
        drop(state);
        tracing::warn!(
            tasks = new,
            set_aside = most,
            "a server had ended without a shutdown; runs that were under way there begin again, few at a time"
        );
    }

    /// Notes in the store those of the runs that the last look saw, too. `false` if the list is closed.
    pub(super) async fn look_shared(&self, cluster: &dyn Cluster, running: Vec<TaskId>) -> bool {
        let Some(mut lasting) = self.lasting(running) else {
            return false;
        };
        lasting.sort_unstable();
        // What cannot be written is tried again at the next look.
        let is_new = self.state.lock().noted != lasting;
        if is_new && cluster.note_lasting(&lasting).await.is_ok() {
            self.state.lock().noted = lasting;
        }
        self.forget(cluster).await;
        true
    }

    /// Nothing is interrupted any more: the server is going down.
    pub(in super::super) async fn end(&self, store: &dyn Store) {
        self.close();
        if let Some(cluster) = store.cluster() {
            self.forget(cluster).await;
        }
    }

    /// Has the store forget that tasks were interrupted which have come to rest.
    async fn forget(&self, cluster: &dyn Cluster) {
        let rested = self.state.lock().rested.clone();
        if !rested.is_empty() && cluster.forget_interrupted(&rested).await.is_ok() {
            let mut state = self.state.lock();
            state.rested.retain(|task| !rested.contains(task));
        }
    }
}
