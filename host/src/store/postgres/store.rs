//! [`PostgresStore`] as a [`Store`].

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use super::part::Part;
use super::{
    PostgresStore, audit, bodies, components, deliveries, lists, purge, queries, registry,
    registry_read, tasks,
};
use crate::domain::audit::{AuditEntry, AuditPage, AuditQuery};
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::delivery::{Delivery, DeliveryQuery};
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::partition::Partition;
use crate::domain::task::{StoredTask, TaskHead};
use crate::store::{
    Blobs, Claim, Cluster, Commit, Counts, Due, Health, History, Manage, NewTask, Ownership,
    Purged, Registry, Store, StoreError, TaskPage, TaskQuery, Terms, Transaction,
};

#[async_trait]
impl Store for PostgresStore {
    fn ownership(&self) -> watch::Receiver<Arc<Ownership>> {
        self.shared.partitions.watch()
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self)
    }

    async fn accept(&self, claim: Claim, task: NewTask) -> Result<(), StoreError> {
        self.write(vec![Part::accept(claim, task)?]).await
    }

    async fn commit(&self, claim: Claim, commit: Commit) -> Result<(), StoreError> {
        self.write(vec![Part::commit(claim, commit)?]).await
    }

    async fn transact(&self, claims: &[Claim], changes: Transaction) -> Result<(), StoreError> {
        let claim = |task| {
            let partition = Partition::of(task);
            let claim = claims.iter().find(|claim| claim.partition == partition);
            claim.copied().ok_or(StoreError::Fenced { partition })
        };
        let mut parts = Vec::new();
        for commit in changes.commits {
            parts.push(Part::commit(claim(commit.head.id)?, commit)?);
        }
        for head in changes.notes {
            parts.push(Part::note(claim(head.id)?, head)?);
        }
        for (task, dedup) in changes.dedup {
            let part = parts.iter_mut().find(|part| part.id == task);
            let part = part.ok_or_else(|| StoreError::NotFound(format!("task {task}")))?;
            part.dedup = Some(dedup);
        }
        for (task, request) in changes.answers {
            let part = parts.iter_mut().find(|part| part.id == task);
            let part = part.ok_or_else(|| StoreError::NotFound(format!("task {task}")))?;
            part.answers = Some(request);
        }
        for task in changes.accepts {
            parts.push(Part::accept(claim(task.head.id)?, task)?);
        }
        self.write(parts).await
    }

    async fn record_effect(
        &self,
        claim: Claim,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        self.write(vec![Part::effect(claim, workspace, task, effect)?])
            .await
    }

    async fn delivered(
        &self,
        workspace: &WorkspaceName,
        key: DedupKey,
        at: Millis,
    ) -> Result<Option<TaskId>, StoreError> {
        tasks::delivered(&self.shared, workspace, key, at).await
    }

    async fn load(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        tasks::load(&self.shared, workspace, task).await
    }

    async fn load_many(
        &self,
        workspace: &WorkspaceName,
        ids: &[TaskId],
        most: usize,
    ) -> Result<(Vec<(TaskHead, Arc<str>)>, usize), StoreError> {
        tasks::load_many(&self.shared, workspace, ids, most).await
    }

    async fn history(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<History>, StoreError> {
        tasks::history(&self.shared, workspace, task).await
    }

    async fn ready(
        &self,
        owned: &Ownership,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        queries::ready(&self.shared, owned, workspace, after, limit).await
    }

    async fn due(
        &self,
        owned: &Ownership,
        after: Option<&Due>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        queries::due(&self.shared, owned, after, (until, limit)).await
    }

    async fn list(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
    ) -> Result<Vec<TaskHead>, StoreError> {
        lists::list(&self.shared, workspace, query).await
    }

    async fn find(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
        terms: &Terms,
    ) -> Result<TaskPage, StoreError> {
        lists::find(&self.shared, workspace, query, terms).await
    }

    async fn counts(&self, workspace: &WorkspaceName) -> Result<Counts, StoreError> {
        queries::counts(&self.shared, workspace).await
    }

    async fn manage(
        &self,
        change: Manage,
        audit: Option<AuditEntry>,
        expected: u64,
    ) -> Result<u64, StoreError> {
        registry::manage(&self.shared, &change, audit.as_ref(), expected).await
    }

    async fn record_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        audit::record(&self.shared, &entries).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        audit::page(&self.shared, query).await
    }

    async fn registry_since(&self, revision: u64) -> Result<Registry, StoreError> {
        let registry = registry_read::since(&self.shared, revision).await?;
        registry_read::complete(registry, revision)
    }

    async fn component(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        components::read(&self.shared, digest).await
    }

    fn blobs(&self) -> &Arc<Blobs> {
        &self.shared.blobs
    }

    async fn put_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        body: Bytes,
    ) -> Result<[u8; 32], StoreError> {
        bodies::put(&self.shared, workspace, task, &body).await
    }

    async fn body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: [u8; 32],
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        bodies::get(&self.shared, workspace, task, digest).await
    }

    async fn record_deliveries(
        &self,
        workspace: &WorkspaceName,
        known: u64,
        recorded: Vec<Delivery>,
    ) -> Result<(), StoreError> {
        deliveries::record(&self.shared, (workspace, known), &recorded).await
    }

    async fn recorded_deliveries(
        &self,
        workspace: &WorkspaceName,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, StoreError> {
        deliveries::find(&self.shared, workspace, query).await
    }

    async fn purge(&self, now: Millis) -> Result<Purged, StoreError> {
        purge::purge(&self.shared, now).await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    fn seed(&self) -> [u8; 32] {
        self.seed
    }

    async fn close(&self) {
        self.stop().await;
    }
}
