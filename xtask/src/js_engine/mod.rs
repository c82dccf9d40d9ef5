//! `js-engine`: compiles the engine's component, runs its `init`, and keeps the memory that it
//! leaves as a snapshot, so that no run pays for starting JavaScript. It does so twice: what is written to by runs with
//! the first snapshot lies side by side in the second.

mod compile;
mod plan;
mod snapshot;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Builds the engine; with `check` compares it to the one that is committed instead of writing it.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let root = root.canonicalize().context("the repository")?;
    let compiled = compile::component(&root)?;
    eprintln!("compiled: {} KiB", compiled.len() / 1024);
    let first = snapshot::of(&compiled)?;
    let wanted = plan::of(&first)?;
    eprintln!("arenas that runs write to: {}", wanted.len());
    let engine = snapshot::of(&plan::with(&compiled, &wanted)?)?;
    let digest = HEXLOWER.encode(&Sha256::digest(&engine));
    eprintln!("snapshot: {} KiB, sha256 {digest}", engine.len() / 1024);
    let folder = root.join("guest-sdk/js/engine");
    let wasm = folder.join("stepwell-js.wasm");
    if check {
        let committed = fs::read(&wasm).with_context(|| wasm.display().to_string())?;
        if committed != engine {
            bail!(
                "the engine differs from guest-sdk/js/engine: run `cargo xtask js-engine` and commit it"
            );
        }
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    fs::write(&wasm, &engine)?;
    fs::write(
        folder.join("stepwell-js.sha256"),
        format!("{digest}  stepwell-js.wasm\n"),
    )?;
    Ok(())
}
