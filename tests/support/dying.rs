//! A store that dies at a write of the test's choice, for the engine that works with it: the process around
//! the engine, as far as the engine can tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use stepwell::domain::audit::{AuditEntry, AuditPage, AuditQuery};
use stepwell::domain::clock::Millis;
use stepwell::domain::dedup::DedupKey;
use stepwell::domain::delivery::{Delivery, DeliveryQuery};
use stepwell::domain::effect::Effect;
use stepwell::domain::ids::{TaskId, WorkspaceName};
use stepwell::domain::task::{StoredTask, TaskHead};
use stepwell::store::{
    Blobs, Claim, Commit, Counts, Due, History, Manage, NewTask, Ownership, Purged, Registry,
    Store, StoreError, TaskPage, TaskQuery, Terms, Transaction,
};
use tokio::sync::watch;

/// When a store dies.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// At which write, from 0.
    pub write: i64,
    /// Whether that write is durable nevertheless, and only its answer lost.
    pub after: bool,
}

/// A store whose process is gone from one write on, for the engine that works with it.
pub struct Dying {
    inner: Arc<dyn Store>,
    /// The partitions that its process owns, if it is not the only one.
    owned: Option<watch::Receiver<Arc<Ownership>>>,
    left: AtomicI64,
    after: bool,
    dead: AtomicBool,
    /// Held by every read of the setup.
    pub setup: tokio::sync::RwLock<()>,
    /// Held by every write: a process that is gone has none under way.
    writing: Arc<tokio::sync::RwLock<()>>,
    /// Threads that the crash does not end.
    outside: tokio::runtime::Handle,
}

impl Dying {
    pub fn of(inner: Arc<dyn Store>, cut: Option<Cut>) -> Arc<Self> {
        Self::owning(inner, cut, None)
    }

    /// The store of a process that owns the partitions in `owned`.
    pub fn owning(
        inner: Arc<dyn Store>,
        cut: Option<Cut>,
        owned: Option<watch::Receiver<Arc<Ownership>>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            owned,
            left: AtomicI64::new(cut.map_or(i64::MAX, |cut| cut.write)),
            after: cut.is_some_and(|cut| cut.after),
            dead: AtomicBool::new(false),
            setup: tokio::sync::RwLock::default(),
            writing: Arc::default(),
            outside: tokio::runtime::Handle::current(),
        })
    }

    /// Waits for the writes that began before it died.
    pub async fn is_gone(&self) {
        self.dead.store(true, Ordering::SeqCst);
        drop(self.writing.write().await);
    }

    /// Writes that it was asked for.
    pub fn writes(&self) -> i64 {
        i64::MAX - self.left.load(Ordering::SeqCst)
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn alive(&self) -> Result<(), StoreError> {
        match self.dead.load(Ordering::SeqCst) {
            true => Err(StoreError::Closed),
            false => Ok(()),
        }
    }

    async fn write<W, T>(&self, write: impl FnOnce(Arc<dyn Store>) -> W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>> + Send + 'static,
        T: Send + 'static,
    {
        let under_way = self.writing.clone().read_owned().await;
        self.alive()?;
        let dies = self.left.fetch_sub(1, Ordering::SeqCst) <= 0;
        if dies {
            self.dead.store(true, Ordering::SeqCst);
            if !self.after {
                return Err(StoreError::Closed);
            }
        }
        let writing = write(self.inner.clone());
        // Not dropped with the engine's threads: what has been begun is over before the next
        // process starts.
        let written = self.outside.spawn(async move {
            let _under_way = under_way;
            writing.await
        });
        let written = written.await.unwrap();
        if dies {
            Err(StoreError::Closed)
        } else {
            written
        }
    }
}

#[async_trait]
impl Store for Dying {
    fn ownership(&self) -> watch::Receiver<Arc<Ownership>> {
        match &self.owned {
            Some(owned) => owned.clone(),
            None => self.inner.ownership(),
        }
    }

    fn blobs(&self) -> &Arc<Blobs> {
        self.inner.blobs()
    }

    async fn accept(&self, claim: Claim, task: NewTask) -> Result<(), StoreError> {
        self.write(move |inner| async move { inner.accept(claim, task).await })
            .await
    }

    async fn commit(&self, claim: Claim, commit: Commit) -> Result<(), StoreError> {
        self.write(move |inner| async move { inner.commit(claim, commit).await })
            .await
    }

    async fn record_effect(
        &self,
        claim: Claim,
        workspace: &WorkspaceName,
        task: TaskId,
        effect: Effect,
    ) -> Result<(), StoreError> {
        let workspace = workspace.clone();
        self.write(move |inner| async move {
            inner.record_effect(claim, &workspace, task, effect).await
        })
        .await
    }

    async fn transact(&self, claims: &[Claim], changes: Transaction) -> Result<(), StoreError> {
        let claims = claims.to_vec();
        self.write(move |inner| async move { inner.transact(&claims, changes).await })
            .await
    }

    async fn delivered(
        &self,
        workspace: &WorkspaceName,
        key: DedupKey,
        at: Millis,
    ) -> Result<Option<TaskId>, StoreError> {
        self.alive()?;
        self.inner.delivered(workspace, key, at).await
    }

    async fn load(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.alive()?;
        self.inner.load(workspace, task).await
    }

    async fn history(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
    ) -> Result<Option<History>, StoreError> {
        self.alive()?;
        self.inner.history(workspace, task).await
    }

    async fn ready(
        &self,
        owned: &Ownership,
        workspace: &WorkspaceName,
        after: TaskId,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        self.alive()?;
        self.inner.ready(owned, workspace, after, limit).await
    }

    async fn due(
        &self,
        owned: &Ownership,
        after: Option<&Due>,
        until: Millis,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        self.alive()?;
        self.inner.due(owned, after, until, limit).await
    }

    async fn list(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
    ) -> Result<Vec<TaskHead>, StoreError> {
        self.alive()?;
        self.inner.list(workspace, query).await
    }

    async fn find(
        &self,
        workspace: &WorkspaceName,
        query: &TaskQuery,
        terms: &Terms,
    ) -> Result<TaskPage, StoreError> {
        self.alive()?;
        self.inner.find(workspace, query, terms).await
    }

    async fn counts(&self, workspace: &WorkspaceName) -> Result<Counts, StoreError> {
        self.alive()?;
        self.inner.counts(workspace).await
    }

    async fn manage(
        &self,
        change: Manage,
        audit: Option<AuditEntry>,
        expected: u64,
    ) -> Result<u64, StoreError> {
        self.write(move |inner| async move { inner.manage(change, audit, expected).await })
            .await
    }

    async fn record_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.write(move |inner| async move { inner.record_audit(entries).await })
            .await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.alive()?;
        self.inner.audit(query).await
    }

    async fn registry_since(&self, revision: u64) -> Result<Registry, StoreError> {
        let _read = self.setup.read().await;
        self.alive()?;
        self.inner.registry_since(revision).await
    }

    async fn component(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.alive()?;
        self.inner.component(digest).await
    }

    async fn put_body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        body: Bytes,
    ) -> Result<[u8; 32], StoreError> {
        self.alive()?;
        self.inner.put_body(workspace, task, body).await
    }

    async fn body(
        &self,
        workspace: &WorkspaceName,
        task: TaskId,
        digest: [u8; 32],
    ) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.alive()?;
        self.inner.body(workspace, task, digest).await
    }

    async fn record_deliveries(
        &self,
        workspace: &WorkspaceName,
        known: u64,
        deliveries: Vec<Delivery>,
    ) -> Result<(), StoreError> {
        self.alive()?;
        let recorded = self.inner.record_deliveries(workspace, known, deliveries);
        recorded.await
    }

    async fn recorded_deliveries(
        &self,
        workspace: &WorkspaceName,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.alive()?;
        self.inner.recorded_deliveries(workspace, query).await
    }

    async fn purge(&self, now: Millis) -> Result<Purged, StoreError> {
        self.alive()?;
        self.inner.purge(now).await
    }

    fn seed(&self) -> [u8; 32] {
        self.inner.seed()
    }

    async fn close(&self) {}
}
