//! The Rust target that steps are built for: looked for, and installed by rustup if it is missing.

use std::path::Path;
use std::process::{Command, Stdio};

/// The Rust target that steps are built for.
pub const TARGET: &str = "wasm32-wasip2";

/// Installs the target with rustup if the toolchain of the crate in `directory` does not have it, and prints
/// a line to stderr when it does: a first build on a new machine needs nothing typed before it.
///
/// # Errors
/// Why the target could not be installed.
pub(super) fn install_if_missing(directory: &Path) -> Result<(), String> {
    if is_installed(directory) {
        return Ok(());
    }
    eprintln!("fetching the Rust target {TARGET}");
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    match added {
        Ok(_) if is_installed(directory) => Ok(()),
        Ok(output) if output.status.success() => {
            Err("rustup has it, and rustc does not".to_owned())
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("rustup: {error}")),
    }
}

/// True also if rustc cannot be asked: cargo then says why.
fn is_installed(directory: &Path) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(directory)
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
        }
        _ => true,
    }
}
