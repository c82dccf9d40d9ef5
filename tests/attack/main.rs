//! The attack harness: starts the real server, lets one tenant attack it for some seconds, and measures what an
//! honest tenant beside it notices. `docs/benchmarks.md` says what the figures mean.

mod attacker;
mod attacks;
mod client;
mod figures;
mod fixtures;
mod guest;
mod half_open;
mod honest;
mod http;
mod measure;
mod memory_limit;
#[allow(dead_code)]
#[path = "../load/process.rs"]
mod process;
#[path = "../load/response.rs"]
mod response;
mod server;
mod upstream;
mod urgency;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::Parser;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use attacks::{ATTACKS, Attack};
use measure::measure;

/// Attacks the real server beside an honest tenant, on 127.0.0.1.
#[derive(Debug, Clone, Parser)]
#[command(name = "attack", bin_name = "cargo bench --bench attack --")]
struct Options {
    /// The attack; `all` of them, one after the other; or all `together`. Without it, they are listed.
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
    /// Run the server in a control group with so many MiB of memory. This takes root.
    #[arg(long, value_name = "MIB")]
    memory_limit: Option<u64>,
    /// Kill the server in the middle of each attack, and start it again.
    #[arg(long)]
    kill: bool,
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
    let is_asked = |name: &str| options.attack.iter().any(|asked| asked == name);
    let alone = ATTACKS
        .iter()
        .filter(|attack| is_asked("all") || is_asked(attack.name))
        .map(|attack| (attack.name, vec![attack]));
    let mut attacks: Vec<(&str, Vec<&Attack>)> = alone.collect();
    if is_asked("together") {
        attacks.push(("together", ATTACKS.iter().collect()));
    }
    ensure!(
        !attacks.is_empty(),
        "there is no such attack; `--attack all` carries all of them out, one after the other"
    );
    let directory = tempfile::Builder::new()
        .prefix("stepwell-attack-")
        .tempdir()?;
    let upstream = upstream::start()?;
    let attackers = urgency::runtime("attackers")?;
    let mut table = table();
    for (name, attacks) in attacks {
        let about: Vec<&str> = attacks.iter().map(|attack| attack.about).collect();
        eprintln!("{name}: {}", about.join("; "));
        table.add_row(measure(
            options,
            directory.path(),
            (upstream, &attackers),
            (name, &attacks),
        )?);
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
        .set_header(measure::COLUMNS);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
