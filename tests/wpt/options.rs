//! The command line, of the run through the sandbox and of the native one.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;

use super::judge::Ran;
use super::report::Report;
use super::suite::{Case, Plan, Suite};

/// Runs Web platform tests, and tests of Node's, as steps.
#[derive(Debug, Clone, Parser)]
#[command(name = "wpt", bin_name = "cargo bench --bench wpt --")]
pub struct Options {
    /// Node's folder `test`, or a checkout of the Web platform tests.
    #[arg(value_name = "DIR")]
    pub suite: PathBuf,

    /// Folders to run; `node` is Node's own tests.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "url,encoding,console,html/webappapis,FileAPI,WebCryptoAPI,dom/abort,fetch/api/headers,fetch/api/body,\
         fetch/api/request,fetch/api/response,xhr/formdata,node"
    )]
    pub folders: Vec<String>,

    /// Only files whose path has this in it.
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,

    /// Fuel of one run, through the sandbox. A few files have ten thousand tests.
    #[arg(long, default_value_t = 100_000_000_000)]
    pub fuel: u64,

    /// Milliseconds of one run, through the sandbox.
    #[arg(long, default_value_t = 120_000)]
    pub timeout: u64,

    /// Seconds after which no further file is begun, and the command fails.
    #[arg(long, default_value_t = 3_600)]
    pub seconds: u64,

    /// Prints every failure, and what each file that is not applicable lacks.
    #[arg(long)]
    pub verbose: bool,

    /// Writes the totals and every failure to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// `cargo bench` passes this to every benchmark.
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// Runs what the options name and prints the report.
///
/// # Errors
/// The host failed on a file, not every file was run, or the suite cannot be read; failed tests are
/// figures.
pub fn run(options: &Options, mut one: impl FnMut(&Case) -> Ran) -> Result<(), String> {
    let suite = Suite::open(&options.suite)?;
    let mut files = suite.files(&options.folders)?;
    if let Some(text) = &options.only {
        files.retain(|file| file.contains(text.as_str()));
    }
    if files.is_empty() {
        return Err("no test file is left to run".to_owned());
    }
    let begun = Instant::now();
    let mut report = Report::default();
    let mut left = 0;
    for file in &files {
        if begun.elapsed() > Duration::from_secs(options.seconds) {
            left += 1;
            continue;
        }
        match suite.plan(file)? {
            Plan::NotApplicable(what) => {
                if options.verbose {
                    println!("n/a {file}: {what}");
                }
                report.leave_out(file, what);
            }
            Plan::Run(cases) => {
                for case in cases {
                    let known = report.failures.len();
                    report.add(&case.name, one(&case));
                    if options.verbose {
                        for failure in &report.failures[known..] {
                            println!("failed {}: {}: {}", failure.file, failure.test, failure.why);
                        }
                    }
                }
            }
        }
    }
    println!("{} s\n\n{}", begun.elapsed().as_secs(), report.table());
    if let Some(path) = &options.json {
        let written = fs::write(path, format!("{:#}\n", report.json()));
        written.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    let faults = report.host_faults();
    if faults > 0 {
        return Err(format!("the host failed on {faults} files"));
    }
    if left > 0 {
        return Err(format!(
            "{left} files were not begun within {} s; raise it with --seconds",
            options.seconds
        ));
    }
    Ok(())
}
