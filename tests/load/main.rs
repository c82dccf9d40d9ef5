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
    let (server, api, path) = match target {
        Target::Echo => (
            Server::floor(Floor::Echo, dir)?,
            None,
            "/event/load".to_owned(),
        ),
        Target::Fdatasync => (
            Server::floor(Floor::Fdatasync, dir)?,
            None,
            "/event/load".to_owned(),
        ),
        Target::Stepwell => {
            let component = server::component(options)?;
            let server = Server::stepwell(options, dir)?;
            let mut api = server::api(&server, dir)?;
            let path = server::set_up(&mut api, &component)?;
            (server, Some(api), path)
        }
    };
    let request = client::request(server.address, &path, payload);
    Ok(Subject {
        target,
        server,
        request,
        api,
    })
}
