//! Finds tasks: those that are ready or due, and pages of lists.

use std::cmp::Reverse;

use super::look::index;
use super::session::Params;
use super::shared::Shared;
use super::values::{Term, Uuid, count, digest, millis, state_number, time};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::partition::Partition;
use crate::domain::task::{TaskHead, TaskState};
use crate::store::codec::damaged;
use crate::store::shapes::read;
use crate::store::{Counts, Ownership, StoreError, TaskPage, TaskQuery, Terms};

const READY: &str = "select id from tasks where workspace = $1 and state = 0 and id > $2 \
    and partition = any($3) and not exists (select from erasing e where e.workspace = $1) \
    order by id limit $4";
const DUE: &str = "select due, workspace, id from tasks t where due is not null and due <= $1 \
    and partition = any($2) and not exists (select from erasing e where e.workspace = t.workspace) \
    order by due, workspace, id limit $3";
/// One statement for each filter, so that each uses the index that gives its order, whatever the values are: plans do not depend
/// on them.
pub(super) const LIST: &str = "select head from tasks where workspace = $1 and id < $2 and id >= $4 \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
pub(super) const LIST_STATE: &str = "select head from tasks where workspace = $1 and id < $2 and id >= $4 \
    and state = $5 and not exists (select from erasing e where e.workspace = $1) \
    order by id desc limit $3";
pub(super) const FIND_NAME: &str = "select head from tasks where workspace = $1 and id < $2 and id >= $4 \
    and state = $5 and name = $7 and (webhook = $6 or $6 is null) \
    and (tags @> array[$8::int8] or $8 is null) \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
pub(super) const FIND_WEBHOOK: &str = "select head from tasks where workspace = $1 and id < $2 and id >= $4 \
    and state = $5 and webhook = $6 and (name = $7 or $7 is null) \
    and (tags @> array[$8::int8] or $8 is null) \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
/// Tasks are looked up one by one, in the order of the tag's rows.
pub(super) const FIND_TAG: &str = "select t.head from task_tags g cross join lateral \
    (select head from tasks t where t.workspace = $1 and t.id = g.id \
    and (t.webhook = $6 or $6 is null) and (t.name = $7 or $7 is null) offset 0) t \
    where g.workspace = $1 and g.tag = $8 and g.state = $5 and g.id < $2 and g.id >= $4 \
    and not exists (select from erasing e where e.workspace = $1) order by g.id desc limit $3";
const COUNT: &str = "select count(*) from (select from tasks where workspace = $1 and state = $2 \
    and not exists (select from erasing e where e.workspace = $1) limit $3) found";

/// Tasks of one state that are counted: some 20 ms.
const MOST: i64 = 100_000;

fn numbers(owned: &Ownership) -> Vec<i16> {
    let owned = Partition::all().filter(|partition| owned.claim(*partition).is_some());
    owned.map(index).collect()
}

fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// See [`crate::store::Store::ready`].
pub(super) async fn ready(
    shared: &Shared,
    owned: &Ownership,
    workspace: &WorkspaceName,
    after: TaskId,
    most: usize,
) -> Result<Vec<TaskId>, StoreError> {
    let partitions = numbers(owned);
    let (space, after, most) = (workspace.as_str(), Uuid::from(after), limit(most));
    let rows = shared
        .query(READY, &[&space, &after, &partitions, &most])
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.get::<_, Uuid>(0).into())
        .collect())
}

/// See [`crate::store::Store::due`].
pub(super) async fn due(
    shared: &Shared,
    owned: &Ownership,
    until: Millis,
    most: usize,
) -> Result<Vec<(Millis, WorkspaceName, TaskId)>, StoreError> {
    let partitions = numbers(owned);
    let rows = shared
        .query(DUE, &[&time(until), &partitions, &limit(most)])
        .await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let name = row.get::<_, &str>(1).parse();
        let name = name.map_err(|error| damaged("a task", &format!("{error}")))?;
        due.push((millis(row.get(0)), name, row.get::<_, Uuid>(2).into()));
    }
    Ok(due)
}

fn heads(rows: &[tokio_postgres::Row]) -> Result<Vec<TaskHead>, StoreError> {
    rows.iter().map(|row| read(row.get(0))).collect()
}

/// See [`crate::store::Store::list`].
pub(super) async fn list(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &TaskQuery,
) -> Result<Vec<TaskHead>, StoreError> {
    let space = workspace.as_str();
    let (before, since) = bounds(query);
    let most = limit(query.limit);
    let rows = match query.state.map(state_number) {
        Some(state) => {
            let params: Params<'_> = &[&space, &before, &most, &since, &state];
            shared.query(LIST_STATE, params).await?
        }
        None => {
            let params: Params<'_> = &[&space, &before, &most, &since];
            shared.query(LIST, params).await?
        }
    };
    heads(&rows)
}

/// Ids are before the first one, from the second one on.
fn bounds(query: &TaskQuery) -> (Uuid, Uuid) {
    let before = query.before.unwrap_or(TaskId::MAX);
    (before.into(), query.since.unwrap_or(TaskId::MIN).into())
}

/// See [`crate::store::Store::find`].
pub(super) async fn find(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &TaskQuery,
    terms: &Terms,
) -> Result<TaskPage, StoreError> {
    let mut tasks = match query.state {
        _ if terms.is_empty() => list(shared, workspace, query).await?,
        Some(state) => in_state(shared, workspace, query, terms, state).await?,
        None => {
            let mut all = Vec::new();
            for state in TaskState::ALL {
                all.extend(in_state(shared, workspace, query, terms, state).await?);
            }
            all.sort_by_key(|head| Reverse(head.id));
            // One that went from one state to another is there twice.
            all.dedup_by_key(|head| head.id);
            all.truncate(query.limit);
            all
        }
    };
    // A full page may have more behind it.
    let next = match tasks.len() == query.limit {
        true => tasks.last().map(|head| head.id),
        false => None,
    };
    tasks.retain(|head| terms.fit(head));
    Ok(TaskPage { tasks, next })
}

/// Tasks in a state that have the digests of what is looked for.
async fn in_state(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &TaskQuery,
    terms: &Terms,
    state: TaskState,
) -> Result<Vec<TaskHead>, StoreError> {
    let of = |term, text: &Option<String>| text.as_deref().map(|text| digest(term, text));
    let webhook = of(Term::Webhook, &terms.webhook);
    let name = of(Term::Name, &terms.name);
    let tag = of(Term::Tag, &terms.tag);
    let sql = match (name, tag, webhook) {
        (Some(_), ..) => FIND_NAME,
        (None, Some(_), _) => FIND_TAG,
        (None, None, _) => FIND_WEBHOOK,
    };
    let (before, since) = bounds(query);
    let (space, most, state) = (workspace.as_str(), limit(query.limit), state_number(state));
    let params: Params<'_> = &[
        &space, &before, &most, &since, &state, &webhook, &name, &tag,
    ];
    heads(&shared.query(sql, params).await?)
}

/// See [`crate::store::Store::counts`].
pub(super) async fn counts(
    shared: &Shared,
    workspace: &WorkspaceName,
) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    for (state, counted) in TaskState::ALL.into_iter().zip(&mut counts.of) {
        let params: Params<'_> = &[&workspace.as_str(), &state_number(state), &MOST];
        let rows = shared.query(COUNT, params).await?;
        *counted = rows.first().map_or(Ok(0), |row| count(row.get(0)))?;
        counts.at_least |= *counted >= MOST as u64;
    }
    Ok(counts)
}
