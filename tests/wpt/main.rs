//! Web platform tests, and Node's own, through the server's sandbox and JavaScript engine: every test
//! file is a step. The suites are not part of this repository; `docs/benchmarks.md` says where to get
//! them and what the figures mean.

mod judge;
mod options;
mod plan;
mod report;
mod run;
mod suite;

use std::process::ExitCode;

use clap::Parser;
use stepwell::domain::limits::StepLimits;

use options::Options;
use run::Runner;

fn main() -> ExitCode {
    match sandboxed(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wpt: {error}");
            ExitCode::FAILURE
        }
    }
}

fn sandboxed(options: &Options) -> Result<(), String> {
    let runner = Runner::new(StepLimits {
        fuel: options.fuel,
        timeout_ms: options.timeout,
        ..StepLimits::MOST
    });
    let runner = runner.map_err(|error| format!("{error:#}"))?;
    options::run(options, |case| runner.run(case))
}
