//! [`SledStore`] as a store that is copied from and to.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sled::Batch;

use super::failpoint::Write;
use super::failure::from_sled;
use super::shapes::StoredValue as _;
use super::shared::Shared;
use super::{SledStore, audit_logs, checked, dedup, deliveries};
use crate::domain::audit::{AuditEntry, AuditId};
use crate::domain::blocking::spawn_blocking;
use crate::domain::dedup::DedupKey;
use crate::domain::delivery::DeliveryQuery;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;
use crate::store::StoreError;
use crate::store::migration::{HeldKey, Migrate};

/// Two files are kept, and each may end before a record that it has no room for.
const DELIVERIES: u64 = 2 * (limits::DELIVERIES_BYTES - 512 * 1024);

#[async_trait]
impl Migrate for SledStore {
    async fn keys(
        &self,
        workspace: &WorkspaceName,
        after: Option<DedupKey>,
        limit: usize,
    ) -> Result<Vec<HeldKey>, StoreError> {
        let workspace = workspace.clone();
        self.alone(move |shared| dedup::list::keys(shared, &workspace, after, limit))
            .await
    }

    async fn put_keys(
        &self,
        workspace: &WorkspaceName,
        keys: Vec<HeldKey>,
    ) -> Result<(), StoreError> {
        let workspace = workspace.clone();
        self.alone(move |shared| dedup::list::put(shared, &workspace, &keys))
            .await
    }

    async fn put_audit(&self, entries: Vec<(AuditId, AuditEntry)>) -> Result<(), StoreError> {
        self.blocking(move |shared| put_audit(shared, &entries))
            .await
    }

    async fn delivery_webhooks(
        &self,
        workspace: &WorkspaceName,
    ) -> Result<Vec<String>, StoreError> {
        let workspace = workspace.clone();
        let found = self.blocking(move |shared| {
            let all = deliveries::find(shared, &workspace, &DeliveryQuery::default())?;
            let webhooks: BTreeSet<String> = all.into_iter().map(|it| it.webhook).collect();
            Ok(webhooks.into_iter().collect())
        });
        found.await
    }

    async fn lift_setup_bound(&self) {
        self.shared.setup.lock().names.lift_bound();
    }

    fn delivery_bytes(&self) -> Option<u64> {
        Some(DELIVERIES)
    }
}

impl SledStore {
    /// Runs `work`, which waits for the checkpoints' lock, on a thread that may block.
    async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // Not steady, as `Store::purge`: who opens the tree again waits for that, and has that lock.
        let shared = self.shared.clone();
        let done = spawn_blocking(move || work(&shared));
        done.await
            .unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }
}

fn put_audit(shared: &Shared, entries: &[(AuditId, AuditEntry)]) -> Result<(), StoreError> {
    let mut setup = shared.setup.lock();
    let mut batch = Batch::default();
    for (id, entry) in entries {
        let mut value = Vec::new();
        entry.write(&mut value)?;
        let prefix = audit_logs::prefix_of(entry);
        let key = [&prefix[..], &id.0.to_be_bytes()].concat();
        let value = checked::seal(&key, &value);
        batch.insert(key, value);
    }
    setup.audit.count_again();
    shared.settings.fail.before(Write::Registry)?;
    shared.with_disk(|disk| {
        disk.db.apply_batch(batch).map_err(from_sled)?;
        disk.flush()
    })
}
