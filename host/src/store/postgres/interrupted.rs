//! Runs that were under way as a node ended without a word: which tasks, and how often.
//!
//! Each node stores a list of its long runs. A node that takes over partitions of a dead node first counts an interruption
//! for each run on the dead node's list, and only then begins runs there. A node that had merely lost the database for a
//! while takes back what others counted for its list.

use std::sync::atomic::Ordering;

use tokio_postgres::Error;

use super::session::{Params, Session};
use super::shared::Shared;
use super::values::Uuid;
use crate::domain::ids::TaskId;
use crate::store::StoreError;

/// Tasks that are known at most.
const MOST: i64 = 10_000;

/// Of a node whose lease is over nothing is noted: what it had noted is counted already.
const NOTE: &str = "with own as (select from nodes where id = $1 and lease_until > clock_timestamp() for share), \
    gone as (delete from lasting where node = $1 and not (task = any($2)) and exists (select from own)), \
    put as (insert into lasting (node, task) select $1, t from unnest($2::uuid[]) t \
    where exists (select from own) on conflict do nothing) select exists (select from own)";
const COUNT: &str = "with dead as (delete from lasting l where not exists (select from nodes n \
    where n.id = l.node and n.lease_until > clock_timestamp()) returning l.task) \
    insert into interrupted as i (task, times) select task, 1 from dead group by task \
    on conflict (task) do update set times = i.times + 1, noted = clock_timestamp()";
/// A counted run is not on the node's list any more. It is put back there by the same statement, so that it is taken
/// back once, however often the statement is made. A count that is 0 then has no effect, and is removed later.
const TAKE_BACK: &str = "with own as (insert into lasting (node, task) \
    select $1, t from unnest($2::uuid[]) t on conflict do nothing returning task) \
    update interrupted i set times = times - 1 from own where i.task = own.task and times > 0";
const FIND: &str =
    "select task, times from interrupted where times > 0 order by noted desc limit $1";
const FORGET: &str = "delete from interrupted where task = any($1)";
/// Tasks that never came to rest where it was known.
pub(super) const EXPIRE: &str =
    "delete from interrupted where times <= 0 or noted < clock_timestamp() - interval '1 day'";

fn uuids(tasks: &[TaskId]) -> Vec<Uuid> {
    tasks.iter().map(|task| (*task).into()).collect()
}

/// See [`crate::store::Cluster::note_lasting`].
pub(super) async fn note(shared: &Shared, tasks: &[TaskId]) -> Result<(), StoreError> {
    let _listing = shared.listing.lock().await;
    // It first takes back the counts of its earlier list.
    if shared.has_lapsed.load(Ordering::Acquire) {
        return Err(lease_is_over());
    }
    let ids = uuids(tasks);
    let params: Params<'_> = &[&shared.node, &ids];
    let rows = shared.query(NOTE, params).await?;
    if !rows.first().is_some_and(|row| row.get(0)) {
        return Err(lease_is_over());
    }
    *shared.lasting.lock() = tasks.to_vec();
    Ok(())
}

fn lease_is_over() -> StoreError {
    StoreError::unavailable("the node's lease is over")
}

/// Counts what nodes had noted that are gone.
pub(super) async fn count(session: &Session) -> Result<(), Error> {
    session.execute(COUNT, &[]).await.map(drop)
}

/// Takes back what others have counted of this node, which is there.
pub(super) async fn take_back(shared: &Shared, session: &Session) -> Result<(), Error> {
    let ids = uuids(&shared.lasting.lock().clone());
    if !ids.is_empty() {
        session.execute(TAKE_BACK, &[&shared.node, &ids]).await?;
    }
    Ok(())
}

/// See [`crate::store::Cluster::interrupted`].
pub(super) async fn find(shared: &Shared) -> Result<Vec<(TaskId, u32)>, StoreError> {
    let rows = shared.query(FIND, &[&MOST]).await?;
    let found = rows.iter().map(|row| {
        let times = u32::try_from(row.get::<_, i32>(1)).unwrap_or_default();
        (row.get::<_, Uuid>(0).into(), times)
    });
    Ok(found.collect())
}

/// See [`crate::store::Cluster::forget_interrupted`].
pub(super) async fn forget(shared: &Shared, tasks: &[TaskId]) -> Result<(), StoreError> {
    shared.query(FORGET, &[&uuids(tasks)]).await.map(drop)
}
