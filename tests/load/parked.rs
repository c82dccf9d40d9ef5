//! `--tasks-parked`: what tasks that wait cost in memory, and how late a due one is woken beside them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;

use super::api::Api;
use super::client::{self, Until};
use super::measure::settle;
use super::options::Options;
use super::process;
use super::report::plain_table;
use super::server::{self, Server};

/// Connections that the store is filled over.
const CONNECTIONS: usize = 64;
/// Tasks sent between two words of progress.
const CHUNK: u64 = 100_000;
/// How long the tasks that are only there wait: past the end of the measurement.
const LONG_MS: u64 = 24 * 3_600_000;
/// Tasks whose waking is measured, one after the other.
const WOKEN: u64 = 200;
/// When the first of them is due, and how far apart they are.
const FIRST_MS: u64 = 2_000;
const APART_MS: u64 = 7;
/// Past it a task that is due is taken to be forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// What was found, first with no other task and then with many.
#[derive(Debug, Serialize)]
pub struct Parked {
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    parked: u64,
    /// From the time a task was to be woken to its end, which takes one commit more.
    late_ms_p50: u64,
    late_ms_p99: u64,
    late_ms_worst: u64,
    rss_mib: f64,
    /// How long the server took to start on this store, seconds.
    start_s: f64,
}

/// Parks `tasks` tasks on a server, through its own API.
pub fn run(options: &Options, dir: &Path, tasks: u64) -> anyhow::Result<Parked> {
    let component = server::guest("parks")?;
    let server = Server::stepwell(options, dir, None)?;
    let mut api = server::api(&server, dir)?;
    let path = server::set_up(&mut api, &component, &serde_json::json!({"name": "load"}))?;
    let mut rows = vec![measure(&server, &mut api, &path, 0)?];
    let request = parking(&server, &path, LONG_MS);
    let mut sent = 0;
    while sent < tasks {
        let count = CHUNK.min(tasks - sent);
        let until = Until::Requests(count);
        let outcome = client::drive(&[server.address], &request, CONNECTIONS, until)?;
        ensure!(
            outcome.refused == 0,
            "{} were refused: {}",
            outcome.refused,
            outcome.refusal.as_deref().unwrap_or_default()
        );
        sent += count;
        eprintln!("{sent} parked");
    }
    while !api.tasks(Some("ready"), 1, None)?.tasks.is_empty() {
        std::thread::sleep(Duration::from_millis(50));
    }
    settle(&server)?;
    rows.push(measure(&server, &mut api, &path, tasks)?);
    // What a fresh process holds is what the tasks cost, without what filling left behind.
    server.stop()?;
    let server = Server::stepwell(options, dir, None)?;
    let mut api = server::api(&server, dir)?;
    rows.push(measure(&server, &mut api, &path, tasks)?);
    server.stop()?;
    Ok(Parked { rows })
}

fn parking(server: &Server, path: &str, milliseconds: u64) -> client::Request {
    let body = format!("{{\"parkMs\":{milliseconds}}}");
    client::request(server.address, path, "", body.as_bytes())
}

fn measure(server: &Server, api: &mut Api, path: &str, parked: u64) -> anyhow::Result<Row> {
    let mut ids = Vec::new();
    for place in 0..WOKEN {
        let request = parking(server, path, FIRST_MS + place * APART_MS);
        let outcome = client::drive(&[server.address], &request, 1, Until::Requests(1))?;
        ids.extend(outcome.accepted.iter().map(|accepted| accepted.id));
    }
    ensure!(ids.len() as u64 == WOKEN, "{} were accepted", ids.len());
    let until = Instant::now() + FORGOTTEN;
    let mut late = Vec::new();
    for id in ids {
        let id = uuid::Uuid::from_u128(id);
        let (due, ended) = loop {
            if let Some(times) = api.woken(id)? {
                break times;
            }
            ensure!(Instant::now() < until, "task {id} has not been woken");
            // Asking costs the server something, too: it is asked after the fact.
            std::thread::sleep(Duration::from_millis(200));
        };
        late.push(
            ended
                .checked_sub(due)
                .with_context(|| format!("task {id} was woken too early"))?
                / 1000,
        );
    }
    late.sort_unstable();
    Ok(Row {
        parked,
        late_ms_p50: late[late.len() / 2],
        late_ms_p99: late[late.len() * 99 / 100],
        late_ms_worst: late[late.len() - 1],
        rss_mib: process::resident(server.pid())? as f64 / f64::from(1 << 20),
        start_s: server.started_in.as_secs_f64(),
    })
}

/// Prints what was found.
pub fn print(parked: &Parked) {
    let mut table = plain_table(&[
        "parked",
        "late p50 ms",
        "p99",
        "worst",
        "RSS MiB",
        "started in s",
    ]);
    for row in &parked.rows {
        table.add_row([
            row.parked.to_string(),
            row.late_ms_p50.to_string(),
            row.late_ms_p99.to_string(),
            row.late_ms_worst.to_string(),
            format!("{:.0}", row.rss_mib),
            format!("{:.2}", row.start_s),
        ]);
    }
    println!("{}", table.trim_fmt());
}
