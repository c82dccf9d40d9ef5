//! `--tasks-stored`: what a server with many finished tasks costs to start, to keep in memory and
//! to list.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use uuid::Uuid;

use super::api::{Api, PAGE};
use super::client::{self, Until};
use super::measure::{settle, wait_until_final};
use super::options::Options;
use super::process;
use super::report::plain_table;
use super::server::{self, Server};

/// Connections that the store is filled over.
const CONNECTIONS: usize = 64;
/// Tasks sent between two words of progress.
const CHUNK: u64 = 50_000;
/// How often each page is asked for.
const PAGES: usize = 20;
/// Heads on a page, the API's default.
const HEADS: usize = 50;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Stored {
    tasks: u64,
    /// Tasks divided by the time from the first request to the last answer.
    accepted_per_s: f64,
    /// Tasks divided by the time from the first request until all were finished.
    finished_per_s: f64,
    /// The server's CPU for each task, microseconds.
    cpu_us: f64,
    peak_rss_mib: f64,
    /// The data directory, after SIGTERM.
    disk_bytes_per_task: f64,
    /// How long the server took to end.
    stop_s: f64,
    starts: Vec<Start>,
}

/// A start on the full store.
#[derive(Debug, Serialize)]
struct Start {
    /// How the server before it ended.
    after: &'static str,
    listening_s: f64,
    /// Until `GET /readyz` gave 200.
    ready_s: f64,
    rss_mib: f64,
    /// Over the API.
    first_page: Times,
    middle_page: Times,
    done_page: Times,
    middle_task: Times,
    /// Reading every page of 500, oldest last, and finding each task `done`.
    all_pages_s: f64,
    rss_after_reading_mib: f64,
}

/// What [`PAGES`] equal calls took.
#[derive(Debug, Serialize)]
struct Times {
    median_ms: f64,
    worst_ms: f64,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} (worst {:.2})", self.median_ms, self.worst_ms)
    }
}

/// Fills a server with `tasks` finished tasks through its own API, then starts it again twice:
/// after SIGTERM and after SIGKILL.
pub fn run(options: &Options, dir: &Path, payload: &[u8], tasks: u64) -> anyhow::Result<Stored> {
    let component = server::component(options)?;
    let server = Server::stepwell(options, dir, None)?;
    let mut api = server::api(&server, dir)?;
    let path = server::set_up(&mut api, &component, &serde_json::json!({"name": "load"}))?;
    let request = client::request(server.address, &path, "", payload);

    let cpu = process::cpu_time(server.pid())?;
    let begun = Instant::now();
    let mut sent = 0;
    let mut middle = None;
    while sent < tasks {
        let count = CHUNK.min(tasks - sent);
        let outcome = client::drive(
            &[server.address],
            &request,
            CONNECTIONS,
            Until::Requests(count),
        )?;
        ensure!(
            outcome.refused == 0,
            "{} tasks were refused: {}",
            outcome.refused,
            outcome.refusal.as_deref().unwrap_or_default()
        );
        if let Some(place) = (tasks / 2).checked_sub(sent).filter(|place| *place < count) {
            middle = outcome.accepted.get(place as usize).map(|task| task.id);
        }
        sent += count;
        eprintln!(
            "{sent} accepted, {:.0}/s, RSS {:.0} MiB",
            sent as f64 / begun.elapsed().as_secs_f64(),
            mebibytes(process::resident(server.pid())?)
        );
    }
    let accepted_in = begun.elapsed();
    let finished_in = wait_until_final(&mut api)?.duration_since(begun);
    settle(&server)?;
    let middle = Uuid::from_u128(middle.context("no task was sent")?);
    let cpu = process::cpu_time(server.pid())? - cpu;
    let peak_rss = process::peak_resident(server.pid())?;
    let stop = server.stop()?;
    let disk = bytes_below(&server::data_dir(dir))?;

    let (server, after_stop) = start(options, dir, "SIGTERM", middle, tasks)?;
    server.kill()?;
    let (server, after_kill) = start(options, dir, "SIGKILL", middle, tasks)?;
    server.stop()?;
    Ok(Stored {
        tasks,
        accepted_per_s: tasks as f64 / accepted_in.as_secs_f64(),
        finished_per_s: tasks as f64 / finished_in.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / tasks as f64,
        peak_rss_mib: mebibytes(peak_rss),
        disk_bytes_per_task: disk as f64 / tasks as f64,
        stop_s: stop.as_secs_f64(),
        starts: vec![after_stop, after_kill],
    })
}

fn start(
    options: &Options,
    dir: &Path,
    after: &'static str,
    middle: Uuid,
    tasks: u64,
) -> anyhow::Result<(Server, Start)> {
    let begun = Instant::now();
    let server = Server::stepwell(options, dir, None)?;
    let mut api = server::api(&server, dir)?;
    while api.status("/readyz")? != 200 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let ready = begun.elapsed();
    let rss = process::resident(server.pid())?;
    let first_page = timed(|| {
        let page = api.tasks(None, HEADS, None)?;
        full(page.tasks.len(), tasks)
    })?;
    let middle_page = timed(|| {
        let page = api.tasks(None, HEADS, Some(middle))?;
        full(page.tasks.len(), tasks / 2)
    })?;
    let done_page = timed(|| {
        let page = api.tasks(Some("done"), HEADS, Some(middle))?;
        full(page.tasks.len(), tasks / 2)
    })?;
    let middle_task = format!("/api/v1/workspaces/default/tasks/{middle}");
    let middle_task = timed(|| {
        let status = api.status(&middle_task)?;
        ensure!(status == 200, "the middle task was answered {status}");
        Ok(())
    })?;
    let reading = Instant::now();
    let found = count_done(&mut api)?;
    ensure!(found == tasks, "{found} of {tasks} tasks are there");
    let start = Start {
        after,
        listening_s: server.started_in.as_secs_f64(),
        ready_s: ready.as_secs_f64(),
        rss_mib: mebibytes(rss),
        first_page,
        middle_page,
        done_page,
        middle_task,
        all_pages_s: reading.elapsed().as_secs_f64(),
        rss_after_reading_mib: mebibytes(process::resident(server.pid())?),
    };
    Ok((server, start))
}

/// How many tasks a walk over all pages finds. Errors at one that is not `done`.
fn count_done(api: &mut Api) -> anyhow::Result<u64> {
    let mut found = 0;
    let mut before = None;
    loop {
        let page = api.tasks(None, PAGE, before)?;
        found += page.tasks.len() as u64;
        if let Some(head) = page.tasks.iter().find(|head| head.state != "done") {
            anyhow::bail!("task {} is `{}`, not `done`", head.id, head.state);
        }
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok(found),
        }
    }
}

fn full(heads: usize, older: u64) -> anyhow::Result<()> {
    ensure!(
        heads == HEADS || (heads as u64) < older,
        "a page has {heads} heads, not {HEADS}"
    );
    Ok(())
}

fn timed(mut call: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Times> {
    let mut times = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        let begun = Instant::now();
        call()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(Times {
        median_ms: times[PAGES / 2],
        worst_ms: times[PAGES - 1],
    })
}

fn bytes_below(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() {
            bytes_below(&entry.path())?
        } else {
            about.len()
        };
    }
    Ok(bytes)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Prints what was found.
pub fn print(stored: &Stored) {
    println!(
        "{} tasks: accepted {:.0}/s, finished {:.0}/s, CPU {:.1} us a task, peak RSS {:.0} MiB, \
         {:.0} bytes on disk a task, ended in {:.2} s",
        stored.tasks,
        stored.accepted_per_s,
        stored.finished_per_s,
        stored.cpu_us,
        stored.peak_rss_mib,
        stored.disk_bytes_per_task,
        stored.stop_s
    );
    let mut table = plain_table(&[
        "started after",
        "listening s",
        "ready s",
        "RSS MiB",
        "first page ms",
        "middle page ms",
        "state=done ms",
        "one task ms",
        "all pages s",
        "RSS then MiB",
    ]);
    for start in &stored.starts {
        table.add_row([
            start.after.to_owned(),
            format!("{:.2}", start.listening_s),
            format!("{:.2}", start.ready_s),
            format!("{:.0}", start.rss_mib),
            start.first_page.to_string(),
            start.middle_page.to_string(),
            start.done_page.to_string(),
            start.middle_task.to_string(),
            format!("{:.2}", start.all_pages_s),
            format!("{:.0}", start.rss_after_reading_mib),
        ]);
    }
    println!("{}", table.trim_fmt());
}
