//! A store that has been copied elsewhere, to be used there: it is taken over as a whole, as one node takes over what
//! another one had.
//!
//! Who copies enters as a node with a number of its own ([`MOVED`]), a lease that does not end, and all partitions, under
//! new epochs. So a server that stood still and goes on is fenced like any node that lost its partitions, of whichever
//! version it is, and gets none again. What is set up is changed under the row that has its revision: whoever has read it
//! before is refused, and finds the node when it looks again. No other node enters meanwhile. Removing the node gives all
//! back.

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
/// In the order in which others lock them, and after those who write.
const WAIT: &str = "select from partitions order by id for update";
const TAKE: &str = "update partitions set owner = $1, epoch = epoch + 1";
const IS_TAKEN: &str = "select not exists (select from partitions where owner is distinct from $1) \
    and exists (select from nodes where id = $1)";
const GIVE_BACK: &str = "delete from nodes where id = $1 returning url";
const MOVED_TO: &str = "select url from nodes where id = $1";

/// Takes over all, within a transaction. `to` is where it goes, for people to read.
pub(super) async fn take_over(session: &Session, to: &str) -> Result<(), Error> {
    session.execute(REVISED, &[]).await?;
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

/// Lets nodes have it again. Returns where it had gone; none if it was not taken over.
pub(super) async fn give_back(session: &Session) -> Result<Option<String>, Error> {
    let rows = session.query(GIVE_BACK, &[&MOVED]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Refuses a change of what is set up in a store that is taken over.
pub(super) async fn check(session: &Session) -> Result<(), Failure> {
    let rows = session.query(MOVED_TO, &[&MOVED]).await?;
    match rows.first().map(|row| row.get::<_, &str>(0)) {
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
