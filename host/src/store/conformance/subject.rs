//! A store under test, and what happens to it between two steps of a check.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::partition::Partition;
use crate::store::Store;

/// What happens to the store between two steps of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    Nothing,
    /// Whatever it keeps apart for speed goes to its long-term place.
    Settle,
    /// It is closed and opened again.
    Reopen,
}

/// An implementation under test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A new, empty store.
    async fn fresh(&self) -> Arc<dyn Store>;
    /// The same store after the disturbance.
    async fn disturb(&self, store: Arc<dyn Store>, by: Disturbance) -> Arc<dyn Store>;
    /// Another node takes a partition of the current store over, and gives it back. When this
    /// returns, every claim to it that was given out before is stale.
    async fn take_over(&self, partition: Partition);
}

/// A store that is disturbed before every use.
pub struct Shaken<'a> {
    pub(super) subject: &'a dyn Subject,
    pub(super) by: Disturbance,
    pub(super) store: Arc<dyn Store>,
}

impl Shaken<'_> {
    pub(super) async fn get(&mut self) -> &dyn Store {
        self.store = self.subject.disturb(self.store.clone(), self.by).await;
        &*self.store
    }

    pub(super) async fn take_over(&self, partition: Partition) {
        self.subject.take_over(partition).await;
    }
}

/// A task's journal; empty if the task is not there.
pub async fn journal_of(store: &dyn Store, workspace: &WorkspaceName, task: TaskId) -> Vec<Entry> {
    let history = store.history(workspace, task).await.unwrap();
    history.map_or_else(Vec::new, |history| history.journal)
}
