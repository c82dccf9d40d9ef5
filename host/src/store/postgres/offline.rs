//! The store while no node works with it: as it is copied to another store, or another one into it.
//!
//! The command that copies holds a lock of the database, which nodes look for as they enter, on a connection that does nothing else.
//! It goes with the process. A database that is copied into is marked until all is there and was read back; one that is
//! copied from is taken over ([`moved`]), so that it stays left. The tables are as they were until then: what is refused
//! before has changed nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::entered::MOVED;
use super::error::OpenError;
use super::nodes::{self, Entrance};
use super::schema::{self, OFFLINE};
use super::session::{Params, Session};
use super::settings::PostgresSettings;
use super::shared::Shared;
use super::{PostgresStore, error, moved};
use crate::store::{Store as _, StoreError};

/// The lock is the session's: it outlives transactions.
const LOCK: &str = "select pg_try_advisory_lock($1)";
const UNLOCK: &str = "select pg_advisory_unlock_all()";
/// Columns that tables of older versions do not have are read by their names.
const LIVING: &str = "select string_agg(id::text || coalesce(' at ' || nullif(to_jsonb(n) ->> 'url', ''), ''), \
    ', ' order by id) from nodes n where lease_until > clock_timestamp() and id <> $1";
const INCOMPLETE: &str =
    "select coalesce((to_jsonb(c) ->> 'is_incomplete')::bool, false) from cluster c";
const USED: &str = "select exists (select from setup) or exists (select from tasks) \
    or exists (select from erasing) or exists (select from audit) or exists (select from dedup) \
    or exists (select from deliveries) or exists (select from cluster where key_check is not null)";
const EMPTY: &str = "truncate nodes, tasks, journal, dedup, bodies, erasing, setup, revisions, components, \
    step_components, audit, deliveries, inbox, interrupted, lasting, task_tags, component_parts, \
    component_texts, component_uses; update partitions set owner = null";
const BEGIN: &str = "update cluster set is_incomplete = true, seed = $1, key_check = null, revision = 0, \
    server_revision = 0";
const COMPLETE: &str = "update cluster set is_incomplete = false";
const KEY: &str = "select key_check from cluster";
/// Tries to give a store back whose database may be starting again, and the pause before each.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// A store that no node works with.
pub struct OfflineStore {
    /// The store. It takes no tasks if it was opened to be read.
    pub store: Arc<PostgresStore>,
    guard: Session,
    /// It was taken over before, by a copy to the same place.
    was_moved: bool,
}

impl OfflineStore {
    /// Opens a store to be read and copied to the place `to`. Nothing of it is changed before it is taken over.
    ///
    /// # Errors
    /// [`OpenError`]: among others there is none, a node works with it, it is incomplete, or it was moved to another place.
    pub async fn read(settings: PostgresSettings, to: &str) -> Result<Self, OpenError> {
        let guard = found(&settings).await?;
        let look = async {
            living(&guard).await?;
            let place = moved::place(&guard).await?;
            let was_moved = place.is_some();
            if let Some(other) = place.filter(|place| place != to) {
                return Err(OpenError::Moved(other));
            }
            if flag(&guard, INCOMPLETE).await? {
                return Err(OpenError::Incomplete);
            }
            Ok((schema::seed(&guard.client).await?, was_moved))
        };
        match look.await {
            Ok((seed, was_moved)) => {
                let store = PostgresStore::without_node(settings, seed);
                Ok(Self {
                    store,
                    guard,
                    was_moved,
                })
            }
            Err(error) => {
                unlock(&guard).await;
                Err(error)
            }
        }
    }

    /// Whether it was taken over before it was opened, by a copy to the same place. Servers may work on that.
    pub fn was_moved(&self) -> bool {
        self.was_moved
    }

    /// Takes the store over, from servers that stand still and may go on too: from now on it is used in `to`, and no server
    /// starts with it until it is given back. Its tables are brought up to date.
    ///
    /// # Errors
    /// [`OpenError`]; then it is as it was, unless the database was lost.
    pub async fn take_over(&self, to: &str) -> Result<(), OpenError> {
        schema::begin(&self.guard.client).await?;
        let take = async {
            let settings = &self.store.shared.settings;
            schema::bring_up_to_date(&self.guard.client, settings).await?;
            living(&self.guard).await?;
            Ok(moved::take_over(&self.guard, to).await?)
        };
        end(&self.guard, take.await).await
    }

    /// Lets servers start again with the store that was taken over for `to`. If the connection is lost, it is tried on new
    /// ones for some seconds.
    ///
    /// # Errors
    /// [`OpenError`]; then it is unknown whether servers start.
    pub async fn give_back(&self, to: &str) -> Result<(), OpenError> {
        let Err(error) = moved::give_back(&self.guard, Some(to)).await else {
            return Ok(());
        };
        let mut failed = OpenError::from(error);
        for _ in 0..TRIES {
            sleep(PAUSE).await;
            // While this connection is there, it is the only one that gets the lock.
            let tried = match self.guard.client.is_closed() {
                true => give_back_anew(&self.store.shared.settings, to).await,
                false => {
                    let given = moved::give_back(&self.guard, Some(to)).await;
                    given.map(drop).map_err(OpenError::from)
                }
            };
            match tried {
                Ok(()) => return Ok(()),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Lets servers start again with a store that was taken over by a copy which is not used. Returns where that was; none
    /// if it was not taken over.
    ///
    /// # Errors
    /// [`OpenError`]: among others there is no store, or it is being copied.
    pub async fn reopen(settings: &PostgresSettings) -> Result<Option<String>, OpenError> {
        let guard = found(settings).await?;
        let moved = moved::give_back(&guard, None).await?;
        unlock(&guard).await;
        Ok(moved)
    }

    /// Whether an interrupted copy is in the database.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn is_incomplete(settings: &PostgresSettings) -> Result<bool, OpenError> {
        settings.check()?;
        let session = Session::open(settings).await?;
        let version = schema::version(&session.client, settings).await?;
        Ok(version.is_some() && flag(&session, INCOMPLETE).await?)
    }

    /// Opens a store that is empty, or was not copied into to its end, to be written. Run seeds are derived from `seed`.
    ///
    /// # Errors
    /// [`OpenError`]: among others something is there, or a node works with it. Then the database is as it was.
    pub async fn write(settings: PostgresSettings, seed: [u8; 32]) -> Result<Self, OpenError> {
        settings.check()?;
        let guard = Session::open(&settings).await?;
        schema::check(&guard.client).await?;
        lock(&guard).await?;
        schema::begin(&guard.client).await?;
        let empty = async {
            schema::bring_up_to_date(&guard.client, &settings).await?;
            living(&guard).await?;
            let again = flag(&guard, INCOMPLETE).await?;
            if !again && flag(&guard, USED).await? {
                return Err(OpenError::NotEmpty);
            }
            guard.execute(BEGIN, &[&&seed[..]]).await?;
            Ok(guard.run(EMPTY).await?)
        };
        if let Err(error) = end(&guard, empty.await).await {
            unlock(&guard).await;
            return Err(error);
        }
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
        Ok(Self {
            store,
            guard,
            was_moved: false,
        })
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
        unlock(&self.guard).await;
    }

    /// Looks whether a store that was taken over is so still, on the connection that keeps nodes out.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another command has given the store back; or that connection was lost.
    pub async fn check(&self) -> Result<(), OpenError> {
        if moved::is_taken_over(&self.guard).await? {
            return Ok(());
        }
        living(&self.guard).await?;
        Err(OpenError::Failed(
            "it was given back by `stepwell store reopen`".into(),
        ))
    }
}

async fn give_back_anew(settings: &PostgresSettings, to: &str) -> Result<(), OpenError> {
    let guard = found(settings).await?;
    moved::give_back(&guard, Some(to)).await?;
    unlock(&guard).await;
    Ok(())
}

/// A connection to a store that is there, which keeps nodes out.
async fn found(settings: &PostgresSettings) -> Result<Session, OpenError> {
    settings.check()?;
    let guard = Session::open(settings).await?;
    schema::check(&guard.client).await?;
    if schema::version(&guard.client, settings).await?.is_none() {
        return Err(OpenError::NoStore(settings.schema.clone()));
    }
    lock(&guard).await?;
    Ok(guard)
}

/// Keeps nodes out.
async fn lock(guard: &Session) -> Result<(), OpenError> {
    let params: Params<'_> = &[&OFFLINE];
    let locked = guard.query(LOCK, params).await?;
    match locked.first().is_some_and(|row| row.get(0)) {
        true => Ok(()),
        false => Err(OpenError::Offline),
    }
}

/// Lets nodes in again: the server would see only after a while that the connection is gone.
async fn unlock(guard: &Session) {
    let _ = guard.run(UNLOCK).await;
}

/// Ends a transaction: what failed has left nothing.
async fn end(guard: &Session, done: Result<(), OpenError>) -> Result<(), OpenError> {
    match done {
        Ok(()) => Ok(guard.run("commit").await?),
        Err(error) => {
            let _ = guard.run("rollback").await;
            Err(error)
        }
    }
}

/// Refuses a database that nodes work with.
async fn living(guard: &Session) -> Result<(), OpenError> {
    let living = guard.query(LIVING, &[&MOVED]).await?;
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
