//! Finds tasks that are ready or due, and counts tasks.

use super::look::index;
use super::session::Params;
use super::shared::Shared;
use super::values::{Uuid, count, millis, state_number, time};
use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::partition::Partition;
use crate::domain::task::TaskState;
use crate::store::codec::damaged;
use crate::store::{Counts, Due, Ownership, StoreError};

const READY: &str = "select id from tasks where workspace = $1 and state = 0 and id > $2 \
    and partition = any($3) and not exists (select from erasing e where e.workspace = $1) \
    order by id limit $4";
const DUE: &str = "select due, workspace, id from tasks t where due is not null and due <= $1 \
    and (due, workspace, id) > ($4, $5, $6) and partition = any($2) and not exists (select from erasing e where e.workspace = t.workspace) \
    order by due, workspace, id limit $3";
/// One statement sees one moment: a task that goes from one state to another meanwhile is counted once.
pub(super) const COUNT: &str = "select wanted.state, (select count(*) from (select from tasks t \
    where t.workspace = $1 and t.state = wanted.state limit $3) found) \
    from unnest($2::int2[]) as wanted (state) \
    where not exists (select from erasing e where e.workspace = $1)";

/// Tasks of one state that are counted: some 20 ms.
const MOST: i64 = 100_000;

fn numbers(owned: &Ownership) -> Vec<i16> {
    let owned = Partition::all().filter(|partition| owned.claim(*partition).is_some());
    owned.map(index).collect()
}

pub(super) fn limit(limit: usize) -> i64 {
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
    // The database would look at all that wait to find none.
    if owned.is_empty() {
        return Ok(Vec::new());
    }
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
    after: Option<&Due>,
    (until, most): (Millis, usize),
) -> Result<Vec<Due>, StoreError> {
    if owned.is_empty() {
        return Ok(Vec::new());
    }
    let partitions = numbers(owned);
    // Before all that there are.
    let (due_at, workspace, id) = match after {
        Some((due_at, workspace, id)) => (time(*due_at), workspace.as_str(), Uuid::from(*id)),
        None => (time(0), "", Uuid::from(TaskId::MIN)),
    };
    let params: Params<'_> = &[
        &time(until),
        &partitions,
        &limit(most),
        &due_at,
        &workspace,
        &id,
    ];
    let rows = shared.query(DUE, params).await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let name = row.get::<_, &str>(1).parse();
        let name = name.map_err(|error| damaged("a task", &format!("{error}")))?;
        due.push((millis(row.get(0)), name, row.get::<_, Uuid>(2).into()));
    }
    Ok(due)
}

/// See [`crate::store::Store::counts`].
pub(super) async fn counts(
    shared: &Shared,
    workspace: &WorkspaceName,
) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    let states = TaskState::ALL.map(state_number);
    let params: Params<'_> = &[&workspace.as_str(), &states.as_slice(), &MOST];
    for row in shared.query(COUNT, params).await? {
        let state: i16 = row.get(0);
        let Some(place) = states.iter().position(|one| *one == state) else {
            continue;
        };
        counts.of[place] = count(row.get(1))?;
        counts.at_least |= counts.of[place] >= MOST as u64;
    }
    Ok(counts)
}
