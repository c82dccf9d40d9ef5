//! From a step's source to what is uploaded, on the author's machine: a crate is built to a component
//! with the author's own cargo, and `naming` says what a step is called after its source.

pub mod error;
pub mod naming;
mod target;

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::terminal::output::printable;
use crate::terminal::units;
use error::BuildError;
pub use error::TARGET;

/// The first bytes of a component: Wasm's magic, then the component layer (a core module has
/// `01 00 00 00` there).
const COMPONENT_MAGIC: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
/// How many of cargo's last lines a failure repeats when nobody has seen them.
const TAIL_LINES: usize = 60;

/// Where cargo's own words go.
pub enum Progress<'p> {
    /// To our stderr, as cargo writes them.
    Show,
    /// Nowhere but into the error, should there be one.
    Hide,
    /// As with `Hide`, and each crate that is built is named.
    Crates(&'p mut dyn FnMut(&str)),
}

impl Progress<'_> {
    /// What suits a result for people, or one for programs (`json`), which read our stderr too.
    pub fn beside(json: bool) -> Self {
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
/// cheap. `target_dir` is where cargo puts its files, by default where it always does.
pub fn component(
    directory: &Path,
    target_dir: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Built, BuildError> {
    let manifest = directory.join("Cargo.toml");
    let manifest =
        fs::canonicalize(manifest).map_err(|_| BuildError::NoCrate(directory.to_path_buf()))?;
    let directory = manifest.parent().unwrap_or(directory);
    let package = package(&metadata(directory, &manifest)?, directory, &manifest)?;
    let mut cargo = cargo(directory);
    cargo
        .args(["build", "--release", "--lib", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"]);
    if let Some(target_dir) = target_dir {
        cargo.arg("--target-dir").arg(target_dir);
    }
    target::ensure(directory)?;
    let (ok, artifact, output) = run(cargo, &manifest, progress)?;
    if !ok {
        return Err(BuildError::Failed { package, output });
    }
    let path = artifact.ok_or_else(|| BuildError::NoArtifact(package.clone()))?;
    let size = check_component(&path)?;
    Ok(Built {
        package,
        path,
        size,
    })
}

/// Cargo as whoever called us runs it: its own proxy picks the toolchain that the crate wants.
fn cargo(directory: &Path) -> Command {
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

fn metadata(directory: &Path, manifest: &Path) -> Result<Value, BuildError> {
    let output = cargo(directory)
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
fn package(metadata: &Value, directory: &Path, manifest: &Path) -> Result<String, BuildError> {
    let packages = metadata["packages"].as_array();
    let packages: Vec<&Value> = packages.into_iter().flatten().collect();
    let name = |package: &Value| package["name"].as_str().unwrap_or("?").to_owned();
    let Some(package) = packages
        .iter()
        .find(|package| is_path(&package["manifest_path"], manifest))
    else {
        return Err(BuildError::Workspace {
            directory: directory.to_path_buf(),
            members: packages.iter().map(|package| name(package)).collect(),
        });
    };
    let makes_cdylib = package["targets"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|target| has_word(&target["crate_types"], "cdylib"));
    if makes_cdylib {
        Ok(name(package))
    } else {
        Err(BuildError::NotCdylib(name(package)))
    }
}

fn is_path(value: &Value, path: &Path) -> bool {
    value.as_str().map(Path::new) == Some(path)
}

fn has_word(value: &Value, word: &str) -> bool {
    let words = value.as_array();
    words.is_some_and(|words| words.iter().any(|item| item == word))
}

/// Runs cargo to its end: whether it went well, the `.wasm` file it made for the manifest's
/// package, and its last words if they were not shown.
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
    let words = last_words(&mut child);
    let mut artifact = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(BuildError::CargoBroken)?;
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            if message["reason"] != "compiler-artifact" {
                continue;
            }
            if let Progress::Crates(each) = &mut progress {
                each(message["target"]["name"].as_str().unwrap_or(""));
            }
            if is_path(&message["manifest_path"], manifest)
                && has_word(&message["target"]["crate_types"], "cdylib")
            {
                artifact = wasm_file(&message["filenames"]).or(artifact);
            }
        }
    }
    let status = child.wait().map_err(BuildError::CargoBroken)?;
    let output = words
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    Ok((status.success(), artifact, output))
}

/// Keeps the last lines of the child's stderr, read beside its stdout so that neither pipe fills.
fn last_words(child: &mut Child) -> Option<thread::JoinHandle<String>> {
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

fn wasm_file(filenames: &Value) -> Option<PathBuf> {
    let names = filenames.as_array()?.iter().filter_map(Value::as_str);
    names
        .map(PathBuf::from)
        .find(|path| path.extension().is_some_and(|ending| ending == "wasm"))
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
