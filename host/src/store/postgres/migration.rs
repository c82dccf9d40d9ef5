//! [`PostgresStore`] as a store that is copied from and to.

use async_trait::async_trait;

use super::PostgresStore;
use super::registry_read::of;
use super::session::Params;
use super::values::{Uuid, millis, time};
use crate::domain::audit::{AuditEntry, AuditId};
use crate::domain::dedup::DedupKey;
use crate::domain::ids::WorkspaceName;
use crate::store::StoreError;
use crate::store::migration::{HeldKey, Migrate};
use crate::store::shapes::StoredValue as _;

const FIRST_KEYS: &str = "select key, task, until from dedup where workspace = $1 \
    order by key limit $2";
const NEXT_KEYS: &str = "select key, task, until from dedup where workspace = $1 and key > $3 \
    order by key limit $2";
/// When the first delivery came is of no use any more once the key is there.
const PUT_KEYS: &str = "insert into dedup (workspace, key, task, came, until) \
    select $1, k, t, 0, u from unnest($2::uuid[], $3::uuid[], $4::int8[]) as n (k, t, u)";
const PUT_AUDIT: &str = "insert into audit (id, workspace, is_done, entry) \
    select * from unnest($1::int8[], $2::text[], $3::bool[], $4::bytea[])";
const WEBHOOKS: &str =
    "select distinct webhook from deliveries where workspace = $1 order by webhook";

#[async_trait]
impl Migrate for PostgresStore {
    async fn keys(
        &self,
        workspace: &WorkspaceName,
        after: Option<DedupKey>,
        limit: usize,
    ) -> Result<Vec<HeldKey>, StoreError> {
        let (space, limit) = (workspace.as_str(), limit as i64);
        let rows = match after {
            None => self.shared.query(FIRST_KEYS, &[&space, &limit]).await?,
            Some(after) => {
                let after = Uuid(*after.as_bytes());
                self.shared
                    .query(NEXT_KEYS, &[&space, &limit, &after])
                    .await?
            }
        };
        let held = |row: &tokio_postgres::Row| {
            let Uuid(key) = row.get(0);
            HeldKey {
                key: DedupKey::from_bytes(key),
                task: row.get::<_, Uuid>(1).into(),
                until: millis(row.get(2)),
            }
        };
        Ok(rows.iter().map(held).collect())
    }

    async fn put_keys(
        &self,
        workspace: &WorkspaceName,
        keys: Vec<HeldKey>,
    ) -> Result<(), StoreError> {
        let names: Vec<Uuid> = keys.iter().map(|held| Uuid(*held.key.as_bytes())).collect();
        let tasks: Vec<Uuid> = keys.iter().map(|held| held.task.into()).collect();
        let until: Vec<i64> = keys.iter().map(|held| time(held.until)).collect();
        let params: Params<'_> = &[&workspace.as_str(), &names, &tasks, &until];
        self.shared.query(PUT_KEYS, params).await.map(drop)
    }

    async fn put_audit(&self, entries: Vec<(AuditId, AuditEntry)>) -> Result<(), StoreError> {
        let (mut ids, mut spaces, mut done, mut values) = (vec![], vec![], vec![], vec![]);
        for (id, entry) in &entries {
            ids.push(i64::try_from(id.0).unwrap_or(i64::MAX));
            spaces.push(of(entry.workspace.as_ref()));
            done.push(entry.is_done());
            let mut value = Vec::new();
            entry.write(&mut value)?;
            values.push(value);
        }
        let params: Params<'_> = &[&ids, &spaces, &done, &values];
        self.shared.query(PUT_AUDIT, params).await.map(drop)
    }

    async fn delivery_webhooks(
        &self,
        workspace: &WorkspaceName,
    ) -> Result<Vec<String>, StoreError> {
        let rows = self.shared.query(WEBHOOKS, &[&workspace.as_str()]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn lift_setup_bound(&self) {
        self.shared.registry_connection.lock().await.is_unbounded = true;
    }
}
