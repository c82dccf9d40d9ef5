//! The load harness: starts the real server, and two floors to hold it against, and drives them
//! over HTTP. `docs/benchmarks.md` says what the figures mean.

mod api;
mod client;
mod database;
mod floor;
mod measure;
mod options;
mod parked;
mod process;
mod report;
mod response;
mod server;
mod stored;

use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use serde::Serialize;

use client::Until;
use database::{Database, Inserts};
use floor::Floor;
use measure::{Row, Subject, Target};
use options::{Options, StoreKind};
use report::Summary;
use server::Server;

/// A contact form, 500 bytes.
const PAYLOAD: &[u8] = include_bytes!("payload.json");

/// What a step in JavaScript costs that does nothing is what each of them costs.
const EMPTY_SCRIPT: &str = "export const condition = {}; export const content = () => {};";

/// Everything measured, as `--json` writes it.
#[derive(Serialize)]
struct Report {
    cores: usize,
    kernel: String,
    payload_bytes: usize,
    /// Medians over the rounds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    summary: Vec<Summary>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<stored::Stored>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parked: Option<parked::Parked>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let parent = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    if let Some(floor) = options.floor {
        return floor::serve(floor, &parent);
    }
    let dir = tempfile::Builder::new()
        .prefix("stepwell-load-")
        .tempdir_in(&parent)
        .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
    let payload = match &options.payload {
        Some(path) => fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => PAYLOAD.to_vec(),
    };
    let mut report = Report {
        cores: std::thread::available_parallelism()?.get(),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
            .trim()
            .to_owned(),
        payload_bytes: payload.len(),
        summary: Vec::new(),
        rows: Vec::new(),
        stored: None,
        parked: None,
    };

    match (options.tasks_stored, options.tasks_parked) {
        (_, Some(tasks)) => {
            let parked = parked::run(options, dir.path(), tasks)?;
            parked::print(&parked);
            report.parked = Some(parked);
        }
        (Some(tasks), None) => {
            let stored = stored::run(options, dir.path(), &payload, tasks)?;
            stored::print(&stored);
            report.stored = Some(stored);
        }
        (None, None) => {
            report.rows = measure_all(options, dir.path(), &payload)?;
            report.summary = report::summarise(&report.rows);
            println!("{}", report::table(&report.summary).trim_fmt());
        }
    }
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let refused: u64 = report.rows.iter().map(|row| row.refused).sum();
    ensure!(refused == 0, "{refused} requests were refused");
    Ok(())
}

/// All rows of all rounds. The servers live through the whole run and take turns: within a round
/// each number of connections is measured on one server after the other, and each round begins
/// with another server, so that none always has the machine at its best.
fn measure_all(options: &Options, dir: &Path, payload: &[u8]) -> anyhow::Result<Vec<Row>> {
    let until = match options.requests {
        Some(count) => Until::Requests(count),
        None => Until::Elapsed(
            Duration::try_from_secs_f64(options.seconds).context("--seconds is no time")?,
        ),
    };
    let mut subjects = Vec::new();
    for target in &options.only {
        // Floors have no nodes.
        let nodes = if target.is_server() {
            &options.nodes[..]
        } else {
            &[1]
        };
        for nodes in nodes {
            subjects.push(subject(options, dir, payload, *target, *nodes)?);
        }
    }
    for subject in &mut subjects {
        // Not counted: the first requests meet cold caches and an empty pool of threads.
        subject.measure(16, 0, Until::Elapsed(Duration::from_millis(300)))?;
    }
    let progress = std::io::stderr().is_terminal();
    let mut rows = Vec::new();
    for round in 0..options.rounds {
        for connections in &options.connections {
            for subject in &mut subjects {
                if progress {
                    eprint!(
                        "\rround {}/{}: {:<10} {connections:>5} connections ",
                        round + 1,
                        options.rounds,
                        subject.target.to_string()
                    );
                }
                rows.push(subject.measure(*connections, round, until)?);
            }
        }
        subjects.rotate_left(1);
    }
    if progress {
        eprintln!();
    }
    Ok(rows)
}

fn subject(
    options: &Options,
    dir: &Path,
    payload: &[u8],
    target: Target,
    nodes: usize,
) -> anyhow::Result<Subject> {
    let floor = |floor| -> anyhow::Result<_> {
        let server = Server::floor(floor, dir)?;
        let request = client::request(server.address, "/event/load", "", payload);
        Ok(Subject {
            target,
            servers: vec![server],
            database: None,
            inserts: None,
            request,
            api: None,
        })
    };
    match target {
        Target::Echo => floor(Floor::Echo),
        Target::Fdatasync => floor(Floor::Fdatasync),
        Target::Inserts | Target::InsertsLocked => {
            // Its rows are those that a node has written.
            let mut node = subject(options, dir, payload, Target::Stepwell, 1)?;
            node.measure(16, 0, Until::Requests(1_000))?;
            let database = node
                .database
                .context("the bare program takes --store postgres")?;
            for server in node.servers {
                server.stop()?;
            }
            Ok(Subject {
                target,
                inserts: Some(Inserts::prepare(
                    &database,
                    target == Target::InsertsLocked,
                )?),
                servers: Vec::new(),
                database: Some(database),
                request: node.request,
                api: None,
            })
        }
        Target::Stepwell | Target::Script | Target::Dedup | Target::Verified => {
            let component = match target {
                Target::Script => server::script(EMPTY_SCRIPT),
                _ => server::component(options)?,
            };
            // Each one has a data directory of its own.
            let dir = tempfile::tempdir_in(dir)?.keep();
            let database = (options.store == StoreKind::Postgres).then(Database::start);
            let servers = cluster(options, &dir, database.as_ref(), nodes)?;
            let mut api = server::api(&servers[0], &dir)?;
            let path = server::set_up(&mut api, &component, &webhook(target))?;
            // Compared with one another, all are sent the same.
            let is_compared = options
                .only
                .iter()
                .any(|it| matches!(it, Target::Dedup | Target::Verified));
            let request = match is_compared {
                true => signed(&servers[0], &path, payload),
                false => client::request(servers[0].address, &path, "", payload),
            };
            Ok(Subject {
                target,
                servers,
                database,
                inserts: None,
                request,
                api: Some(api),
            })
        }
    }
}

/// Servers that share a database, each with its share of the work. The first one's data directory is below `dir` itself.
fn cluster(
    options: &Options,
    dir: &Path,
    database: Option<&Database>,
    nodes: usize,
) -> anyhow::Result<Vec<Server>> {
    ensure!(
        nodes == 1 || (nodes > 1 && database.is_some()),
        "--nodes takes --store postgres and numbers from 1"
    );
    let url = database.map(Database::url);
    let mut servers = vec![Server::stepwell(options, dir, url.as_deref())?];
    for node in 1..nodes {
        let other = dir.join(format!("node-{node}"));
        fs::create_dir_all(server::data_dir(&other))?;
        for secret in ["vault-key", "admin-token"] {
            let from = server::data_dir(dir).join(secret);
            fs::copy(from, server::data_dir(&other).join(secret))?;
        }
        servers.push(Server::stepwell(options, &other, url.as_deref())?);
    }
    for (node, server) in servers.iter().enumerate() {
        let begun = std::time::Instant::now();
        let mut api = server::api(server, dir)?;
        // It has a share when it is ready; the shares are equal some seconds later.
        while api.status("/readyz")? != 200 {
            ensure!(
                begun.elapsed() < FAIR,
                "node {node} gets no share of the tasks"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    if nodes > 1 {
        std::thread::sleep(FAIR / 6);
    }
    Ok(servers)
}

/// The longest that a node may wait for its share.
const FAIR: Duration = Duration::from_secs(30);

const SECRET: &str = "a secret of the load generator";

/// The settings of a server's webhook.
fn webhook(target: Target) -> serde_json::Value {
    match target {
        Target::Verified => {
            serde_json::json!({"name": "load", "provider": "github", "secret": SECRET})
        }
        Target::Dedup => {
            serde_json::json!({"name": "load", "dedup": {"header": "X-GitHub-Delivery"}})
        }
        _ => serde_json::json!({"name": "load"}),
    }
}

/// A request as GitHub signs it, with another delivery id each time.
fn signed(server: &Server, path: &str, payload: &[u8]) -> client::Request {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, payload);
    let hex = data_encoding::HEXLOWER.encode(tag.as_ref());
    let headers = format!("x-github-event: push\r\nx-hub-signature-256: sha256={hex}\r\n");
    client::numbered(
        server.address,
        path,
        ("x-github-delivery", &headers),
        payload,
    )
}
