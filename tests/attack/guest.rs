//! A guest of `tests/guests`, built.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// The component.
pub fn component(name: &str) -> anyhow::Result<Vec<u8>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let guests = root.join("tests/guests");
    // The suites' own, so that both build the dependencies once.
    let target = root.join("target/guests");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "-p", name])
        .args(["--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(&guests)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot run cargo in {}", guests.display()))?;
    ensure!(
        status.success(),
        "the guest {name} does not build: {status}"
    );
    let file = format!("wasm32-wasip2/release/{}.wasm", name.replace('-', "_"));
    let path = target.join(file);
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
