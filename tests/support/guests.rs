//! Guests, built once per test process from `tests/guests` and `examples`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::repository;

/// The component of a guest in `tests/guests`, or else of an example.
pub fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let file = format!("{}.wasm", name.replace('-', "_"));
    let found = BUILT.get_or_init(|| build("tests/guests"));
    let _: &() = found;
    let path = artifacts().join(&file);
    if path.exists() { path } else { example(name) }
}

/// The component of an example.
pub fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| build("examples"));
    let path = artifacts().join(format!("{}.wasm", name.replace('-', "_")));
    assert!(
        path.exists(),
        "there is no guest `{name}`: {}",
        path.display()
    );
    path
}

/// One target directory for both workspaces: their dependencies are built once.
fn target_dir() -> PathBuf {
    repository().join("target").join("guests")
}

fn artifacts() -> PathBuf {
    target_dir().join("wasm32-wasip2").join("release")
}

fn build(workspace: &str) {
    let folder: &Path = &repository().join(workspace);
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--locked",
            "--target",
            "wasm32-wasip2",
            "--workspace",
        ])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target_dir())
        // What cargo set for this test must not reach the guests' build.
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "the guests in {workspace} do not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
