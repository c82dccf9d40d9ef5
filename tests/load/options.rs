//! What can be asked of the harness.

use std::path::PathBuf;

use clap::Parser;

use super::floor::Floor;
use super::measure::Target;

/// Drives the real server, and two floors built beside it, over HTTP on 127.0.0.1.
#[derive(Debug, Clone, Parser)]
#[command(name = "load", bin_name = "cargo bench --bench load --")]
pub struct Options {
    /// Keep-alive connections, one row each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    pub connections: Vec<usize>,

    /// How long each row sends, in seconds.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,

    /// Requests each row sends, instead of a time.
    #[arg(long)]
    pub requests: Option<u64>,

    /// How often all rows are measured. Figures are medians over the rounds.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,

    /// What to measure.
    #[arg(long, value_enum, value_delimiter = ',',
          default_values_t = [Target::Echo, Target::Fdatasync, Target::Stepwell, Target::Script])]
    pub only: Vec<Target>,

    /// Where the servers have their tasks.
    #[arg(long, value_enum, default_value_t = StoreKind::Sled)]
    pub store: StoreKind,

    /// Numbers of servers that share one database and the load, one row each. With `--store postgres`.
    #[arg(long, value_delimiter = ',', default_values_t = [1])]
    pub nodes: Vec<usize>,

    /// The JSON body to send. Default: a contact form of 500 bytes.
    #[arg(long, value_name = "FILE")]
    pub payload: Option<PathBuf>,

    /// The step to run on each task: a component, or a script that imports nothing. Default:
    /// tests/guests/small, built if need be.
    #[arg(long, value_name = "FILE.wasm|FILE.js")]
    pub step: Option<PathBuf>,

    /// The server to measure. Default: the one that cargo has just built.
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,

    /// A further argument to `stepwell serve`; may be repeated.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub serve_arg: Vec<String>,

    /// Where the temporary data directories go. Durability is measured on this file system.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Writes everything measured to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Instead: fills a server with so many finished tasks, then measures start-up, memory and
    /// listing. A million takes minutes.
    #[arg(long, value_name = "COUNT", conflicts_with = "store")]
    pub tasks_stored: Option<u64>,

    /// Instead: parks so many tasks, then measures memory and how late due ones are woken.
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["tasks_stored", "store"])]
    pub tasks_parked: Option<u64>,

    /// Serves a floor; the harness runs itself with this.
    #[arg(long, value_enum, hide = true)]
    pub floor: Option<Floor>,

    /// `cargo bench` passes this to every benchmark.
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// Where servers have their tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    /// In their data directories.
    Sled,
    /// In a PostgreSQL that the benchmark starts; each subject has one of its own.
    Postgres,
}
