//! One row of the table: a server, a number of connections, and what came of it. For the real
//! server this includes seeing every accepted task to its end.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;

use super::api::{Api, PAGE};
use super::client::{self, Accepted, Outcome, Request, Until};
use super::database::{Database, Inserts};
use super::process;
use super::server::Server;

/// How often the server is asked whether anything is left to do: its answers cost CPU too.
const POLL: Duration = Duration::from_millis(20);
/// The longest that accepted tasks may take to come to their end after the last request.
const FINISH: Duration = Duration::from_secs(120);
/// The longest that background work after the last task is waited for, and counted.
const SETTLE: Duration = Duration::from_secs(3);
/// A server that spends less than two ticks of CPU in this time has settled.
const QUIET: Duration = Duration::from_millis(150);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The floor that only parses and answers.
    Echo,
    /// The floor that also makes the record durable.
    Fdatasync,
    /// The bare program that inserts rows of finished tasks into PostgreSQL, in groups over four connections. The number of
    /// connections is that of rows under way.
    Inserts,
    /// The same with two rows a task, in transactions that lock the rows of their partitions for share.
    #[serde(rename = "inserts-locked")]
    InsertsLocked,
    /// The real server.
    Stepwell,
    /// The same with a step in JavaScript that does nothing, whatever `--step` says.
    Script,
    /// The same with a webhook that has a dedup rule; no request repeats another one.
    Dedup,
    /// The same with a webhook whose requests are signed by HMAC-SHA256. They have a delivery id, so it has a dedup rule
    /// as well.
    Verified,
}

impl Target {
    /// Whether it is the real server.
    pub fn is_server(self) -> bool {
        matches!(
            self,
            Self::Stepwell | Self::Script | Self::Dedup | Self::Verified
        )
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Echo => "echo",
            Self::Fdatasync => "fdatasync",
            Self::Inserts => "inserts",
            Self::InsertsLocked => "inserts-locked",
            Self::Stepwell => "stepwell",
            Self::Script => "script",
            Self::Dedup => "dedup",
            Self::Verified => "verified",
        })
    }
}

/// One row. Times to finish are there for the real server only.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub target: Target,
    /// Servers that shared the load.
    pub nodes: usize,
    /// Keep-alive connections, each with one request under way.
    pub connections: usize,
    /// Which round, from 0.
    pub round: usize,
    /// Requests answered with 200 and a task's id.
    pub accepted: u64,
    /// Other answers.
    pub refused: u64,
    /// Accepted, divided by the time from the first request to the last answer.
    pub accepted_per_s: f64,
    /// Accepted, divided by the time from the first request until no task was ready or waiting.
    pub finished_per_s: Option<f64>,
    /// From sending a request to having its answer, milliseconds.
    pub accept_p50_ms: f64,
    /// See `accept_p50_ms`.
    pub accept_p99_ms: f64,
    /// From sending a request to the task's last change, milliseconds.
    pub done_p50_ms: Option<f64>,
    /// See `done_p50_ms`.
    pub done_p99_ms: Option<f64>,
    /// CPU of the servers' processes for each accepted task, microseconds: from the first request
    /// until everything is finished and background work has settled. PostgreSQL's is in it.
    pub cpu_us: f64,
    /// The part of it that is PostgreSQL's.
    pub database_cpu_us: f64,
    /// Bytes of write-ahead log that PostgreSQL wrote for each accepted task.
    pub wal_bytes: f64,
    /// CPU of this process for each answer, microseconds, while it sent.
    pub client_cpu_us: f64,
    /// CPU that the rest of the machine used while the load ran, in percent of one core: what the
    /// figures were disturbed by, and what the kernel did for no process.
    pub others_percent: f64,
    /// Resident memory of the server at the end, MiB.
    pub rss_mib: f64,
    /// The most since the server's start, MiB.
    pub peak_rss_mib: f64,
}

/// A server with what is needed to load it.
pub struct Subject {
    /// Which it is.
    pub target: Target,
    /// The processes; none for the bare program.
    pub servers: Vec<Server>,
    /// The database that they share.
    pub database: Option<Database>,
    /// The bare program.
    pub inserts: Option<Inserts>,
    /// A request, ready to send.
    pub request: Request,
    /// The real server's API.
    pub api: Option<Api>,
}

impl Subject {
    /// Drives the server and measures. Errors if a task does not come to its end, or comes to
    /// another end than `done`.
    pub fn measure(
        &mut self,
        connections: usize,
        round: usize,
        until: Until,
    ) -> anyhow::Result<Row> {
        let wal = self.wal_bytes()?;
        let before = Cpu::now(self)?;
        let outcome = match &self.inserts {
            Some(inserts) => inserts.drive(connections, until)?,
            None => {
                let addresses: Vec<_> = self.servers.iter().map(|it| it.address).collect();
                client::drive(&addresses, &self.request, connections, until)?
            }
        };
        let sent = Cpu::now(self)?;
        ensure!(
            !outcome.accepted.is_empty(),
            "{} accepted nothing: {}",
            self.target,
            outcome.refusal.as_deref().unwrap_or("no request was sent")
        );
        if let Some(refusal) = &outcome.refusal {
            eprintln!("{}: {} refused: {refusal}", self.target, outcome.refused);
        }

        let finished = match &mut self.api {
            Some(api) => Some(wait_until_final(api)?.duration_since(outcome.first)),
            None => None,
        };
        settle_by(|| self.cpu_time())?;
        let settled = Cpu::now(self)?;
        let wal = self.wal_bytes()? - wal;
        let (mut rss, mut peak_rss) = (0, 0);
        for server in &self.servers {
            rss += process::resident(server.pid())?;
            peak_rss += process::peak_resident(server.pid())?;
        }
        let done = match &mut self.api {
            Some(api) => Some(times_to_done(api, &outcome.accepted)?),
            None => None,
        };

        let accepted = outcome.accepted.len() as f64;
        let sending = sent.at.duration_since(before.at).as_secs_f64();
        Ok(Row {
            target: self.target,
            nodes: self.servers.len(),
            connections,
            round,
            accepted: outcome.accepted.len() as u64,
            refused: outcome.refused,
            accepted_per_s: accepted / seconds_sending(&outcome),
            finished_per_s: finished.map(|time| accepted / time.as_secs_f64()),
            accept_p50_ms: outcome.latency.value_at_quantile(0.5) as f64 / 1e3,
            accept_p99_ms: outcome.latency.value_at_quantile(0.99) as f64 / 1e3,
            done_p50_ms: done.as_ref().map(|h| h.value_at_quantile(0.5) as f64 / 1e3),
            done_p99_ms: done
                .as_ref()
                .map(|h| h.value_at_quantile(0.99) as f64 / 1e3),
            cpu_us: (settled.servers - before.servers + self.own_part(&before, &settled))
                .as_secs_f64()
                * 1e6
                / accepted,
            database_cpu_us: (settled.database - before.database).as_secs_f64() * 1e6 / accepted,
            wal_bytes: wal as f64 / accepted,
            client_cpu_us: (sent.own - before.own).as_secs_f64() * 1e6 / outcome.answers() as f64,
            others_percent: sent.others_since(&before).as_secs_f64() * 100.0 / sending,
            rss_mib: mebibytes(rss),
            peak_rss_mib: mebibytes(peak_rss),
        })
    }

    /// CPU time of the servers and of their database.
    fn cpu_time(&self) -> anyhow::Result<Duration> {
        let mut sum = self.database_cpu_time()?;
        for server in &self.servers {
            sum += process::cpu_time(server.pid())?;
        }
        Ok(sum)
    }

    fn database_cpu_time(&self) -> anyhow::Result<Duration> {
        (self.database.as_ref()).map_or(Ok(Duration::ZERO), Database::cpu_time)
    }

    fn wal_bytes(&self) -> anyhow::Result<u64> {
        self.database.as_ref().map_or(Ok(0), Database::wal_bytes)
    }

    /// The CPU time of this process that is the bare program's.
    fn own_part(&self, before: &Cpu, after: &Cpu) -> Duration {
        match self.inserts {
            Some(_) => after.own - before.own,
            None => Duration::ZERO,
        }
    }
}

/// Waits until no task is ready or waiting, and says when that was seen.
pub fn wait_until_final(api: &mut Api) -> anyhow::Result<Instant> {
    let begun = Instant::now();
    while begun.elapsed() < FINISH {
        if api.all_final()? {
            return Ok(Instant::now());
        }
        std::thread::sleep(POLL);
    }
    bail!("tasks are still ready or waiting {FINISH:?} after the last request")
}

/// Waits until the server has stopped using CPU, or for [`SETTLE`].
pub fn settle(server: &Server) -> anyhow::Result<()> {
    settle_by(|| Ok(process::cpu_time(server.pid())?))
}

fn settle_by(cpu_time: impl Fn() -> anyhow::Result<Duration>) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut last = cpu_time()?;
    while begun.elapsed() < SETTLE {
        std::thread::sleep(QUIET);
        let now = cpu_time()?;
        if now - last < Duration::from_millis(20) {
            break;
        }
        last = now;
    }
    Ok(())
}

/// The times from sending each request to its task's last change, in microseconds, read off the
/// listing after the load, so that watching does not disturb. Both clocks are this machine's; the
/// server's has a resolution of 1 ms. Errors if an accepted task is missing or is not `done`.
fn times_to_done(api: &mut Api, accepted: &[Accepted]) -> anyhow::Result<Histogram<u64>> {
    let mut sent: HashMap<u128, u64> = accepted.iter().map(|a| (a.id, a.sent_us)).collect();
    ensure!(
        sent.len() == accepted.len(),
        "the server gave the same id to two tasks"
    );
    let oldest = accepted.iter().map(|a| a.id).min().unwrap_or_default();
    let mut times = Histogram::new_with_bounds(1, 600_000_000, 3)?;
    let mut before = None;
    while !sent.is_empty() {
        let page = api.tasks(None, PAGE, before)?;
        for head in &page.tasks {
            let Some(sent_us) = sent.remove(&head.id.as_u128()) else {
                continue;
            };
            ensure!(
                head.state == "done",
                "task {} ended as `{}`, not `done`",
                head.id,
                head.state
            );
            times.saturating_record(head.updated_us()?.saturating_sub(sent_us).max(1));
        }
        let older = page
            .tasks
            .last()
            .is_none_or(|head| head.id.as_u128() < oldest);
        match page.next {
            Some(next) if !older => before = Some(next),
            _ => break,
        }
    }
    ensure!(
        sent.is_empty(),
        "{} accepted tasks are not in the listing",
        sent.len()
    );
    Ok(times)
}

fn seconds_sending(outcome: &Outcome) -> f64 {
    outcome.last.duration_since(outcome.first).as_secs_f64()
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// CPU time used so far by the servers with their database, by the database alone, by this process and by everything.
struct Cpu {
    at: Instant,
    servers: Duration,
    database: Duration,
    own: Duration,
    machine: Duration,
}

impl Cpu {
    fn now(subject: &Subject) -> anyhow::Result<Self> {
        Ok(Self {
            at: Instant::now(),
            servers: subject.cpu_time()?,
            database: subject.database_cpu_time()?,
            own: process::cpu_time(std::process::id())?,
            machine: process::machine_cpu_time()?,
        })
    }

    fn others_since(&self, before: &Self) -> Duration {
        let ours = (self.servers - before.servers) + (self.own - before.own);
        (self.machine - before.machine).saturating_sub(ours)
    }
}
