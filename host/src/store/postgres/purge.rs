//! Removes expired rows: workspaces that were deleted, keys of deliveries, old logs, and finished tasks.
//!
//! Every node removes tasks of the partitions that it owns. A transaction locks them against its own writers, too, so
//! that nothing is built on what goes.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;
use tokio_postgres::{Error, Row};

use super::error::{Failure, failed, is_cut, is_passing};
use super::look::index;
use super::registry_read::Kind;
use super::session::{Params, Session};
use super::shared::{Pass, PurgeState, Shared};
use super::values::{Uuid, count, number, state_number, time};
use super::{audit, deliveries, erase, inbox, interrupted, sweep};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::partition::Partition;
use crate::domain::retention::{Retention, is_needed};
use crate::domain::task::{TaskHead, TaskState};
use crate::domain::workspace::WorkspaceSettings;
use crate::store::blobs::on_disk;
use crate::store::codec::damaged;
use crate::store::shapes::read;
use crate::store::{Purged, StoreError};

/// Tasks that are looked at and removed at once.
const AT_ONCE: i64 = 250;

const SPACES: &str = "select workspace, value from setup where kind = $1 order by workspace desc";
/// Asks twice: a key may be taken anew between the two.
const EXPIRE_KEYS: &str = "delete from dedup where (workspace, key) in \
    (select workspace, key from dedup where until <= $1 limit 10000) \
    and until <= $1";
const OVER: &str = "select id, version, head from tasks where workspace = $1 and state = $2 \
    and id > $3 and id < $4 and rests <= $5 and partition = any($6) order by id limit $7";
const HEADS: &str = "select id, head from tasks where workspace = $1 and id = any($2)";
const LOCK: &str = "select id, owner from partitions where id = any($1) order by id \
    for no key update";
const REMOVE: &str = "with gone as (delete from tasks t using unnest($2::uuid[], $3::int8[]) \
    as n (id, version) where t.workspace = $1 and t.id = n.id and t.version = n.version \
    returning t.id), \
    journals as (delete from journal j using gone where j.workspace = $1 and j.task = gone.id), \
    files as (delete from bodies b using gone where b.workspace = $1 and b.task = gone.id) \
    select id from gone";

/// See [`crate::store::Store::purge`].
pub(super) async fn purge(shared: &Shared, now: Millis) -> Result<Purged, StoreError> {
    let mut purge = shared.purge.lock().await;
    let session = purge.session(shared).await?;
    match go_on(shared, &mut purge, &session, now).await {
        Ok(purged) => Ok(purged),
        Err(error) => {
            // The next call begins anew.
            purge.pass = None;
            purge.failed.clear();
            match error {
                Failure::Store(error) => {
                    session.run("rollback").await.map_err(failed)?;
                    Err(error)
                }
                Failure::Database(error) if is_cut(&error) => {
                    purge.slot.close().await;
                    Err(failed(error))
                }
                Failure::Database(error) => {
                    session.run("rollback").await.map_err(failed)?;
                    match is_passing(&error) {
                        true => Ok(Purged::default()),
                        false => Err(failed(error)),
                    }
                }
            }
        }
    }
}

async fn go_on(
    shared: &Shared,
    purge: &mut PurgeState,
    session: &Session,
    now: Millis,
) -> Result<Purged, Failure> {
    if purge.swept.is_none_or(|at| at.elapsed() >= sweep::EVERY) {
        match sweep::sweep(shared, session).await {
            Err(Failure::Store(error)) if !matches!(error, StoreError::Closed) => {
                tracing::error!(%error, "files without a task cannot be looked for; it is tried again");
            }
            swept => swept?,
        }
        purge.swept = Some(Instant::now());
    }
    let Some(pass) = &mut purge.pass else {
        purge.pass = begin(shared, session, &mut purge.failed, now).await?;
        return Ok(Purged::default());
    };
    let Some((workspace, retention)) = pass.spaces.last().cloned() else {
        purge.pass = None;
        purge.failed.clear();
        return Ok(Purged {
            tasks: 0,
            is_done: true,
        });
    };
    let state = TaskState::ALL[pass.state];
    let Some(cut) = retention.cut(state, pass.now) else {
        pass.next_state();
        return Ok(Purged::default());
    };
    let owned = shared.partitions.hold().clone();
    let partitions: Vec<i16> = Partition::all()
        .filter(|partition| owned.claim(*partition).is_some())
        .map(index)
        .collect();
    // A task is not older than its id.
    let newest = match cut.checked_add(1).filter(|end| *end < 1 << 48) {
        Some(end) => TaskId::from_time(end),
        None => TaskId::MAX,
    };
    let params: Params<'_> = &[
        &workspace.as_str(),
        &state_number(state),
        &Uuid::from(pass.after),
        &Uuid::from(newest),
        &time(cut),
        &partitions,
        &AT_ONCE,
    ];
    let rows = session.query(OVER, params).await?;
    let over = over(session, &workspace, retention, pass.now, &rows).await?;
    let gone = remove(shared, session, &workspace, &over).await?;
    match rows.last().filter(|_| rows.len() as i64 == AT_ONCE) {
        Some(last) => pass.after = last.get::<_, Uuid>(0).into(),
        None => pass.next_state(),
    }
    let tasks = gone.len();
    let blobs = shared.blobs.clone();
    let removed = on_disk(move || {
        let all = gone.iter();
        let removed = all.map(|task| blobs.remove(&workspace, *task));
        removed.fold(Ok(()), Result::and)
    });
    match removed.await {
        Err(StoreError::Closed) => return Err(StoreError::Closed.into()),
        Err(error) => {
            tracing::error!(%error, "files of tasks that were removed cannot be removed; it is tried again within a day");
        }
        Ok(()) => {}
    }
    Ok(Purged {
        tasks,
        is_done: false,
    })
}

impl Pass {
    fn next_state(&mut self) {
        self.after = TaskId::MIN;
        self.state += 1;
        if self.state == TaskState::ALL.len() {
            self.state = 0;
            self.spaces.pop();
        }
    }
}

/// Erases a part of a deleted workspace, or else removes expired keys and logs; then a pass begins.
async fn begin(
    shared: &Shared,
    session: &Session,
    failed: &mut BTreeSet<String>,
    now: Millis,
) -> Result<Option<Pass>, Failure> {
    if !erase::go_on(shared, session, failed).await? {
        return Ok(None);
    }
    let now = by_common_clock(shared, session, now).await?;
    if session.execute(EXPIRE_KEYS, &[&time(now)]).await? > 0 {
        return Ok(None);
    }
    session.execute(inbox::EXPIRE, &[]).await?;
    session.execute(interrupted::EXPIRE, &[]).await?;
    let oldest = deliveries::oldest(now);
    session.execute(deliveries::EXPIRE, &[&oldest]).await?;
    audit::expire(shared, session, now).await?;
    let mut spaces = Vec::new();
    for row in session.query(SPACES, &[&(Kind::Workspace as i16)]).await? {
        let name: &str = row.get(0);
        let parsed = name.parse::<WorkspaceName>();
        let parsed = parsed.map_err(|error| damaged("a workspace", &format!("{error}")));
        let settings = read::<WorkspaceSettings>(row.get(1));
        match parsed.and_then(|name| Ok((name, settings?.retention))) {
            Ok(space) => spaces.push(space),
            Err(error) => {
                tracing::error!(workspace.id = name, %error, "nothing is removed of a workspace");
            }
        }
    }
    Ok(Some(Pass {
        now,
        spaces,
        state: 0,
        after: TaskId::MIN,
    }))
}

/// The time of this node's clock, less what that is wrong by: what is removed is gone for good, and keys are taken by the
/// common clock.
async fn by_common_clock(
    shared: &Shared,
    session: &Session,
    now: Millis,
) -> Result<Millis, Failure> {
    let own = shared.settings.now;
    let (known, before) = (shared.skew.lock().wrong_by(), own());
    let rows = session.query(sweep::NOW, &[]).await?;
    let measured = rows.first().map_or(0, |row| {
        let mut skew = shared.skew.lock();
        skew.measure((before, own()), row.get(0));
        skew.wrong_by()
    });
    // `now` was asked for before.
    Ok(now.saturating_sub(u64::try_from(known.max(measured)).unwrap_or(0)))
}

/// Those of the rows whose retention has ended, and which no other task needs, with their versions.
async fn over(
    session: &Session,
    workspace: &WorkspaceName,
    retention: Retention,
    now: Millis,
    rows: &[Row],
) -> Result<Vec<(TaskId, u64)>, Failure> {
    let mut heads: Vec<(u64, TaskHead)> = Vec::new();
    for row in rows {
        heads.push((count(row.get(1))?, read(row.get(2))?));
    }
    let parents: Vec<Uuid> = (heads.iter())
        .filter_map(|(_, head)| head.parent.as_ref())
        .map(|parent| parent.task.into())
        .collect();
    let mut known: HashMap<TaskId, TaskHead> = HashMap::new();
    if !parents.is_empty() {
        let params: Params<'_> = &[&workspace.as_str(), &parents];
        for row in session.query(HEADS, params).await? {
            known.insert(row.get::<_, Uuid>(0).into(), read(row.get(1))?);
        }
    }
    heads.retain(|(_, head)| {
        let parent = head.parent.as_ref().and_then(|of| known.get(&of.task));
        let is_needed = parent.is_some_and(|parent| is_needed(parent, head));
        retention.is_over(head, now) && !is_needed
    });
    let over = heads.iter().map(|(version, head)| (head.id, *version));
    Ok(over.collect())
}

/// Removes tasks with all that is of them, if they are as they were when they were looked at. Returns those that are gone.
async fn remove(
    shared: &Shared,
    session: &Session,
    workspace: &WorkspaceName,
    over: &[(TaskId, u64)],
) -> Result<Vec<TaskId>, Error> {
    if over.is_empty() {
        return Ok(Vec::new());
    }
    session.run("begin isolation level read committed").await?;
    let partitions: Vec<i16> = (over.iter())
        .map(|(id, _)| index(Partition::of(*id)))
        .collect();
    let locked = session.query(LOCK, &[&partitions]).await?;
    let owned: Vec<i16> = (locked.iter())
        .filter(|row| row.get::<_, Option<i64>>(1) == Some(shared.node))
        .map(|row| row.get(0))
        .collect();
    let over = over.iter();
    let over = over.filter(|(id, _)| owned.contains(&index(Partition::of(*id))));
    let (ids, versions): (Vec<Uuid>, Vec<i64>) = over
        .map(|(id, version)| (Uuid::from(*id), number(*version)))
        .unzip();
    let params: Params<'_> = &[&workspace.as_str(), &ids, &versions];
    let gone = session.query(REMOVE, params).await?;
    session.run("commit").await?;
    Ok(gone
        .iter()
        .map(|row| row.get::<_, Uuid>(0).into())
        .collect())
}
