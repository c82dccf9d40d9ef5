//! Finds tasks: those that are ready or due, and pages of lists.

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
/// One statement for each filter, so that each uses the index that gives its order.
const LIST: &str = "select head from tasks where workspace = $1 and id < $2 \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
const LIST_STATE: &str = "select head from tasks where workspace = $1 and id < $2 and state = $4 \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
const FIND_NAME: &str = "select head from tasks where workspace = $1 and id < $2 and name = $5 \
    and (webhook = $4 or $4 is null) and (tags @> array[$6::int8] or $6 is null) \
    and (state = $7 or $7 is null) \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
const FIND_WEBHOOK: &str = "select head from tasks where workspace = $1 and id < $2 \
    and webhook = $4 and (name = $5 or $5 is null) and (tags @> array[$6::int8] or $6 is null) \
    and (state = $7 or $7 is null) \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
const FIND_TAG: &str = "select head from tasks where workspace = $1 and id < $2 \
    and (webhook = $4 or $4 is null) and (name = $5 or $5 is null) and tags @> array[$6::int8] \
    and (state = $7 or $7 is null) \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
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
    let before = Uuid::from(query.before.unwrap_or(TaskId::MAX));
    let most = limit(query.limit);
    let rows = match query.state.map(state_number) {
        Some(state) => {
            let params: Params<'_> = &[&space, &before, &most, &state];
            shared.query(LIST_STATE, params).await?
        }
        None => shared.query(LIST, &[&space, &before, &most]).await?,
    };
    heads(&rows)
}

/// See [`crate::store::Store::find`].
pub(super) async fn find(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &TaskQuery,
    terms: &Terms,
) -> Result<TaskPage, StoreError> {
    let of = |term, text: &Option<String>| text.as_deref().map(|text| digest(term, text));
    let webhook = of(Term::Webhook, &terms.webhook);
    let name = of(Term::Name, &terms.name);
    let tag = of(Term::Tag, &terms.tag);
    let mut tasks = if terms.is_empty() {
        list(shared, workspace, query).await?
    } else {
        let space = workspace.as_str();
        let before = Uuid::from(query.before.unwrap_or(TaskId::MAX));
        let (most, state) = (limit(query.limit), query.state.map(state_number));
        let sql = match (name, webhook) {
            (Some(_), _) => FIND_NAME,
            (None, Some(_)) => FIND_WEBHOOK,
            (None, None) => FIND_TAG,
        };
        let params: Params<'_> = &[&space, &before, &most, &webhook, &name, &tag, &state];
        heads(&shared.query(sql, params).await?)?
    };
    // A full page may have more behind it.
    let next = match tasks.len() == query.limit {
        true => tasks.last().map(|head| head.id),
        false => None,
    };
    tasks.retain(|head| terms.fit(head));
    Ok(TaskPage { tasks, next })
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
