//! The second round trip of a transaction: writes, and commits.

use futures_util::future::{join, join5};
use tokio_postgres::{Client, Error, Statement};

use super::group::{Delivered, Group, HeadWrite, JournalRow, TaskKey};
use super::look::index;
use super::part::Head;
use super::session::{Params, Session};
use super::values::{Uuid, number, time};
use crate::domain::dedup::Dedup;
use crate::domain::ids::TaskId;
use crate::domain::inbox::RequestId;
use crate::domain::partition::Partition;

// Each of these fails if it does not write as many rows as it was given, by a division by zero: then another transaction
// was faster, the commit behind it is a rollback, and all is done once more. New tasks fail by their ids, and if one of
// their workspaces was deleted, or is another one of the same name ([`Part::revision`](super::part::Part::revision)).

const PUT_KEYS: &str = "with put as (insert into dedup as d (workspace, key, task, came, until) \
    select * from unnest($1::text[], $2::uuid[], $3::uuid[], $4::int8[], $5::int8[]) \
    on conflict (workspace, key) do update \
    set task = excluded.task, came = excluded.came, until = excluded.until \
    where d.until <= excluded.came returning 1) \
    select 1 / (count(*) = cardinality($1::text[]))::int from put";
const MOVE_TASKS: &str = "with put as (update tasks t set version = n.version, state = n.state, \
    due = n.due, rests = n.rests, webhook = n.webhook, name = n.name, \
    tags = string_to_array(n.tags, ',')::int8[], settled = n.settled, \
    journal_bytes = n.journal_bytes, head = n.head, data = coalesce(n.data, t.data) \
    from unnest($1::text[], $2::uuid[], $3::int8[], $4::int8[], $5::int2[], $6::int8[], $7::int8[], \
    $8::int8[], $9::int8[], $10::text[], $11::int8[], $12::int8[], $13::bytea[], $14::text[]) \
    as n (workspace, id, expected, version, state, due, rests, webhook, name, tags, settled, \
    journal_bytes, head, data) \
    where t.workspace = n.workspace and t.id = n.id and t.version = n.expected returning 1) \
    select 1 / (count(*) = cardinality($1::text[]))::int from put";
const NEW_TASKS: &str = "insert into tasks (workspace, id, partition, version, state, due, rests, \
    webhook, name, tags, settled, journal_bytes, head, data, entries) \
    select workspace, id, partition, version, state, due, rests, webhook, name, \
    string_to_array(tags, ',')::int8[], settled, journal_bytes, head, data, entries \
    from unnest($1::text[], $2::uuid[], $3::int2[], $4::int8[], $5::int2[], $6::int8[], $7::int8[], \
    $8::int8[], $9::int8[], $10::text[], $11::int8[], $12::int8[], $13::bytea[], $14::text[], \
    $15::bytea[]) as n (workspace, id, partition, version, state, due, rests, webhook, name, tags, \
    settled, journal_bytes, head, data, entries) where (select 1 / (count(*) = 0)::int \
    from erasing e where e.workspace = any($16::text[])) = 1 and (select 1 / (count(*) = 0)::int \
    from setup s where s.kind = 1 and s.workspace = any($16::text[]) and s.name = '' \
    and s.mark > $17) = 1";
const JOURNAL: &str = "insert into journal (workspace, task, seq, bytes, entries) \
    select * from unnest($1::text[], $2::uuid[], $3::int8[], $4::int8[], $5::bytea[])";

const ANSWERS: &str = "with put as (update inbox i set answered = clock_timestamp(), head = n.head \
    from unnest($1::uuid[], $2::bytea[]) as n (id, head) \
    where i.id = n.id and i.answered is null returning 1) \
    select 1 / (count(*) = cardinality($1::uuid[]))::int from put";

/// Writes what a group has come to, and commits. Returns how the writes ended, and how the commit did: if a write was refused,
/// the commit was a rollback.
pub(super) async fn put(
    session: &Session,
    group: &Group<'_>,
) -> (Result<(), Error>, Result<(), Error>) {
    let (mut moved, mut new) = (Vec::new(), Vec::new());
    for (task, write) in &group.heads {
        match write.expected {
            Some(_) => moved.push((*task, write)),
            None => new.push((*task, write)),
        }
    }
    // In one order, so that no two transactions wait for each other.
    let mut keys: Vec<(Delivered<'_>, (TaskId, Dedup))> = group
        .new_keys
        .iter()
        .map(|(key, taken)| (*key, *taken))
        .collect();
    keys.sort_unstable_by_key(|(key, _)| *key);
    moved.sort_unstable_by_key(|(task, _)| *task);
    new.sort_unstable_by_key(|(task, _)| *task);
    let prepared = match Prepared::of(session, group).await {
        Ok(prepared) => prepared,
        Err(error) => return (Err(error), Ok(())),
    };
    let client = &session.client;
    // Sent one behind the other in this order, as no statement has to be prepared first.
    let (keys, moved, new, journal, (answers, committed)) = join5(
        put_keys(client, &prepared.keys, &keys),
        move_tasks(client, &prepared.moved, &moved),
        new_tasks(client, &prepared.new, &new),
        put_journal(client, &prepared.journal, &group.journal),
        join(
            put_answers(client, prepared.answers.as_ref(), &group.answers),
            client.batch_execute("commit"),
        ),
    )
    .await;
    let written = keys.and(moved).and(new).and(journal).and(answers);
    (written, committed)
}

struct Prepared {
    keys: Statement,
    moved: Statement,
    new: Statement,
    journal: Statement,
    answers: Option<Statement>,
}

impl Prepared {
    async fn of(session: &Session, group: &Group<'_>) -> Result<Self, Error> {
        let answers = match group.answers.is_empty() {
            true => None,
            false => Some(session.statement(ANSWERS).await?),
        };
        Ok(Self {
            answers,
            keys: session.statement(PUT_KEYS).await?,
            moved: session.statement(MOVE_TASKS).await?,
            new: session.statement(NEW_TASKS).await?,
            journal: session.statement(JOURNAL).await?,
        })
    }
}

async fn put_keys(
    client: &Client,
    statement: &Statement,
    keys: &[(Delivered<'_>, (TaskId, Dedup))],
) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let spaces: Vec<&str> = keys.iter().map(|((space, _), _)| space.as_str()).collect();
    let names: Vec<Uuid> = (keys.iter())
        .map(|((_, key), _)| Uuid(*key.as_bytes()))
        .collect();
    let tasks: Vec<Uuid> = keys.iter().map(|(_, (task, _))| (*task).into()).collect();
    let came: Vec<i64> = keys.iter().map(|(_, (_, dedup))| time(dedup.at)).collect();
    let until: Vec<i64> = (keys.iter())
        .map(|(_, (_, dedup))| time(dedup.until))
        .collect();
    let params: Params<'_> = &[&spaces, &names, &tasks, &came, &until];
    client.query(statement, params).await.map(drop)
}

/// Columns that new and moved tasks have in common.
struct Columns<'a> {
    spaces: Vec<&'a str>,
    ids: Vec<Uuid>,
    versions: Vec<i64>,
    states: Vec<i16>,
    due: Vec<Option<i64>>,
    rests: Vec<Option<i64>>,
    webhooks: Vec<Option<i64>>,
    names: Vec<Option<i64>>,
    tags: Vec<Option<&'a str>>,
    settled: Vec<i64>,
    bytes: Vec<i64>,
    heads: Vec<&'a [u8]>,
    data: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(tasks: &[(TaskKey<'a>, &'a HeadWrite<'a>)]) -> Self {
        fn each<'a, T>(
            tasks: &[(TaskKey<'a>, &'a HeadWrite<'a>)],
            get: impl Fn(&'a HeadWrite<'a>) -> T,
        ) -> Vec<T> {
            tasks.iter().map(|(_, write)| get(write)).collect()
        }
        Self {
            spaces: tasks.iter().map(|((space, _), _)| space.as_str()).collect(),
            ids: tasks.iter().map(|((_, id), _)| (*id).into()).collect(),
            versions: each(tasks, |write| number(write.head.version)),
            states: each(tasks, |write| write.head.state),
            due: each(tasks, |write| write.head.due),
            rests: each(tasks, |write| write.head.rests),
            webhooks: each(tasks, |write| write.head.webhook),
            names: each(tasks, |write| write.head.name),
            tags: each(tasks, |write| write.head.tags.as_deref()),
            settled: each(tasks, |write| write.settled),
            bytes: each(tasks, |write| write.journal_bytes),
            heads: each(tasks, |write| &write.head.value[..]),
            data: each(tasks, |write| write.data),
        }
    }
}

async fn move_tasks(
    client: &Client,
    statement: &Statement,
    tasks: &[(TaskKey<'_>, &HeadWrite<'_>)],
) -> Result<(), Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let expected: Vec<i64> = (tasks.iter())
        .map(|(_, write)| number(write.expected.unwrap_or(0)))
        .collect();
    let of = Columns::of(tasks);
    let params: Params<'_> = &[
        &of.spaces,
        &of.ids,
        &expected,
        &of.versions,
        &of.states,
        &of.due,
        &of.rests,
        &of.webhooks,
        &of.names,
        &of.tags,
        &of.settled,
        &of.bytes,
        &of.heads,
        &of.data,
    ];
    client.query(statement, params).await.map(drop)
}

async fn new_tasks(
    client: &Client,
    statement: &Statement,
    tasks: &[(TaskKey<'_>, &HeadWrite<'_>)],
) -> Result<(), Error> {
    if tasks.is_empty() {
        return Ok(());
    }
    let partitions: Vec<i16> = (tasks.iter())
        .map(|((_, id), _)| index(Partition::of(*id)))
        .collect();
    let entries: Vec<&[u8]> = tasks.iter().map(|(_, write)| write.entries).collect();
    let known = tasks.iter().map(|(_, write)| write.revision).min();
    let known = number(known.unwrap_or(u64::MAX));
    let of = Columns::of(tasks);
    // Each once: they are in order.
    let mut all = of.spaces.clone();
    all.dedup();
    let params: Params<'_> = &[
        &of.spaces,
        &of.ids,
        &partitions,
        &of.versions,
        &of.states,
        &of.due,
        &of.rests,
        &of.webhooks,
        &of.names,
        &of.tags,
        &of.settled,
        &of.bytes,
        &of.heads,
        &of.data,
        &entries,
        &all,
        &known,
    ];
    client.execute(statement, params).await.map(drop)
}

async fn put_answers(
    client: &Client,
    statement: Option<&Statement>,
    answers: &[(RequestId, &Head)],
) -> Result<(), Error> {
    let Some(statement) = statement else {
        return Ok(());
    };
    let ids: Vec<Uuid> = answers.iter().map(|(id, _)| (*id).into()).collect();
    let heads: Vec<&[u8]> = answers.iter().map(|(_, head)| &head.value[..]).collect();
    client.query(statement, &[&ids, &heads]).await.map(drop)
}

async fn put_journal(
    client: &Client,
    statement: &Statement,
    rows: &[JournalRow<'_>],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let spaces: Vec<&str> = rows.iter().map(|row| row.task.0.as_str()).collect();
    let tasks: Vec<Uuid> = rows.iter().map(|row| row.task.1.into()).collect();
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let bytes: Vec<i64> = rows.iter().map(|row| row.bytes).collect();
    let entries: Vec<&[u8]> = rows.iter().map(|row| row.entries).collect();
    let params: Params<'_> = &[&spaces, &tasks, &seqs, &bytes, &entries];
    client.execute(statement, params).await.map(drop)
}
