//! Reads single tasks. Each is one statement, so that head, data and journal are of one moment.

use std::sync::Arc;

use tokio_postgres::Row;

use super::session::Params;
use super::shared::Shared;
use super::values::{Uuid, count, millis};
use crate::domain::clock::Millis;
use crate::domain::dedup::DedupKey;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::journal::Entry;
use crate::domain::task::StoredTask;
use crate::store::shapes::journal::pull_entries;
use crate::store::shapes::read;
use crate::store::{History, StoreError};

const LOAD: &str = "select t.head, t.data, t.journal_bytes, \
    array(select j.entries from journal j where j.workspace = t.workspace and j.task = t.id \
    and j.seq > t.settled order by j.seq) from tasks t where t.workspace = $1 and t.id = $2 \
    and not exists (select from erasing e where e.workspace = $1)";
const HISTORY: &str = "select t.head, t.data, t.journal_bytes, \
    array(select j.entries from journal j where j.workspace = t.workspace and j.task = t.id \
    and j.seq > t.settled order by j.seq), t.entries, \
    array(select j.entries from journal j where j.workspace = t.workspace and j.task = t.id \
    and j.seq <= t.settled order by j.seq) from tasks t where t.workspace = $1 and t.id = $2 \
    and not exists (select from erasing e where e.workspace = $1)";
const DELIVERED: &str = "select task, until from dedup where workspace = $1 and key = $2 \
    and not exists (select from erasing e where e.workspace = $1)";

/// The task of a row, and what the journal has behind its settled part.
fn task(row: &Row) -> Result<(StoredTask, Vec<Entry>), StoreError> {
    let mut pending = Vec::new();
    for entries in row.get::<_, Vec<&[u8]>>(3) {
        pull_entries(entries, 0, &mut pending)?;
    }
    let effects = pending.iter().filter_map(|entry| match entry {
        Entry::Effect(effect) => Some(effect.clone()),
        _ => None,
    });
    let pending_bytes: u64 = pending.iter().map(|entry| entry.bytes() as u64).sum();
    let stored = StoredTask {
        head: read(row.get(0))?,
        data: Arc::from(row.get::<_, &str>(1)),
        effects: effects.collect(),
        journal: count(row.get(2))? + pending_bytes,
    };
    Ok((stored, pending))
}

/// See [`crate::store::Store::load`].
pub(super) async fn load(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<StoredTask>, StoreError> {
    let params: Params<'_> = &[&workspace.as_str(), &Uuid::from(id)];
    let rows = shared.query(LOAD, params).await?;
    let found = rows.first().map(task).transpose()?;
    Ok(found.map(|(stored, _)| stored))
}

/// See [`crate::store::Store::history`].
pub(super) async fn history(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<History>, StoreError> {
    let params: Params<'_> = &[&workspace.as_str(), &Uuid::from(id)];
    let rows = shared.query(HISTORY, params).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let (task, pending) = task(row)?;
    let mut journal = Vec::new();
    pull_entries(row.get(4), 0, &mut journal)?;
    for entries in row.get::<_, Vec<&[u8]>>(5) {
        pull_entries(entries, 0, &mut journal)?;
    }
    journal.extend(pending);
    Ok(Some(History { task, journal }))
}

/// See [`crate::store::Store::delivered`].
pub(super) async fn delivered(
    shared: &Shared,
    workspace: &WorkspaceName,
    key: DedupKey,
    at: Millis,
) -> Result<Option<TaskId>, StoreError> {
    let key = Uuid(*key.as_bytes());
    let rows = shared
        .query(DELIVERED, &[&workspace.as_str(), &key])
        .await?;
    let found = rows
        .first()
        .map(|row| (row.get::<_, Uuid>(0), millis(row.get(1))));
    Ok(found
        .filter(|(_, until)| *until > at)
        .map(|(task, _)| task.into()))
}
