//! The same suites against the engine as a native library, without the server: for work on the
//! engine. What a step may use is not bounded here, and a host in memory stands for the server.

#[allow(dead_code, reason = "nothing contains a native run")]
mod judge;
mod memory;
mod options;
mod plan;
mod report;
mod suite;

use std::process::ExitCode;

use clap::Parser;

use options::Options;

fn main() -> ExitCode {
    match options::run(&Options::parse(), memory::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wpt: {error}");
            ExitCode::FAILURE
        }
    }
}
