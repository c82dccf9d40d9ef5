//! `cargo xtask`: builds what cargo alone cannot.

mod bench;
mod js_engine;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask js-engine [--check]

  js-engine           builds guest-sdk/js/engine/stepwell-js.wasm
  js-engine --check   builds it and fails if it is not the one that is there";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let check = match arguments[..] {
        ["js-engine"] => false,
        ["js-engine", "--check"] => true,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match js_engine::run(&root, check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
