//! The Rust target that steps are built for: looked for, and fetched by rustup where it is missing.

use std::path::Path;
use std::process::{Command, Stdio};

use super::error::{BuildError, TARGET};

/// Makes sure that the toolchain which the crate in `directory` wants has the target. Where it has
/// not, rustup is asked to fetch it: a first build on a new machine needs nothing typed before it.
pub(super) fn ensure(directory: &Path) -> Result<(), BuildError> {
    if is_there(directory) {
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
        Ok(_) if is_there(directory) => Ok(()),
        Ok(output) if output.status.success() => Err(BuildError::NoTarget(
            "rustup has it, and rustc does not".into(),
        )),
        Ok(output) => Err(BuildError::NoTarget(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
        Err(error) => Err(BuildError::NoTarget(format!("rustup: {error}"))),
    }
}

/// When it cannot be found out, cargo's own words are the better explanation.
fn is_there(directory: &Path) -> bool {
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
