//! A store that has been copied elsewhere, to be used there: it is taken over as a whole, as one node takes over what
//! another one had.
//!
//! The command that copies enters as a node with a number of its own ([`MOVED`]), a lease that does not end, and all partitions, under
//! new epochs. So a server that stood still and goes on is fenced like any node that lost its partitions, of whichever
//! version it is, and gets none again. The registry is changed under the row that has its revision: a server that has read
//! that row before is refused, and finds the node when it looks again. Nodes of version 2 of the tables do not look: a
//! constraint refuses their changes. No other node enters meanwhile. Removing the node gives all back.

use tokio_postgres::Error;

use super::entered::MOVED;
use super::error::Failure;
use super::session::{Params, Session};
use super::shared::Shared;
use crate::store::StoreError;

/// Later than any lease. The database has no infinite time that it could subtract from.
const ENTER: &str = "insert into nodes (id, version, lease_until, url, draining) overriding system value \
    values ($1, $2, '9999-12-31', $3, true) \
    on conflict (id) do update set version = excluded.version, url = excluded.url";
const REVISED: &str = "update cluster set revision = revision + 1";
/// Before any row of it is locked, so that two do not wait for each other.
const LOCK: &str = "lock table cluster in access exclusive mode";
/// No row of this table may be changed. The one that is there is not checked.
const CLOSE: &str = "alter table cluster add constraint moved check (revision < 0) not valid";
const OPEN: &str = "alter table cluster drop constraint if exists moved";
/// In the order in which others lock them, and after those who write.
const WAIT: &str = "select from partitions order by id for update";
const TAKE: &str = "update partitions set owner = $1, epoch = epoch + 1";
/// Tables of an older version do not say where.
const PLACE: &str = "select coalesce(to_jsonb(n) ->> 'url', '') from nodes n where id = $1";
const IS_TAKEN: &str = "select not exists (select from partitions where owner is distinct from $1) \
    and exists (select from nodes where id = $1)";
/// With the partitions, which no node takes from this one. Only what went to that place, if one is named.
const GIVE_BACK: &str = "with gone as (delete from nodes n where id = $1 \
    and ($2::text is null or to_jsonb(n) ->> 'url' = $2) returning coalesce(to_jsonb(n) ->> 'url', '') as url), \
    free as (update partitions set owner = null where owner = $1 \
    and ($2::text is null or exists (select from gone))) select url from gone";

/// Takes over all, within a transaction. `to` is where it goes, for people to read.
pub(super) async fn take_over(session: &Session, to: &str) -> Result<(), Error> {
    session.run(LOCK).await?;
    session.run(OPEN).await?;
    session.execute(REVISED, &[]).await?;
    session.run(CLOSE).await?;
    session.query(WAIT, &[]).await?;
    let version = env!("CARGO_PKG_VERSION");
    let params: Params<'_> = &[&MOVED, &version, &to];
    session.execute(ENTER, params).await?;
    session.execute(TAKE, &[&MOVED]).await?;
    Ok(())
}

/// Whether all is still taken over.
pub(super) async fn is_taken_over(session: &Session) -> Result<bool, Error> {
    let rows = session.query(IS_TAKEN, &[&MOVED]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Where it has gone; none if it is not taken over.
pub(super) async fn place(session: &Session) -> Result<Option<String>, Error> {
    let rows = session.query(PLACE, &[&MOVED]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Lets nodes have it again, if it went to that place or none is named. Returns where it had gone; none if it was not taken
/// over.
pub(super) async fn give_back(
    session: &Session,
    to: Option<&str>,
) -> Result<Option<String>, Error> {
    session.run("begin isolation level read committed").await?;
    let give = async {
        session.run(LOCK).await?;
        let rows = session.query(GIVE_BACK, &[&MOVED, &to]).await?;
        let place = rows.first().map(|row| row.get(0));
        if place.is_some() {
            session.run(OPEN).await?;
        }
        session.run("commit").await?;
        Ok(place)
    };
    let given = give.await;
    if given.is_err() {
        let _ = session.run("rollback").await;
    }
    given
}

/// Refuses a change of the setup of a store that is taken over.
pub(super) async fn check(session: &Session) -> Result<(), Failure> {
    match place(session).await? {
        Some(to) => {
            let moved = format!("the store was moved to {to}, and is used there");
            Err(StoreError::unavailable(moved).into())
        }
        None => Ok(()),
    }
}

/// Notes where the store has been moved to, as this node finds it when it renews its lease.
pub(super) fn note(shared: &Shared, to: Option<String>) {
    let before = std::mem::replace(&mut *shared.moved.lock(), to.clone());
    if before == to {
        return;
    }
    match to {
        Some(to) => tracing::error!(
            to,
            "the store was moved by `stepwell store migrate` as this server stood still; it has no tasks any more: end it"
        ),
        None => tracing::info!("the store is used here again"),
    }
}
