//! PostgreSQL under measurement: one of the benchmark's own for each subject, durable as an operator has it, and the bare
//! program that inserts rows into it.

#[path = "../../host/src/store/postgres/tests/server.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "it is the tests'")]
mod postgres;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::{try_join_all, try_join5};
use hdrhistogram::Histogram;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use super::client::{Accepted, Outcome, Until};
use super::process;
use postgres::PostgresServer;

/// Connections that the bare program inserts over: as many as a node writes over.
const WRITERS: usize = 4;
/// Rows that the bare program copies.
const SAMPLE: i64 = 256;

/// A server that ends with this.
pub struct Database {
    server: PostgresServer,
}

impl Database {
    /// A new one with nothing in it. Its files are in the folder for temporary files.
    pub fn start() -> Self {
        let server = PostgresServer::with(&[
            "fsync=on",
            "shared_buffers=256MB",
            "max_wal_size=4GB",
            "max_connections=100",
        ]);
        Self { server }
    }

    /// What `stepwell serve --store` takes.
    pub fn url(&self) -> String {
        self.server.url()
    }

    fn folder(&self) -> anyhow::Result<PathBuf> {
        let socket = self.server.socket();
        Ok(socket.parent().context("no socket")?.to_owned())
    }

    /// CPU time of all of its processes so far, ended ones included.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        let file = self.folder()?.join("data/postmaster.pid");
        let pid =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let pid = pid.lines().next().unwrap_or_default().parse()?;
        Ok(process::family_cpu_time(pid)?)
    }

    /// Bytes of write-ahead log so far.
    pub fn wal_bytes(&self) -> anyhow::Result<u64> {
        runtime()?.block_on(async {
            let client = self.connect().await?;
            let sql = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::int8";
            let bytes: i64 = client.query_one(sql, &[]).await?.get(0);
            Ok(u64::try_from(bytes)?)
        })
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        // It ends with the client.
        tokio::spawn(connection);
        Ok(client)
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    Ok(runtime.enable_all().build()?)
}

/// Rows of finished tasks, as a node has written them.
#[derive(Default)]
struct Rows {
    states: Vec<i16>,
    rests: Vec<Option<i64>>,
    webhooks: Vec<Option<i64>>,
    bytes: Vec<i64>,
    heads: Vec<Vec<u8>>,
    data: Vec<String>,
    entries: Vec<Vec<u8>>,
}

/// The bare program: it inserts the rows of finished tasks in groups, each a transaction. A node takes requests, runs steps,
/// locks partitions and looks at what is stored beside that. With `locks` it locks the rows of their partitions, too, and inserts
/// the journal of each task as a row of its own.
pub struct Inserts {
    runtime: tokio::runtime::Runtime,
    writers: Vec<(Client, [Statement; 3])>,
    /// Whether it also locks partitions, and inserts a row into the journal.
    locks: bool,
    rows: Rows,
}

const TAKE: &str = "select state, rests, webhook, journal_bytes, head, data, entries \
    from stepwell.tasks where state = 2 limit $1";
const INSERT: &str = "insert into stepwell.tasks (workspace, id, partition, version, state, rests, \
    webhook, settled, journal_bytes, head, data, entries) \
    select 'default', id, partition, 2, state, rests, webhook, 1, bytes, head, data, entries \
    from unnest($1::uuid[], $2::int2[], $3::int2[], $4::int8[], $5::int8[], $6::int8[], \
    $7::bytea[], $8::text[], $9::bytea[]) \
    as n (id, partition, state, rests, webhook, bytes, head, data, entries)";

const LOCK: &str = "select from stepwell.partitions where id = any($1) order by id for share";
const JOURNAL: &str = "insert into stepwell.journal (workspace, task, seq, bytes, entries) \
    select 'default', id, 1, bytes, entries from unnest($1::uuid[], $2::int8[], $3::bytea[]) \
    as n (id, bytes, entries)";

impl Inserts {
    /// Takes rows that a node has left in the database.
    pub fn prepare(database: &Database, locks: bool) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let (rows, writers) = runtime.block_on(async {
            let client = database.connect().await?;
            let mut rows = Rows::default();
            for row in client.query(TAKE, &[&SAMPLE]).await? {
                rows.states.push(row.get(0));
                rows.rests.push(row.get(1));
                rows.webhooks.push(row.get(2));
                rows.bytes.push(row.get(3));
                rows.heads.push(row.get(4));
                rows.data.push(row.get(5));
                rows.entries.push(row.get(6));
            }
            anyhow::ensure!(!rows.data.is_empty(), "the node has left no finished task");
            let mut writers = Vec::new();
            for _ in 0..WRITERS {
                let client = database.connect().await?;
                let insert = client.prepare(INSERT).await?;
                let (lock, journal) = (client.prepare(LOCK).await?, client.prepare(JOURNAL).await?);
                writers.push((client, [insert, lock, journal]));
            }
            anyhow::Ok((rows, writers))
        })?;
        Ok(Self {
            runtime,
            writers,
            locks,
            rows,
        })
    }

    /// Has so many rows under way at any time, in groups of the same size, one over each connection.
    pub fn drive(&self, under_way: usize, until: Until) -> anyhow::Result<Outcome> {
        let used = WRITERS.min(under_way);
        let size = under_way / used;
        let first = Instant::now();
        let writers = self.writers.iter().take(used);
        let each = writers.map(|writer| self.write(writer, size, used, first, until));
        let groups = self.runtime.block_on(try_join_all(each))?;
        let mut outcome = Outcome {
            accepted: Vec::new(),
            refused: 0,
            refusal: None,
            first,
            last: Instant::now(),
            latency: Histogram::new_with_bounds(1, 60_000_000, 3)?,
        };
        for (id, took) in groups.into_iter().flatten() {
            let took = took.as_micros() as u64;
            for _ in 0..size {
                outcome.accepted.push(Accepted { id, sent_us: 0 });
            }
            outcome.latency.record_n(took.max(1), size as u64)?;
        }
        Ok(outcome)
    }

    /// What one connection inserted: of each group the first id, and how long it took.
    async fn write(
        &self,
        (client, [insert, lock, journal]): &(Client, [Statement; 3]),
        size: usize,
        writers: usize,
        first: Instant,
        until: Until,
    ) -> anyhow::Result<Vec<(u128, Duration)>> {
        let mut groups = Vec::new();
        loop {
            let enough = match until {
                Until::Elapsed(time) => first.elapsed() >= time,
                Until::Requests(count) => (groups.len() * size * writers) as u64 >= count,
            };
            if enough {
                return Ok(groups);
            }
            let begun = Instant::now();
            let ids: Vec<Uuid> = (0..size).map(|_| Uuid::now_v7()).collect();
            let partitions: Vec<i16> = ids.iter().map(|id| i16::from(id.as_bytes()[15])).collect();
            let rows = &self.rows;
            let raw: Vec<Raw> = ids.iter().map(|id| Raw(*id.as_bytes())).collect();
            let params: [&(dyn ToSql + Sync); 9] = [
                &raw,
                &partitions,
                &cycle(&rows.states, size),
                &cycle(&rows.rests, size),
                &cycle(&rows.webhooks, size),
                &cycle(&rows.bytes, size),
                &cycle(&rows.heads, size),
                &cycle(&rows.data, size),
                &cycle(&rows.entries, size),
            ];
            if self.locks {
                let partitions: [&(dyn ToSql + Sync); 1] = [&partitions];
                let (bytes, entries) = (cycle(&rows.bytes, size), cycle(&rows.entries, size));
                let rows: [&(dyn ToSql + Sync); 3] = [&raw, &bytes, &entries];
                // Sent one behind the other, answered together.
                try_join5(
                    client.batch_execute("begin"),
                    client.query(lock, &partitions),
                    client.execute(insert, &params),
                    client.execute(journal, &rows),
                    client.batch_execute("commit"),
                )
                .await?;
            } else {
                client.execute(insert, &params).await?;
            }
            let id = ids.first().map_or(0, Uuid::as_u128);
            groups.push((id, begun.elapsed()));
        }
    }
}

fn cycle<T>(values: &[T], count: usize) -> Vec<&T> {
    values.iter().cycle().take(count).collect()
}

/// 16 bytes of a column of type `uuid`.
#[derive(Debug)]
struct Raw([u8; 16]);

impl ToSql for Raw {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }

    tokio_postgres::types::to_sql_checked!();
}
