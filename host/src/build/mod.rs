//! Builds the file that is uploaded from a step's source, on the author's machine: a crate is built to a component
//! with the author's own cargo, and `naming` derives a step's name from its source.

mod cargo;
pub mod error;
pub mod naming;
mod target;

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::terminal::output::printable;
use crate::terminal::units;
use cargo::{Message, Metadata, Target};
use error::BuildError;
pub use target::TARGET;

/// The first bytes of a component: Wasm's magic, then the component layer (a core module has
/// `01 00 00 00` there).
const COMPONENT_MAGIC: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
/// Lines from the end of cargo's stderr that a failure repeats when they were not shown.
const TAIL_LINES: usize = 60;

/// What happens to cargo's stderr.
pub enum Progress<'p> {
    /// It goes to our stderr, as cargo writes it.
    Show,
    /// Only its end is shown, in the error, should there be one.
    Hide,
    /// As with `Hide`, and the function is called with the name of each crate that is built.
    Crates(&'p mut dyn FnMut(&str)),
}

impl Progress<'_> {
    /// `Hide` for JSON output, whose readers also read stderr.
    pub fn for_output(json: bool) -> Self {
        if json { Self::Hide } else { Self::Show }
    }
}

/// A component that was built.
#[derive(Debug)]
pub struct Built {
    /// The crate's package name.
    pub package: String,
    /// The component's file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

impl Built {
    /// One line for people.
    pub fn summary(&self) -> String {
        format!(
            "built {}, {}",
            printable(&self.package),
            units::size(self.size)
        )
    }
}

/// Builds the crate in `directory` for [`TARGET`] in release; cargo's cache makes a second build
/// cheap. `target_dir` is where cargo puts its files, by default where it always does. Installs the Rust
/// target with rustup if it is missing, and prints a line to stderr when it does, whatever `progress` is.
pub fn build_component(
    directory: &Path,
    target_dir: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Built, BuildError> {
    let manifest = directory.join("Cargo.toml");
    let manifest =
        fs::canonicalize(manifest).map_err(|_| BuildError::NoCrate(directory.to_path_buf()))?;
    let directory = manifest.parent().unwrap_or(directory);
    let package = package_name(metadata(directory, &manifest)?, directory, &manifest)?;
    let mut cargo = cargo_command(directory);
    cargo
        .args(["build", "--release", "--lib", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"]);
    if let Some(target_dir) = target_dir {
        cargo.arg("--target-dir").arg(target_dir);
    }
    target::install_if_missing(directory).map_err(BuildError::NoTarget)?;
    let (succeeded, artifact, stderr_tail) = run(cargo, &manifest, progress)?;
    if !succeeded {
        return Err(BuildError::Failed {
            package,
            output: stderr_tail,
        });
    }
    let path = artifact.ok_or_else(|| BuildError::NoArtifact(package.clone()))?;
    let size = check_component(&path)?;
    Ok(Built {
        package,
        path,
        size,
    })
}

/// `$CARGO`, or `cargo` from PATH, run in the crate's directory so that rustup picks its toolchain.
fn cargo_command(directory: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    command
}

fn spawn_error(error: io::Error) -> BuildError {
    if error.kind() == io::ErrorKind::NotFound {
        BuildError::NoCargo
    } else {
        BuildError::CargoBroken(error)
    }
}

fn metadata(directory: &Path, manifest: &Path) -> Result<Metadata, BuildError> {
    let output = cargo_command(directory)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(spawn_error)?;
    let bad = |text: String| BuildError::BadManifest {
        manifest: manifest.to_path_buf(),
        text,
    };
    if !output.status.success() {
        return Err(bad(String::from_utf8_lossy(&output.stderr)
            .trim()
            .to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| bad(error.to_string()))
}

/// The name of the package that the manifest describes, if it can be a step.
fn package_name(
    metadata: Metadata,
    directory: &Path,
    manifest: &Path,
) -> Result<String, BuildError> {
    let packages = metadata.packages;
    let Some(package) = packages
        .iter()
        .find(|package| package.manifest_path == manifest)
    else {
        return Err(BuildError::Workspace {
            directory: directory.to_path_buf(),
            members: packages.into_iter().map(|package| package.name).collect(),
        });
    };
    let name = package.name.clone();
    if package.targets.iter().any(Target::is_cdylib) {
        Ok(name)
    } else {
        Err(BuildError::NotCdylib(name))
    }
}

/// Runs cargo to its end: whether it succeeded, the `.wasm` file it made for the manifest's
/// package, and the end of its stderr if that was not shown.
fn run(
    mut cargo: Command,
    manifest: &Path,
    mut progress: Progress<'_>,
) -> Result<(bool, Option<PathBuf>, String), BuildError> {
    let show = matches!(progress, Progress::Show);
    cargo.stdout(Stdio::piped()).stderr(if show {
        Stdio::inherit()
    } else {
        Stdio::piped()
    });
    let mut child = cargo.spawn().map_err(spawn_error)?;
    let stderr_tail = tail_of_stderr(&mut child);
    let mut artifact = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(BuildError::CargoBroken)?;
            // A line can be another message, or the output of a build script.
            let Ok(Message::CompilerArtifact(built)) = serde_json::from_str(&line) else {
                continue;
            };
            if let Progress::Crates(each) = &mut progress {
                each(&built.target.name);
            }
            if built.manifest_path == manifest && built.target.is_cdylib() {
                artifact = wasm_file(built.filenames).or(artifact);
            }
        }
    }
    let status = child.wait().map_err(BuildError::CargoBroken)?;
    let stderr_tail = stderr_tail
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    Ok((status.success(), artifact, stderr_tail))
}

/// Keeps the last lines of the child's stderr, read in a thread while stdout is read so that neither pipe
/// fills.
fn tail_of_stderr(child: &mut Child) -> Option<thread::JoinHandle<String>> {
    let stderr = child.stderr.take()?;
    Some(thread::spawn(move || {
        let mut lines = VecDeque::with_capacity(TAIL_LINES);
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if lines.len() == TAIL_LINES {
                lines.pop_front();
            }
            lines.push_back(line);
        }
        Vec::from(lines).join("\n")
    }))
}

fn wasm_file(filenames: Vec<PathBuf>) -> Option<PathBuf> {
    let mut names = filenames.into_iter();
    names.find(|path| path.extension().is_some_and(|ending| ending == "wasm"))
}

/// The size of the component in `path`, if it is one by its first bytes.
fn check_component(path: &Path) -> Result<u64, BuildError> {
    let unreadable = |error| BuildError::Unreadable {
        path: path.to_path_buf(),
        error,
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut head = Vec::with_capacity(COMPONENT_MAGIC.len());
    file.take(COMPONENT_MAGIC.len() as u64)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    if head == COMPONENT_MAGIC {
        Ok(size)
    } else {
        Err(BuildError::NotComponent(path.to_path_buf()))
    }
}

#[cfg(test)]
mod tests;
