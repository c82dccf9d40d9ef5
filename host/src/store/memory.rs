//! The store as a plain map: what any implementation has to agree with. It loses everything
//! with the process and is there for tests alone.

mod audit;
mod model;
mod registry;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{
    Blobs, Claim, Commit, Counts, Due, History, Manage, NewTask, Ownership, Partitions, Purged,
    Registry, Store, StoreError, TaskPage, TaskQuery, Terms, Transaction,
};
use crate::domain::audit::{AuditEntry, AuditPage, AuditQuery};
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::delivery::{Delivery, DeliveryQuery};
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{StoredTask, TaskHead, TaskState};

pub use model::{Model, ModelTask};

/// A [`Store`] that keeps everything in memory only.
#[derive(Debug)]
pub struct MemoryStore {
    model: Mutex<Option<Model>>,
    partitions: Partitions,
    /// In the folder for temporary files.
    blobs: Arc<Blobs>,
    /// Locked for writing by a test, there is no room.
    pub full: tokio::sync::RwLock<()>,
}

impl MemoryStore {
    /// An empty store.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self::of(Model::default())
    }

    /// A store that holds `model`.
    pub fn of(model: Model) -> Self {
        Self {
            model: Mutex::new(Some(model)),
            partitions: Partitions::all(1),
            blobs: Blobs::new(std::env::temp_dir().join(format!("blobs-{}", TaskId::new()))),
            full: tokio::sync::RwLock::default(),
        }
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Model) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        act(self.model.lock().as_mut().ok_or(StoreError::Closed)?)
    }

    /// The owned partitions, to be changed by tests.
    pub fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    /// Writes tasks if the claims to them are not stale.
    fn write(
        &self,
        claims: &[Claim],
        tasks: impl Iterator<Item = TaskId>,
        act: impl FnOnce(&mut Model) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let owned = self.partitions.hold();
        for task in tasks {
            owned.check_any(claims, task)?;
        }
        self.with(act)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn ownership(&self) -> watch::Receiver<Arc<Ownership>> {
        self.partitions.watch()
    }

    async fn room(&self, _workspace: &WorkspaceName) -> Result<(), StoreError> {
        drop(self.full.read().await);
        Ok(())
    }

    async fn accept(&self, claim: Claim, task: NewTask) -> Result<(), StoreError> {
        self.room(&task.head.workspace).await?;
        let id = std::iter::once(task.head.id);
        self.write(&[claim], id, |model| model.accept(task))
    }

    async fn commit(&self, claim: Claim, commit: Commit) -> Result<(), StoreError> {
        let id = std::iter::once(commit.head.id);
        self.write(&[claim], id, |model| model.commit(commit))
    }

    async fn transact(&self, claims: &[Claim], changes: Transaction) -> Result<(), StoreError> {
        let ids: Vec<TaskId> = changes.tasks().collect();
        self.write(claims, ids.into_iter(), |model| model.transact(changes))
    }

    async fn record_effect(
        &self,
        claim: Claim,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        self.write(&[claim], std::iter::once(task), |model| {
            model.record_effect(workspace, task, effect)
        })
    }

    async fn delivered(
        &self,
        workspace: &WorkspaceName,
        key: DedupKey,
        at: Millis,
    ) -> Result<Option<TaskId>, StoreError> {
        self.with(|model| Ok(model.delivered(workspace, key, at)))
    }

    async fn load(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.with(|model| {
            let kept = model.tasks.get(&(workspace.clone(), task));
            Ok(kept.map(ModelTask::stored))
        })
    }

    async fn history(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<History>, StoreError> {
        self.with(|model| {
            let kept = model.tasks.get(&(workspace.clone(), task));
            Ok(kept.map(|kept| History {
                task: kept.stored(),
                journal: kept.journal.clone(),
            }))
        })
    }

    async fn ready(
        &self,
        owned: &Ownership,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        self.with(|model| {
            let tasks = model.of(workspace).map(|kept| &kept.head);
            Ok(tasks
                .filter(|head| head.state() == TaskState::Ready && head.id > after)
                .filter(|head| owned.owns(head.id))
                .map(|head| head.id)
                .take(limit)
                .collect())
        })
    }

    async fn due(
        &self,
        owned: &Ownership,
        after: Option<&Due>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        self.with(|model| {
            let heads = model.tasks.values().map(|kept| &kept.head);
            let mut due: Vec<_> = heads
                .filter(|head| owned.owns(head.id))
                .filter_map(|head| {
                    let due_at = head.due_at()?;
                    (due_at <= until).then(|| (due_at, head.workspace.clone(), head.id))
                })
                .collect();
            due.retain(|due| after.is_none_or(|after| due > after));
            due.sort();
            due.truncate(limit);
            Ok(due)
        })
    }

    async fn list(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
    ) -> Result<Vec<TaskHead>, StoreError> {
        self.with(|model| {
            let heads = model.of(workspace).rev().map(|kept| &kept.head);
            Ok(heads
                .filter(|head| query.has(head.state()))
                .filter(|head| query.before.is_none_or(|before| head.id < before))
                .filter(|head| query.since.is_none_or(|since| head.id >= since))
                .take(query.limit)
                .cloned()
                .collect())
        })
    }

    async fn find(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
        terms: &Terms,
    ) -> Result<TaskPage, StoreError> {
        let all = TaskQuery {
            limit: usize::MAX,
            ..query.clone()
        };
        let mut tasks = self.list(workspace, &all).await?;
        tasks.retain(|head| terms.fit(head));
        let more = tasks.len() > query.limit;
        tasks.truncate(query.limit);
        let next = tasks.last().filter(|_| more).map(|head| head.id);
        Ok(TaskPage { tasks, next })
    }

    async fn counts(&self, workspace: &WorkspaceName) -> Result<Counts, StoreError> {
        self.with(|model| {
            let states = TaskState::ALL.map(|state| {
                let heads = model.of(workspace).map(|kept| &kept.head);
                heads.filter(|head| head.state() == state).count() as u64
            });
            Ok(Counts {
                of: states,
                at_least: false,
            })
        })
    }

    async fn manage(
        &self,
        change: Manage,
        audit: Option<AuditEntry>,
        expected: u64,
    ) -> Result<u64, StoreError> {
        self.with(|model| {
            let actual = model.revision;
            if actual != expected {
                return Err(StoreError::Revised { expected, actual });
            }
            model.names.check(&change)?;
            model.manage(change)?;
            model.record_audit(audit.into_iter().collect())?;
            Ok(model.revision)
        })
    }

    async fn record_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.with(|model| model.record_audit(entries))
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.with(|model| Ok(model.audit(query)))
    }

    async fn registry_since(&self, revision: u64) -> Result<Registry, StoreError> {
        self.with(|model| Ok(registry::since(model, revision)))
    }

    async fn component(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.with(|model| Ok(model.components.get(digest).cloned()))
    }

    fn blobs(&self) -> &Arc<Blobs> {
        &self.blobs
    }

    async fn put_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        body: Bytes,
    ) -> Result<[u8; 32], StoreError> {
        self.with(|model| {
            model.check(workspace)?;
            let digest: [u8; 32] = Sha256::digest(&body).into();
            model
                .bodies
                .insert((workspace.clone(), task, digest), (*body).into());
            Ok(digest)
        })
    }

    async fn body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: [u8; 32],
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        let key = (workspace.clone(), task, digest);
        self.with(|model| Ok(model.bodies.get(&key).cloned()))
    }

    async fn record_deliveries(
        &self,
        workspace: &WorkspaceName,
        known: u64,
        deliveries: Vec<Delivery>,
    ) -> Result<(), StoreError> {
        self.with(|model| {
            model.check(workspace)?;
            if model
                .deleted
                .get(workspace)
                .is_some_and(|deleted| *deleted > known)
            {
                return Err(StoreError::Erasing(workspace.clone()));
            }
            let recorded = model.deliveries.entry(workspace.clone()).or_default();
            recorded.extend(deliveries);
            Ok(())
        })
    }

    async fn recorded_deliveries(
        &self,
        workspace: &WorkspaceName,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.with(|model| {
            let recorded = model.deliveries.get(workspace).into_iter().flatten();
            let mut wanted: Vec<_> = recorded
                .filter(|delivery| query.fits(delivery))
                .cloned()
                .collect();
            wanted.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
            Ok(wanted)
        })
    }

    async fn purge(&self, now: Millis) -> Result<Purged, StoreError> {
        self.with(|model| {
            Ok(Purged {
                tasks: model.purge(now),
                is_done: true,
            })
        })
    }

    fn seed(&self) -> [u8; 32] {
        [7; 32]
    }

    async fn close(&self) {
        *self.model.lock() = None;
    }
}

#[cfg(test)]
mod tests;
