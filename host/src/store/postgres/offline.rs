//! The store while no node works with it: as it is copied to another store, or another one into it.
//!
//! Who copies holds a lock of the database, which nodes look for as they enter, on a connection that does nothing else.
//! It goes with the process. A database that is copied into is marked until all is there and was read back.

use std::sync::Arc;

use tokio::time::Instant;

use super::error::OpenError;
use super::nodes::{self, Entrance};
use super::schema::{self, OFFLINE};
use super::session::{Params, Session};
use super::settings::PostgresSettings;
use super::shared::Shared;
use super::{PostgresStore, error};
use crate::store::{Store as _, StoreError};

/// The lock is the session's: it outlives transactions.
const LOCK: &str = "select pg_try_advisory_lock($1)";
const UNLOCK: &str = "select pg_advisory_unlock_all()";
const LIVING: &str = "select string_agg(id::text || case url when '' then '' else ' at ' || url end, \
    ', ' order by id) from nodes where lease_until > clock_timestamp() and id <> $1";
const INCOMPLETE: &str = "select is_incomplete from cluster";
const USED: &str = "select exists (select from setup) or exists (select from tasks) \
    or exists (select from erasing) or exists (select from audit) or exists (select from dedup) \
    or exists (select from deliveries) or exists (select from cluster where key_check is not null)";
const EMPTY: &str = "truncate nodes, tasks, journal, dedup, bodies, erasing, setup, revisions, components, \
    step_components, audit, deliveries, inbox, interrupted, lasting";
const BEGIN: &str = "update cluster set is_incomplete = true, seed = $1, key_check = null, revision = 0, \
    server_revision = 0";
const COMPLETE: &str = "update cluster set is_incomplete = false";
const KEY: &str = "select key_check from cluster";

/// A store that no node works with.
pub struct OfflineStore {
    /// The store. It takes no tasks if it was opened to be read.
    pub store: Arc<PostgresStore>,
    guard: Session,
}

impl OfflineStore {
    /// Opens a store to be read.
    ///
    /// # Errors
    /// [`OpenError`]: among others there is none, a node works with it, or it is incomplete.
    pub async fn read(settings: PostgresSettings) -> Result<Self, OpenError> {
        settings.check()?;
        let guard = Session::open(&settings).await?;
        schema::check(&guard.client).await?;
        if !schema::is_there(&guard.client, &settings).await? {
            return Err(OpenError::NoStore(settings.schema));
        }
        let seed = schema::migrate(&guard.client, &settings).await?;
        alone(&guard).await?;
        if flag(&guard, INCOMPLETE).await? {
            return Err(OpenError::Incomplete);
        }
        let store = PostgresStore::without_node(settings, seed);
        Ok(Self { store, guard })
    }

    /// Whether an interrupted copy is in the database.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn is_incomplete(settings: &PostgresSettings) -> Result<bool, OpenError> {
        settings.check()?;
        let session = Session::open(settings).await?;
        let newest = schema::has_newest(&session.client, settings).await?;
        Ok(newest && flag(&session, INCOMPLETE).await?)
    }

    /// Opens a store that is empty, or was not copied into to its end, to be written. Run seeds are derived from `seed`.
    ///
    /// # Errors
    /// [`OpenError`]: among others something is there, or a node works with it.
    pub async fn write(settings: PostgresSettings, seed: [u8; 32]) -> Result<Self, OpenError> {
        settings.check()?;
        let guard = Session::open(&settings).await?;
        schema::check(&guard.client).await?;
        schema::migrate(&guard.client, &settings).await?;
        alone(&guard).await?;
        let again = flag(&guard, INCOMPLETE).await?;
        if !again && flag(&guard, USED).await? {
            return Err(OpenError::NotEmpty);
        }
        guard.run("begin").await?;
        guard.execute(BEGIN, &[&&seed[..]]).await?;
        guard.run(EMPTY).await?;
        guard.run("commit").await?;
        let begun = Instant::now();
        let node = nodes::enter(&guard.client, &settings, Entrance::Copies).await?;
        let node = node.ok_or(OpenError::Offline)?;
        let session = Session::open(&settings).await?;
        let shared = Arc::new(Shared::new(settings, node));
        let store = PostgresStore::start(shared, session, begun, seed).await?;
        if !store.shared.partitions.hold().is_all() {
            store.close().await;
            return Err(OpenError::Offline);
        }
        Ok(Self { store, guard })
    }

    /// The sealed value by which nodes know each other's vault key; none if none has worked with the store.
    ///
    /// # Errors
    /// The database does not say.
    pub async fn key_check(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.guard.query(KEY, &[]).await.map_err(error::failed)?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }

    /// All is there: nodes may work with it.
    ///
    /// # Errors
    /// The database does not take it.
    pub async fn complete(&self) -> Result<(), StoreError> {
        let done = self.guard.execute(COMPLETE, &[]).await;
        done.map(drop).map_err(error::failed)
    }

    /// Lets go of the database.
    pub async fn close(self) {
        self.store.close().await;
        // The server would see only after a while that the connection is gone.
        let _ = self.guard.run(UNLOCK).await;
    }

    /// Looks whether no node works with the store: one that had stood still may have gone on.
    ///
    /// # Errors
    /// [`OpenError::InUse`]; or the connection that keeps others out was lost.
    pub async fn check(&self) -> Result<(), OpenError> {
        living(&self.guard, self.store.shared.node).await
    }
}

/// Keeps nodes out.
async fn alone(guard: &Session) -> Result<(), OpenError> {
    let params: Params<'_> = &[&OFFLINE];
    let locked = guard.query(LOCK, params).await?;
    if !locked.first().is_some_and(|row| row.get(0)) {
        return Err(OpenError::Offline);
    }
    living(guard, 0).await
}

/// Refuses a database that nodes work with, but for that one.
async fn living(guard: &Session, own: i64) -> Result<(), OpenError> {
    let living = guard.query(LIVING, &[&own]).await?;
    match living
        .first()
        .and_then(|row| row.get::<_, Option<String>>(0))
    {
        Some(nodes) => Err(OpenError::InUse(nodes)),
        None => Ok(()),
    }
}

async fn flag(session: &Session, sql: &'static str) -> Result<bool, OpenError> {
    let rows = session.query(sql, &[]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}
