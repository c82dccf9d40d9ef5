//! The language's own conformance suite, test262, through the server's sandbox and JavaScript
//! engine: every test file is a step. The suite is not part of this repository; `docs/benchmarks.md`
//! says where to get it and what the figures mean.

mod front;
mod judge;
mod plan;
mod report;
mod run;
mod suite;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;

use report::Report;
use run::Runner;
use stepwell::domain::limits::StepLimits;
use suite::Suite;

/// Runs test262 through the server's sandbox and JavaScript engine.
#[derive(Debug, Clone, Parser)]
#[command(name = "test262", bin_name = "cargo bench --bench test262 --")]
struct Options {
    /// The suite: a checkout of it, or SpiderMonkey's copy (`js/src/tests/test262`).
    #[arg(value_name = "DIR")]
    suite: PathBuf,

    /// Folders to run.
    #[arg(long, value_delimiter = ',', default_values_t = ["language".to_owned(), "built-ins".to_owned()])]
    folders: Vec<String>,

    /// Only files whose path has this in it.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// One file of so many: 10 runs each tenth.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,

    /// Fuel of one run. A few tests loop over all of Unicode.
    #[arg(long, default_value_t = 20_000_000_000)]
    fuel: u64,

    /// Milliseconds of one run.
    #[arg(long, default_value_t = 60_000)]
    timeout: u64,

    /// Seconds after which no further test is begun, and the command fails.
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,

    /// Prints every failure, and what each test that is not applicable lacks.
    #[arg(long)]
    verbose: bool,

    /// Writes the totals and every failure to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// `cargo bench` passes this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("test262: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Fails if the host failed on any file, or if not every file was run; failed tests are figures.
fn run(options: &Options) -> anyhow::Result<()> {
    let suite = Suite::open(&options.suite)?;
    let mut files = suite.files(&options.folders)?;
    if let Some(text) = &options.only {
        files.retain(|file| file.contains(text.as_str()));
    }
    let files: Vec<String> = files
        .into_iter()
        .step_by(usize::try_from(options.every)?)
        .collect();
    ensure!(!files.is_empty(), "no test file is left to run");
    let runner = Runner::new(StepLimits {
        fuel: options.fuel,
        timeout_ms: options.timeout,
        ..StepLimits::MOST
    })?;
    let begun = Instant::now();
    let mut report = Report::new(suite.version());
    for (done, file) in files.iter().enumerate() {
        if begun.elapsed() > Duration::from_secs(options.seconds) {
            report.not_begun = files.len() - done;
            break;
        }
        if done % 1_000 == 0 {
            eprintln!("{done} of {}: {file}", files.len());
        }
        let result = runner.file(&suite, file)?;
        if options.verbose {
            result.print(file);
        }
        report.add(file, result);
    }
    report.seconds = begun.elapsed().as_secs();
    print!("{}", report.table());
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let faults = report.host_faults();
    ensure!(faults == 0, "the host failed on {faults} files");
    let left = report.not_begun;
    ensure!(
        left == 0,
        "{left} files were not begun within {} s; raise it with --seconds",
        options.seconds
    );
    Ok(())
}
