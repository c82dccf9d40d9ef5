//! Pages of lists. Each is one statement, which sees one moment: a task that goes from one state to another is there once.
//!
//! There is a statement for each filter, so that each walks the index that gives its order, whatever the values are: plans do
//! not depend on them. These indexes are by state. So a statement merges a walk for each state, but for a list of one state,
//! which has a statement of its own.

use super::queries::limit;
use super::session::Params;
use super::shared::Shared;
use super::values::{Term, Uuid, digest, state_number};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::task::{TaskHead, TaskState};
use crate::store::shapes::read;
use crate::store::{StoreError, TaskPage, TaskQuery, Terms};

/// Rows of a table that have a state of $5, from the id $4 on and before $2, newest first, as many of each state as `$limit`
/// says. Each is found by its place among the wanted states, which plans know nothing of; a place that is empty has no rows.
macro_rules! in_states {
    ($columns:literal, $table:literal, $condition:literal, $limit:literal) => {
        concat!(
            in_state!($columns, $table, $condition, $limit, "1"),
            " union all ",
            in_state!($columns, $table, $condition, $limit, "2"),
            " union all ",
            in_state!($columns, $table, $condition, $limit, "3"),
            " union all ",
            in_state!($columns, $table, $condition, $limit, "4"),
            " union all ",
            in_state!($columns, $table, $condition, $limit, "5"),
            " union all ",
            in_state!($columns, $table, $condition, $limit, "6"),
            " union all ",
            in_state!($columns, $table, $condition, $limit, "7")
        )
    };
}

/// The same of one state. Without the other six walks, a page of 50 costs PostgreSQL 65 us instead of 91.
macro_rules! in_state {
    ($columns:literal, $table:literal, $condition:literal, $limit:literal) => {
        in_state!($columns, $table, $condition, $limit, "1")
    };
    ($columns:literal, $table:literal, $condition:literal, $limit:literal, $place:literal) => {
        concat!(
            "(select ",
            $columns,
            " from ",
            $table,
            " where workspace = $1 and id < $2 and id >= $4 and state = ($5::int2[])[",
            $place,
            "] and ",
            $condition,
            " order by id desc limit ",
            $limit,
            ")"
        )
    };
}

/// The tasks with one term of `$6` to `$8`, newest first: $9 of them are looked at, and of those that have the others, too,
/// $3 are given. The last one that was looked at is given in any case, without its head if it does not fit.
macro_rules! found {
    ($walked:expr) => {
        concat!(
            "select id, case when fits then head end, n = $9 from (", $walked, ") walked \
             where (fits or n = $9) and not exists (select from erasing e where e.workspace = $1) \
             order by id desc limit $3"
        )
    };
}

pub(super) const LIST: &str = "select head from tasks where workspace = $1 and id < $2 and id >= $4 \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3";
macro_rules! listed {
    ($rows:ident) => {
        concat!(
            "select head from (",
            $rows!("id, head", "tasks", "true", "$3"),
            ") listed \
             where not exists (select from erasing e where e.workspace = $1) order by id desc limit $3"
        )
    };
}
macro_rules! named {
    ($rows:ident) => {
        found!(concat!(
            "select id, head, (webhook = $6::int8 or $6 is null) and (tags @> array[$8::int8] or $8 is null) as fits, \
             row_number() over (order by id desc) as n from (",
            $rows!("id, head, webhook, tags", "tasks", "name = $7", "$9"),
            ") named order by id desc limit $9"
        ))
    };
}
macro_rules! of_webhook {
    ($rows:ident) => {
        found!(concat!(
            "select id, head, (name = $7::int8 or $7 is null) and (tags @> array[$8::int8] or $8 is null) as fits, \
             row_number() over (order by id desc) as n from (",
            $rows!("id, head, name, tags", "tasks", "webhook = $6", "$9"),
            ") of_webhook order by id desc limit $9"
        ))
    };
}
/// Tasks are looked up one by one, in the order of the tag's rows.
macro_rules! tagged {
    ($rows:ident) => {
        found!(concat!(
            "select g.id, t.head, t.fits, g.n from (select id, row_number() over (order by id desc) as n from (",
            $rows!("id", "task_tags", "tag = $8", "$9"),
            ") tagged order by id desc limit $9) g cross join lateral \
             (select head, (webhook = $6::int8 or $6 is null) and (name = $7::int8 or $7 is null) as fits \
             from tasks where workspace = $1 and id = g.id offset 0) t"
        ))
    };
}

/// A statement for tasks of one state, and for those of several.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByStates {
    pub(super) one: &'static str,
    pub(super) several: &'static str,
}

macro_rules! by_states {
    ($statement:ident) => {
        ByStates {
            one: $statement!(in_state),
            several: $statement!(in_states),
        }
    };
}

impl ByStates {
    fn of(self, states: &[i16]) -> &'static str {
        match states {
            [_] => self.one,
            _ => self.several,
        }
    }
}

pub(super) const LIST_STATES: ByStates = by_states!(listed);
pub(super) const FIND_NAME: ByStates = by_states!(named);
pub(super) const FIND_WEBHOOK: ByStates = by_states!(of_webhook);
pub(super) const FIND_TAG: ByStates = by_states!(tagged);
/// How many tasks have each of the terms, up to $5 of each; none for those that are not wanted.
pub(super) const COUNT_TERMS: &str = "select \
    (select count(*) from (select from tasks where workspace = $1 and webhook = $2 order by state, id limit $5) w), \
    (select count(*) from (select from tasks where workspace = $1 and name = $3 order by state, id limit $5) n), \
    (select count(*) from (select from task_tags where workspace = $1 and tag = $4 order by state, id limit $5) t)";

/// Tasks that one statement looks at where they are to have several terms: some 20 ms.
const WALK: usize = 4_000;
/// Tasks that are counted to know of which of several terms there are fewest: some 0.2 ms.
const COUNTED: i64 = 1_000;

fn heads(rows: &[tokio_postgres::Row]) -> Result<Vec<TaskHead>, StoreError> {
    rows.iter().map(|row| read(row.get(0))).collect()
}

/// Ids are before the first one, from the second one on.
fn bounds(query: &TaskQuery) -> (Uuid, Uuid) {
    let before = query.before.unwrap_or(TaskId::MAX);
    (before.into(), query.since.unwrap_or(TaskId::MIN).into())
}

fn states(query: &TaskQuery) -> Vec<i16> {
    let wanted = TaskState::ALL.into_iter().filter(|state| query.has(*state));
    wanted.map(state_number).collect()
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
    let rows = match query.is_for_all() {
        true => {
            let params: Params<'_> = &[&space, &before, &most, &since];
            shared.query(LIST, params).await?
        }
        false => {
            let states = states(query);
            let params: Params<'_> = &[&space, &before, &most, &since, &states];
            shared.query(LIST_STATES.of(&states), params).await?
        }
    };
    heads(&rows)
}

/// The digests of terms.
struct Digests {
    webhook: Option<i64>,
    name: Option<i64>,
    tag: Option<i64>,
}

impl Digests {
    fn of(terms: &Terms) -> Self {
        let of = |term, text: &Option<String>| text.as_deref().map(|text| digest(term, text));
        Self {
            webhook: of(Term::Webhook, &terms.webhook),
            name: of(Term::Name, &terms.name),
            tag: of(Term::Tag, &terms.tag),
        }
    }

    /// The statements that find tasks by one of these, that of which there are fewest first.
    async fn statements(&self, shared: &Shared, space: &str) -> Result<Vec<ByStates>, StoreError> {
        let all = [
            (self.name, FIND_NAME, 1),
            (self.tag, FIND_TAG, 2),
            (self.webhook, FIND_WEBHOOK, 0),
        ];
        let mut wanted: Vec<_> = all
            .into_iter()
            .filter(|(term, ..)| term.is_some())
            .collect();
        if wanted.len() > 1 {
            let params: Params<'_> = &[&space, &self.webhook, &self.name, &self.tag, &COUNTED];
            let rows = shared.query(COUNT_TERMS, params).await?;
            if let Some(counts) = rows.first() {
                wanted.sort_by_key(|(.., column)| counts.get::<_, i64>(*column));
            }
        }
        Ok(wanted.into_iter().map(|(_, sql, _)| sql).collect())
    }
}

/// See [`crate::store::Store::find`].
pub(super) async fn find(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &TaskQuery,
    terms: &Terms,
) -> Result<TaskPage, StoreError> {
    let space = workspace.as_str();
    let wanted = Digests::of(terms);
    let statements = wanted.statements(shared, space).await?;
    let Some(statement) = statements.first() else {
        let tasks = list(shared, workspace, query).await?;
        let last = tasks.last().filter(|_| tasks.len() == query.limit);
        let next = last.map(|head| head.id);
        return Ok(TaskPage { tasks, next });
    };
    let (before, since) = bounds(query);
    let (most, states) = (limit(query.limit), states(query));
    let walk = match statements.len() {
        1 => most,
        _ => most.max(limit(WALK)),
    };
    let Digests { webhook, name, tag } = &wanted;
    let params: Params<'_> = &[
        &space, &before, &most, &since, &states, webhook, name, tag, &walk,
    ];
    let rows = shared.query(statement.of(&states), params).await?;
    // A full page, and one that ends where the look had to end, may have more behind it.
    let last = rows
        .last()
        .filter(|last| rows.len() == query.limit || last.get(2));
    let next = last.map(|row| row.get::<_, Uuid>(0).into());
    let mut tasks = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(head) = row.get::<_, Option<&[u8]>>(1) {
            tasks.push(read(head)?);
        }
    }
    // Another text may have the same digest.
    tasks.retain(|head: &TaskHead| terms.fit(head));
    Ok(TaskPage { tasks, next })
}
