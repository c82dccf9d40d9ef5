//! The one file that writes tasks: every acceptance, commit, note and effect goes to the store here.
//!
//! A write stands on the claims that the node held before it read what it writes on. If the task's
//! partition was taken over since, another node may have moved the task, and the store refuses the
//! write ([`StoreError::Fenced`]).

use std::sync::Arc;

use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::{Claim, Commit, NewTask, Ownership, Store, StoreError, Transaction};

/// Writes tasks under the claims of one moment. To be made before a task is read that it is to write.
#[derive(Clone)]
pub(super) struct TaskWriter {
    store: Arc<dyn Store>,
    owned: Arc<Ownership>,
}

impl TaskWriter {
    /// Writes to `store` what `owned` has claims to.
    pub(super) fn new(store: Arc<dyn Store>, owned: Arc<Ownership>) -> Self {
        Self { store, owned }
    }

    /// The claim that a write of the task stands on.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the node did not own the task's partition.
    pub(super) fn claim(&self, task: TaskId) -> Result<Claim, StoreError> {
        self.owned.claim_of(task)
    }

    /// Whether the claim to a task's partition was lost since, by what the node owns now.
    pub(super) fn is_stale(&self, task: TaskId, now: &Ownership) -> bool {
        self.claim(task).map_or(true, |claim| now.is_stale(claim))
    }

    /// As [`Store::accept`].
    pub(super) async fn accept(&self, task: NewTask) -> Result<(), StoreError> {
        let claim = self.claim(task.head.id)?;
        self.store.accept(claim, task).await
    }

    /// As [`Store::commit`].
    pub(super) async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let claim = self.claim(commit.head.id)?;
        self.store.commit(claim, commit).await
    }

    /// As [`Store::transact`].
    pub(super) async fn transact(&self, changes: Transaction) -> Result<(), StoreError> {
        let mut claims = Vec::with_capacity(1);
        for task in changes.tasks() {
            let claim = self.claim(task)?;
            if !claims.contains(&claim) {
                claims.push(claim);
            }
        }
        self.store.transact(&claims, changes).await
    }

    /// As [`Store::record_effect`].
    pub(super) async fn record_effect(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        let claim = self.claim(task)?;
        self.store
            .record_effect(claim, workspace, task, effect)
            .await
    }
}
