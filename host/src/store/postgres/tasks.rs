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
use crate::domain::task::{StoredTask, TaskHead};
use crate::store::shapes::journal::pull_entries;
use crate::store::shapes::read;
use crate::store::{History, StoreError};

const LOAD: &str = "select t.head, t.data, t.journal_bytes, \
    array(select j.entries from journal j where j.workspace = t.workspace and j.task = t.id \
    and j.seq > t.settled order by j.seq) from tasks t where t.workspace = $1 and t.id = $2 \
    and not exists (select from erasing e where e.workspace = $1)";
/// In the order of the ids, up to the one with which they have $3 bytes of data. Lengths are known without reading the data.
const LOAD_MANY: &str = "select n, head, data from (select k.n, t.head, t.data, \
    sum(octet_length(t.data)) over (order by k.n) - octet_length(t.data) as before \
    from unnest($2::uuid[]) with ordinality k (id, n) \
    join tasks t on t.workspace = $1 and t.id = k.id \
    where not exists (select from erasing e where e.workspace = $1)) found \
    where before < $3 order by n";
/// The task, and each row of its journal as one of its own: a journal may be large, and is decoded as it comes.
const HISTORY: &str = "(select null::int8, t.entries, t.head, t.data, t.journal_bytes, t.settled \
    from tasks t where t.workspace = $1 and t.id = $2 \
    and not exists (select from erasing e where e.workspace = $1)) union all \
    (select j.seq, j.entries, null, null, null, null from journal j \
    where j.workspace = $1 and j.task = $2 order by j.seq)";
const DELIVERED: &str = "select task, until from dedup where workspace = $1 and key = $2 \
    and not exists (select from erasing e where e.workspace = $1)";

/// A task as it is stored: its head, its data, the size of its settled journal in bytes, and the unsettled entries.
fn stored(
    head: &[u8],
    data: &str,
    bytes: i64,
    pending: &[Entry],
) -> Result<StoredTask, StoreError> {
    let effects = pending.iter().filter_map(|entry| match entry {
        Entry::Effect(effect) => Some(effect.clone()),
        _ => None,
    });
    let pending_bytes: u64 = pending.iter().map(|entry| entry.bytes() as u64).sum();
    Ok(StoredTask {
        head: read(head)?,
        data: Arc::from(data),
        effects: effects.collect(),
        journal: count(bytes)? + pending_bytes,
    })
}

/// See [`crate::store::Store::load`].
pub(super) async fn load(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<StoredTask>, StoreError> {
    let params: Params<'_> = &[&workspace.as_str(), &Uuid::from(id)];
    let rows = shared.query(LOAD, params).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let mut pending = Vec::new();
    for entries in row.get::<_, Vec<&[u8]>>(3) {
        pull_entries(entries, 0, &mut pending)?;
    }
    stored(row.get(0), row.get(1), row.get(2), &pending).map(Some)
}

/// See [`crate::store::Store::load_many`].
pub(super) async fn load_many(
    shared: &Shared,
    workspace: &WorkspaceName,
    tasks: &[TaskId],
    most: usize,
) -> Result<(Vec<(TaskHead, Arc<str>)>, usize), StoreError> {
    let ids: Vec<Uuid> = tasks.iter().map(|id| Uuid::from(*id)).collect();
    let bytes = i64::try_from(most).unwrap_or(i64::MAX);
    let params: Params<'_> = &[&workspace.as_str(), &ids, &bytes];
    let rows = shared.query(LOAD_MANY, params).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push((read(row.get(1))?, Arc::from(row.get::<_, &str>(2))));
    }
    let loaded: usize = found
        .iter()
        .map(|(_, data): &(_, Arc<str>)| data.len())
        .sum();
    // If they have as much, what is behind the last one was left out.
    let last = rows.last().filter(|_| loaded >= most);
    let count = last.and_then(|row| usize::try_from(row.get::<_, i64>(0)).ok());
    Ok((found, count.unwrap_or(tasks.len())))
}

/// See [`crate::store::Store::history`].
pub(super) async fn history(
    shared: &Shared,
    workspace: &WorkspaceName,
    id: TaskId,
) -> Result<Option<History>, StoreError> {
    let params: Params<'_> = &[&workspace.as_str(), &Uuid::from(id)];
    let (mut task, mut first, mut parts) = (None, Vec::new(), Vec::new());
    let take = |row: Row| {
        let seq: Option<i64> = row.get(0);
        let mut entries = Vec::new();
        pull_entries(row.get(1), 0, &mut entries)?;
        match seq {
            Some(seq) => parts.push((seq, entries)),
            None => {
                first = entries;
                task = Some(row);
            }
        }
        Ok(())
    };
    shared.each(HISTORY, params, take).await?;
    let Some(row) = task else {
        return Ok(None);
    };
    // The database gives them so, and promises it of each part alone.
    parts.sort_by_key(|(seq, _)| *seq);
    let settled: i64 = row.get(5);
    let (mut journal, mut pending) = (first, Vec::new());
    for (seq, entries) in parts {
        match seq <= settled {
            true => journal.extend(entries),
            false => pending.extend(entries),
        }
    }
    let task = stored(row.get(2), row.get(3), row.get(4), &pending)?;
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
    let at = shared.skew.lock().common(at);
    Ok(found
        .filter(|(_, until)| *until > at)
        .map(|(task, _)| task.into()))
}
