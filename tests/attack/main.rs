//! The attack harness: starts the real server, lets one tenant attack it for some seconds, and measures what an
//! honest tenant beside it notices. `docs/benchmarks.md` says what the figures mean.

mod attacker;
mod attacks;
mod figures;
mod guest;
mod half_open;
mod honest;
mod http;
#[allow(dead_code)]
#[path = "../load/process.rs"]
mod process;
#[path = "../load/response.rs"]
mod response;
mod server;
mod upstream;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use attacks::{ATTACKS, Attack};
use figures::{back, between, quantile};
use honest::Honest;
use http::Connection;
use server::Server;

/// How long the honest tenant is alone before the attack, of which the first second is not counted.
const ALONE: Duration = Duration::from_secs(4);
const WARM: Duration = Duration::from_secs(1);
/// How long it is watched after the attack.
const AFTER: Duration = Duration::from_secs(8);
/// How often the server's memory and descriptors are read.
const WATCH: Duration = Duration::from_millis(50);

/// Attacks the real server beside an honest tenant, on 127.0.0.1.
#[derive(Debug, Clone, Parser)]
#[command(name = "attack", bin_name = "cargo bench --bench attack --")]
struct Options {
    /// The attack, or `all`; without it, they are listed.
    #[arg(long, value_delimiter = ',')]
    attack: Vec<String>,
    /// How long each attack lasts, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The server to attack. Default: the one that cargo has just built.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// A further argument to `stepwell serve`; may be repeated.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    serve_arg: Vec<String>,
    /// `cargo bench` passes this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    if options.attack.is_empty() {
        for attack in ATTACKS {
            println!("{:<10} {}", attack.name, attack.about);
        }
        return Ok(());
    }
    let is_asked = |attack: &&Attack| {
        let mut asked = options.attack.iter();
        asked.any(|name| name == "all" || name == attack.name)
    };
    let attacks: Vec<&Attack> = ATTACKS.iter().filter(is_asked).collect();
    ensure!(
        !attacks.is_empty(),
        "there is no such attack; `--attack all` carries all of them out"
    );
    let directory = tempfile::Builder::new()
        .prefix("stepwell-attack-")
        .tempdir()?;
    let upstream = upstream::start()?;
    let mut table = table();
    for attack in attacks {
        eprintln!("{}: {}", attack.name, attack.about);
        table.add_row(measure(options, directory.path(), upstream, attack)?);
    }
    println!("{}", table.trim_fmt());
    Ok(())
}

/// The table of rows that [`measure`] gives.
fn table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([
            "attack",
            "idle p50 ms",
            "p99",
            "attacked p50 ms",
            "p99",
            "p99 ratio",
            "back in s",
            "done",
            "lost",
            "refused",
            "posts",
            "refused",
            "left",
            "RSS MiB",
            "fds",
        ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Adds a workspace with a webhook and a step; gives the webhook's path.
fn tenant(api: &mut Connection, name: &str, step: &[u8]) -> anyhow::Result<String> {
    let workspace = serde_json::json!({ "name": name }).to_string();
    api.call("POST", "/api/v1/workspaces", workspace.as_bytes())?;
    let below = format!("/api/v1/workspaces/{name}");
    api.call("PUT", &format!("{below}/steps/step"), step)?;
    let webhook = api.call("POST", &format!("{below}/webhooks"), br#"{"name":"w"}"#)?;
    let url = webhook["url"].as_str().context("a webhook without a URL")?;
    Ok(url::Url::parse(url)?.path().to_owned())
}

/// Carries one attack out on a new server.
fn measure(
    options: &Options,
    directory: &Path,
    upstream: SocketAddr,
    attack: &Attack,
) -> anyhow::Result<Vec<String>> {
    let default = Path::new(env!("CARGO_BIN_EXE_stepwell"));
    let binary = options.server.as_deref().unwrap_or(default);
    // Building a guest may take minutes, and connections are closed that are idle for so long.
    let hostile = attacks::component(&attack.step, upstream)?;
    let mut arguments = options.serve_arg.clone();
    if attack.half_open > 0 {
        arguments.extend(half_open::tls());
    }
    let mut server = Server::start(binary, directory, &arguments)?;
    let mut api = server.api();
    let one_line = attacks::Step::Script(
        "export const condition = { name: String }; export const content = () => { data.hello = data.name; };",
    );
    let path = tenant(
        &mut api,
        "honest",
        &attacks::component(&one_line, upstream)?,
    )?;
    let attacked_path = tenant(&mut api, "attacker", &hostile)?;

    let begun = Instant::now();
    let honest = Honest::start(&server, "honest", &path, begun);
    std::thread::sleep(ALONE);
    let length = Duration::from_secs(options.seconds);
    let until = Instant::now() + length;
    let sent = attacker::start(attack, &server, "attacker", &attacked_path, until);
    let (mut memory, mut descriptors) = (0, 0);
    let mut left = None;
    while begun.elapsed() < ALONE + length + AFTER && server.is_alive() {
        memory = memory.max(process::resident(server.pid()).unwrap_or(0));
        descriptors = descriptors.max(Server::descriptors(server.pid()));
        if left.is_none() && Instant::now() >= until {
            left = Some(open_tasks(&mut api));
        }
        std::thread::sleep(WATCH);
    }
    let is_alive = server.is_alive();
    if !is_alive {
        eprintln!("{}: THE SERVER ENDED", attack.name);
    }
    let done = honest.stop()?;
    server.end();

    let samples = &done.samples;
    let lost = samples
        .iter()
        .filter(|sample| sample.took.is_none())
        .count();
    let end = ALONE + length;
    let idle = between(samples, WARM, ALONE, end + AFTER);
    let under = between(samples, ALONE, end, end + AFTER);
    let value = |times: &[Duration], at| quantile(times, at).map(|time| time.as_secs_f64() * 1e3);
    let (idle_p99, under_p99) = (value(&idle, 0.99), value(&under, 0.99));
    let ratio = under_p99.zip(idle_p99).map(|(under, idle)| under / idle);
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.2}"));
    Ok(vec![
        attack.name.to_owned(),
        number(value(&idle, 0.5)),
        number(idle_p99),
        number(value(&under, 0.5)),
        number(under_p99),
        number(ratio),
        match back(samples, end, &idle) {
            Some(time) => number(Some(time.as_secs_f64())),
            None => format!("> {}", AFTER.as_secs()),
        },
        (under.len()).to_string(),
        lost.to_string(),
        done.refused.to_string(),
        sent.accepted.load(Ordering::Relaxed).to_string(),
        sent.refused.load(Ordering::Relaxed).to_string(),
        left.flatten()
            .map_or_else(|| "-".into(), |left| left.to_string()),
        match is_alive {
            true => (memory >> 20).to_string(),
            false => format!("{} DEAD", memory >> 20),
        },
        descriptors.to_string(),
    ])
}

/// The attacker's tasks that have not ended.
fn open_tasks(api: &mut Connection) -> Option<u64> {
    let path = "/api/v1/workspaces/attacker/tasks/count";
    let count = api.call("GET", path, b"").ok()?;
    let of = |state: &str| count["counts"][state].as_u64();
    Some(of("ready")? + of("waiting")?)
}
