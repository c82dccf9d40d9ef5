//! The audit log: each workspace and the server have a log of changes and a log of refusals.

use std::collections::BTreeSet;

use tokio_postgres::Error;

use super::error::{Failure, failed, is_cut, is_passing};
use super::registry_read::of;
use super::session::{Params, Session};
use super::shared::Shared;
use super::values::millis;
use crate::domain::audit::{AuditEntry, AuditId, AuditPage, AuditQuery};
use crate::domain::clock::Millis;
use crate::domain::limits;
use crate::domain::retention::DAY;
use crate::store::StoreError;
use crate::store::shapes::{StoredValue as _, read};

/// Entries of all nodes have ids that grow: only who holds this appends.
const LOCK: &str = "select from cluster for update";
const ERASING: &str = "select workspace from erasing where workspace = any($1)";
/// With the time by the clock that all nodes have in common.
const LAST: &str =
    "select max(id), (extract(epoch from clock_timestamp()) * 1000)::int8 from audit";
const PUT: &str = "insert into audit (id, workspace, is_done, entry) \
    select * from unnest($1::int8[], $2::text[], $3::bool[], $4::bytea[])";
const TRIM: &str = "delete from audit where workspace = $1 and is_done = $2 and id <= \
    (select id from audit where workspace = $1 and is_done = $2 order by id desc offset $3 limit 1)";
const PAGE: &str = "select id, entry from audit a where id >= $1 and id < $2 \
    and not exists (select from erasing e where e.workspace = a.workspace) \
    order by id desc limit $3";
const PAGE_OF: &str = "(select id, entry from audit a where id >= $1 and id < $2 and workspace = $4 \
    and is_done and not exists (select from erasing e where e.workspace = $4) \
    order by id desc limit $3) union all \
    (select id, entry from audit a where id >= $1 and id < $2 and workspace = $4 \
    and not is_done and not exists (select from erasing e where e.workspace = $4) \
    order by id desc limit $3) order by id desc limit $3";
const EXPIRE: &str = "delete from audit where id < $1";

/// Appends entries within a transaction that holds the lock, and removes those above the limit.
pub(super) async fn append(
    shared: &Shared,
    session: &Session,
    entries: &[AuditEntry],
) -> Result<(), Failure> {
    let rows = session.query(LAST, &[]).await?;
    let last: Option<i64> = rows.first().and_then(|row| row.get(0));
    let mut last = last.and_then(|last| u64::try_from(last).ok());
    // A node whose clock is ahead does not take the ids of all others along with it, nor notes a time that has not come.
    let now = rows.first().map_or(Millis::MAX, |row| millis(row.get(1)));
    let (mut ids, mut spaces, mut done, mut values) = (vec![], vec![], vec![], vec![]);
    for entry in entries {
        let mut stored = entry.clone();
        stored.at = entry.at.min(now);
        let least = AuditId::from_time(stored.at).0.min(i64::MAX as u64 - 1);
        let id = last.map_or(least, |last| least.max(last + 1));
        last = Some(id);
        ids.push(i64::try_from(id).unwrap_or(i64::MAX));
        spaces.push(of(entry.workspace.as_ref()));
        done.push(entry.is_done());
        let mut value = Vec::new();
        stored.write(&mut value)?;
        values.push(value);
    }
    let params: Params<'_> = &[&ids, &spaces, &done, &values];
    session.execute(PUT, params).await?;
    let logs: BTreeSet<(&str, bool)> = spaces.into_iter().zip(done).collect();
    for (space, is_done) in logs {
        let bounds = shared.settings.audit;
        let most = match is_done {
            true => bounds.done,
            false => bounds.refused,
        };
        let params: Params<'_> = &[&space, &is_done, &(most as i64)];
        session.execute(TRIM, params).await?;
    }
    Ok(())
}

/// See [`crate::store::Store::record_audit`].
pub(super) async fn record(shared: &Shared, entries: &[AuditEntry]) -> Result<(), StoreError> {
    let connection = shared.registry_connection.lock().await;
    let mut tries = 0;
    loop {
        tries += 1;
        let session = connection.session(shared).await?;
        let error = match write(shared, &session, entries).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match error {
            Failure::Store(error) => {
                session.run("rollback").await.map_err(failed)?;
                return Err(error);
            }
            Failure::Database(error) if is_cut(&error) => {
                connection.slot.close().await;
                return Err(failed(error));
            }
            Failure::Database(error) => {
                let _ = session.run("rollback").await;
                if !is_passing(&error) || tries == 5 {
                    return Err(failed(error));
                }
            }
        }
    }
}

async fn write(shared: &Shared, session: &Session, entries: &[AuditEntry]) -> Result<(), Failure> {
    session.run("begin isolation level read committed").await?;
    session.query(LOCK, &[]).await?;
    let spaces: Vec<&str> = (entries.iter())
        .map(|entry| of(entry.workspace.as_ref()))
        .collect();
    let erasing = session.query(ERASING, &[&spaces]).await?;
    if let Some(row) = erasing.first() {
        let name: &str = row.get(0);
        let mut all = entries.iter().filter_map(|entry| entry.workspace.as_ref());
        if let Some(workspace) = all.find(|workspace| workspace.as_str() == name) {
            return Err(StoreError::Erasing(workspace.clone()).into());
        }
    }
    append(shared, session, entries).await?;
    session.run("commit").await?;
    Ok(())
}

/// See [`crate::store::Store::audit`].
pub(super) async fn page(shared: &Shared, query: &AuditQuery) -> Result<AuditPage, StoreError> {
    let (from, to) = query.ids();
    let number = |id: AuditId| i64::try_from(id.0).unwrap_or(i64::MAX);
    let (from, mut to) = (number(from), number(to));
    let mut page = AuditPage::default();
    let most = limits::AUDIT_LOOKED_AT;
    let at_once = (query.limit.saturating_add(1)).clamp(100, most) as i64;
    let mut looked_at = 0;
    let mut last = None;
    loop {
        let rows = match &query.workspace {
            Some(workspace) => {
                let params: Params<'_> = &[&from, &to, &at_once, &workspace.as_str()];
                shared.query(PAGE_OF, params).await?
            }
            None => shared.query(PAGE, &[&from, &to, &at_once]).await?,
        };
        for row in &rows {
            if page.entries.len() == query.limit || looked_at == most {
                page.next = last;
                return Ok(page);
            }
            looked_at += 1;
            to = row.get(0);
            let id = AuditId(u64::try_from(to).unwrap_or_default());
            last = Some(id);
            let entry: AuditEntry = read(row.get(1))?;
            if query.fits(&entry) {
                page.entries.push((id, entry));
            }
        }
        if (rows.len() as i64) < at_once {
            return Ok(page);
        }
    }
}

/// Removes entries that are too old.
pub(super) async fn expire(shared: &Shared, session: &Session, now: Millis) -> Result<(), Error> {
    let oldest = now.saturating_sub(u64::from(shared.settings.audit.days) * DAY);
    let oldest = i64::try_from(AuditId::from_time(oldest).0).unwrap_or(i64::MAX);
    session.execute(EXPIRE, &[&oldest]).await.map(drop)
}
