//! Writes and looks under the claims that are current: for checks that are not about claims.

use async_trait::async_trait;

use crate::domain::clock::Millis;
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::store::{Commit, Manage, NewTask, Registry, Store, StoreError, Transaction};

/// [`Store`]'s methods that ask for claims, with those that the store gives out now.
#[async_trait]
pub trait Owned {
    /// [`Store::accept`].
    async fn accept_owned(&self, task: NewTask) -> Result<(), StoreError>;

    /// [`Store::commit`].
    async fn commit_owned(&self, commit: Commit) -> Result<(), StoreError>;

    /// [`Store::transact`].
    async fn transact_owned(&self, changes: Transaction) -> Result<(), StoreError>;

    /// [`Store::record_effect`].
    async fn record_effect_owned(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError>;

    /// [`Store::ready`].
    async fn ready_owned(
        &self,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError>;

    /// [`Store::due`].
    async fn due_owned(
        &self,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<(Millis, WorkspaceName, TaskId)>, StoreError>;

    /// [`Store::next_wake`].
    async fn next_wake_owned(&self) -> Result<Option<Millis>, StoreError>;

    /// [`Store::manage`] at the revision that there is.
    async fn manage_now(&self, change: Manage) -> Result<(), StoreError>;

    /// The setup.
    async fn registry(&self) -> Result<Registry, StoreError>;
}

#[async_trait]
impl<S: Store + ?Sized> Owned for S {
    async fn accept_owned(&self, task: NewTask) -> Result<(), StoreError> {
        let claim = self.ownership().borrow().claim_of(task.head.id)?;
        self.accept(claim, task).await
    }

    async fn commit_owned(&self, commit: Commit) -> Result<(), StoreError> {
        let claim = self.ownership().borrow().claim_of(commit.head.id)?;
        self.commit(claim, commit).await
    }

    async fn transact_owned(&self, changes: Transaction) -> Result<(), StoreError> {
        let owned = self.ownership().borrow().clone();
        let claims: Result<Vec<_>, _> = changes.tasks().map(|task| owned.claim_of(task)).collect();
        self.transact(&claims?, changes).await
    }

    async fn record_effect_owned(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        let claim = self.ownership().borrow().claim_of(task)?;
        self.record_effect(claim, workspace, task, effect).await
    }

    async fn ready_owned(
        &self,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        let owned = self.ownership().borrow().clone();
        self.ready(&owned, workspace, after, limit).await
    }

    async fn due_owned(
        &self,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<(Millis, WorkspaceName, TaskId)>, StoreError> {
        let owned = self.ownership().borrow().clone();
        self.due(&owned, None, until, limit).await
    }

    async fn next_wake_owned(&self) -> Result<Option<Millis>, StoreError> {
        let owned = self.ownership().borrow().clone();
        self.next_wake(&owned, None).await
    }

    async fn manage_now(&self, change: Manage) -> Result<(), StoreError> {
        let mut expected = 0;
        loop {
            match self.manage(change.clone(), None, expected).await {
                Err(StoreError::Revised { actual, .. }) => expected = actual,
                done => return done.map(|_| ()),
            }
        }
    }

    async fn registry(&self) -> Result<Registry, StoreError> {
        self.registry_since(0).await
    }
}
