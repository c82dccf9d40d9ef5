//! [`SledStore`] as a [`Store`].

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use super::SledStore;
use super::change::{self, Change, Kind};
use super::message::Part;
use super::setup::Setup;
use super::{
    audit, bodies, counts, dedup, deliveries, lists, purge, queries, registry, shapes, tasks,
    timeline,
};
use crate::domain::audit::{AuditEntry, AuditPage, AuditQuery};
use crate::domain::blocking::spawn_blocking;
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::delivery::{Delivery, DeliveryQuery};
use crate::domain::effect::Effect;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::partition::Partition;
use crate::domain::task::{StoredTask, TaskHead};
use crate::store::{
    Blobs, Claim, Commit, Counts, Due, Health, History, Manage, NewTask, Ownership, Purged,
    Registry, Store, StoreError, TaskPage, TaskQuery, Terms, Timeline, Transaction,
};

impl SledStore {
    /// A task's acceptance, to be made durable. Its delivery's key is looked for first.
    fn accepted(&self, claim: Claim, task: NewTask) -> Result<Part, StoreError> {
        let lookup = match task.dedup {
            Some(dedup) => Some(self.look_for(&task.head.workspace, task.head.id, dedup)?),
            None => None,
        };
        Part::new(claim, change::accepted(task)?, None, lookup)
    }
}

#[async_trait]
impl Store for SledStore {
    fn ownership(&self) -> watch::Receiver<Arc<Ownership>> {
        self.shared.partitions.watch()
    }

    async fn room(&self, workspace: &WorkspaceName) -> Result<(), StoreError> {
        self.shared.room(workspace).await
    }

    async fn accept(&self, claim: Claim, task: NewTask) -> Result<(), StoreError> {
        self.shared.room(&task.head.workspace).await?;
        let part = self.accepted(claim, task)?;
        self.submit_all(part, Vec::new()).await
    }

    async fn commit(&self, claim: Claim, commit: Commit) -> Result<(), StoreError> {
        let expected = commit.head.version.saturating_sub(1);
        self.submit(claim, change::moved(Kind::Commit, commit)?, Some(expected))
            .await
    }

    async fn transact(&self, claims: &[Claim], changes: Transaction) -> Result<(), StoreError> {
        let claim = |task| {
            let partition = Partition::of(task);
            let claim = claims.iter().find(|claim| claim.partition == partition);
            claim.copied().ok_or(StoreError::Fenced { partition })
        };
        let (mut parts, mut keys) = (Vec::new(), changes.dedup);
        for (kind, commit) in changes
            .commits
            .into_iter()
            .map(|commit| (Kind::Commit, commit))
            .chain(changes.notes.into_iter().map(|head| {
                let (data, entries) = (None, Vec::new());
                (
                    Kind::Note,
                    Commit {
                        head,
                        data,
                        entries,
                    },
                )
            }))
        {
            let expected = commit.head.version.saturating_sub(1);
            let claim = claim(commit.head.id)?;
            let (workspace, id) = (commit.head.workspace.clone(), commit.head.id);
            let mut change = change::moved(kind, commit)?;
            let dedup = keys.extract_if(.., |(task, _)| *task == id).next();
            let lookup = match dedup {
                Some((_, dedup)) => Some(self.look_for(&workspace, id, dedup)?),
                None => None,
            };
            change.taken = dedup.map(|(_, dedup)| dedup.into());
            parts.push(Part::new(claim, change, Some(expected), lookup)?);
        }
        if let Some((task, _)) = keys.first() {
            return Err(StoreError::NotFound(format!("task {task}")));
        }
        for task in changes.accepts {
            let claim = claim(task.head.id)?;
            parts.push(self.accepted(claim, task)?);
        }
        if parts.is_empty() {
            return Ok(());
        }
        let first = parts.remove(0);
        self.submit_all(first, parts).await
    }

    async fn record_effect(
        &self,
        claim: Claim,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        let mut entries = Vec::new();
        shapes::journal::push_entry(&mut entries, &Entry::Effect(effect))?;
        let change = Change {
            kind: Kind::Effect,
            workspace: workspace.clone(),
            id: task,
            index: 0,
            head: None,
            data: None,
            entries,
            count: 1,
            taken: None,
        };
        self.submit(claim, change, None).await
    }

    async fn delivered(
        &self,
        workspace: &WorkspaceName,
        key: DedupKey,
        at: Millis,
    ) -> Result<Option<TaskId>, StoreError> {
        let _steady = self.shared.steady.read();
        dedup::find::delivered(&self.shared, workspace, key, at)
    }

    async fn load(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        let _steady = self.shared.steady.read();
        tasks::load(&self.shared, workspace, task)
    }

    async fn history(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<History>, StoreError> {
        let workspace = workspace.clone();
        self.blocking(move |shared| tasks::history(shared, &workspace, task))
            .await
    }

    async fn timeline(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        before: Option<u64>,
    ) -> Result<Option<Timeline>, StoreError> {
        // New tasks are read most often, and in less time than another thread takes to begin.
        if timeline::is_short(&self.shared, workspace, task) {
            let _steady = self.shared.steady.read();
            return timeline::timeline(&self.shared, workspace, task, before);
        }
        let workspace = workspace.clone();
        self.blocking(move |shared| timeline::timeline(shared, &workspace, task, before))
            .await
    }

    async fn ready(
        &self,
        owned: &Ownership,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        let _steady = self.shared.steady.read();
        queries::ready(&self.shared, owned, workspace, after, limit)
    }

    async fn due(
        &self,
        owned: &Ownership,
        after: Option<&Due>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        let _steady = self.shared.steady.read();
        queries::due(&self.shared, owned, after, (until, limit))
    }

    async fn list(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
    ) -> Result<Vec<TaskHead>, StoreError> {
        let (workspace, query) = (workspace.clone(), query.clone());
        self.blocking(move |shared| lists::list(shared, &workspace, &query))
            .await
    }

    async fn find(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
        terms: &Terms,
    ) -> Result<TaskPage, StoreError> {
        let (workspace, query, terms) = (workspace.clone(), query.clone(), terms.clone());
        self.blocking(move |shared| lists::find(shared, &workspace, &query, &terms))
            .await
    }

    async fn counts(&self, workspace: &WorkspaceName) -> Result<Counts, StoreError> {
        let workspace = workspace.clone();
        self.blocking(move |shared| counts::counts(shared, &workspace))
            .await
    }

    async fn manage(
        &self,
        change: Manage,
        audit: Option<AuditEntry>,
        expected: u64,
    ) -> Result<u64, StoreError> {
        self.blocking(move |shared| registry::manage(shared, &change, audit.as_ref(), expected))
            .await
    }

    async fn record_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.blocking(move |shared| audit::record(shared, &entries))
            .await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let query = query.clone();
        self.blocking(move |shared| audit::page(shared, &query))
            .await
    }

    async fn registry_since(&self, revision: u64) -> Result<Registry, StoreError> {
        let is_same = |setup: &Setup| revision != 0 && setup.is_at(revision);
        // Asked often, and nearly always so.
        if self.shared.setup.try_lock().as_deref().is_some_and(is_same) {
            self.shared.check_disk()?;
            return Ok(Registry {
                revision,
                ..Registry::default()
            });
        }
        self.blocking(move |shared| registry::since(shared, revision))
            .await
    }

    async fn component(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        let digest = digest.to_owned();
        self.blocking(move |shared| registry::component(shared, &digest))
            .await
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
        let workspace = workspace.clone();
        self.blocking(move |shared| bodies::put(shared, &workspace, task, &body))
            .await
    }

    async fn body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: [u8; 32],
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        let workspace = workspace.clone();
        self.blocking(move |shared| bodies::get(shared, &workspace, task, &digest))
            .await
    }

    async fn record_deliveries(
        &self,
        workspace: &WorkspaceName,
        known: u64,
        recorded: Vec<Delivery>,
    ) -> Result<(), StoreError> {
        let workspace = workspace.clone();
        self.blocking(move |shared| deliveries::append(shared, &workspace, known, &recorded))
            .await
    }

    async fn recorded_deliveries(
        &self,
        workspace: &WorkspaceName,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (workspace, query) = (workspace.clone(), query.clone());
        self.blocking(move |shared| deliveries::find(shared, &workspace, &query))
            .await
    }

    async fn purge(&self, now: Millis) -> Result<Purged, StoreError> {
        // Not steady: who opens the tree again waits for that, and has what a purge waits for.
        let (shared, purge) = (self.shared.clone(), self.purge.clone());
        let done = spawn_blocking(move || purge::purge(&shared, &purge, now));
        done.await
            .unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.space.watch()
    }

    fn seed(&self) -> [u8; 32] {
        self.seed
    }

    async fn close(&self) {
        // Joining threads blocks; elsewhere than on a thread that serves requests.
        self.signal();
        let threads = std::mem::take(&mut *self.threads.lock());
        let _ = spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
        self.stop();
    }
}
