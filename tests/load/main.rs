//! The load harness: starts the real server, and two floors to hold it against, and drives them
//! over HTTP. `docs/benchmarks.md` says what the figures mean.

mod api;
mod client;
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
use floor::Floor;
use measure::{Row, Subject, Target};
use options::Options;
use report::Summary;
use server::Server;

/// A contact form, 500 bytes.
const PAYLOAD: &[u8] = include_bytes!("payload.json");

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
    let mut subjects = options
        .only
        .iter()
        .map(|target| subject(options, dir, payload, *target))
        .collect::<anyhow::Result<Vec<Subject>>>()?;
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
) -> anyhow::Result<Subject> {
    let floor = |floor| -> anyhow::Result<_> {
        let server = Server::floor(floor, dir)?;
        let request = client::request(server.address, "/event/load", "", payload);
        Ok(Subject {
            target,
            server,
            request,
            api: None,
        })
    };
    match target {
        Target::Echo => floor(Floor::Echo),
        Target::Fdatasync => floor(Floor::Fdatasync),
        Target::Stepwell | Target::Dedup | Target::Verified => {
            let component = server::component(options)?;
            // Each one has a data directory of its own.
            let dir = dir.join(target.to_string());
            fs::create_dir_all(&dir)?;
            let server = Server::stepwell(options, &dir)?;
            let mut api = server::api(&server, &dir)?;
            let path = server::set_up(&mut api, &component, &webhook(target))?;
            // Compared with one another, all are sent the same.
            let is_compared = options
                .only
                .iter()
                .any(|it| it.is_server() && *it != Target::Stepwell);
            let request = match is_compared {
                true => signed(&server, &path, payload),
                false => client::request(server.address, &path, "", payload),
            };
            Ok(Subject {
                target,
                server,
                request,
                api: Some(api),
            })
        }
    }
}

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
