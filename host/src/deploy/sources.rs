//! From files to steps: components as they are, crates built, scripts prepared.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use stepwell_script::{Folder, ScriptError, is_step_source, prepare};

use super::Fault;
use super::manifest::{StepSource, Workspace};
use crate::cli::build::{self, BuildError, Progress};
use crate::cli::output::{Output, printable};
use crate::domain::hex::hex;
use crate::domain::ids::{IdError, StepName};
use crate::domain::limits::{COMPONENT_BYTES, StepLimits};
use crate::domain::step::RetryPolicy;

/// Folders of which no step comes: what tools put there.
const NOT_SOURCES: [&str; 2] = ["target", "node_modules"];
/// How deep a folder of steps is looked into.
const DEPTH: usize = 8;

/// A step as it is to be on the server.
pub struct Step {
    /// Its name.
    pub name: StepName,
    /// What is uploaded.
    pub bytes: Bytes,
    /// The SHA-256 of that, as the API reports it.
    pub digest: String,
    /// What each run may use.
    pub limits: StepLimits,
    /// When a failed run is tried again.
    pub retry: RetryPolicy,
}

/// A step that could not be made, by its name or, where that is not known, its file.
pub struct Broken {
    /// What it is called.
    pub name: String,
    /// Why it is none.
    pub reason: String,
}

/// The steps of a workspace.
#[derive(Default)]
pub struct Steps {
    /// Those that can be sent.
    pub made: Vec<Step>,
    /// Those that cannot; the others are sent all the same.
    pub broken: Vec<Broken>,
}

/// Why a file makes no step.
#[derive(Debug, thiserror::Error)]
enum SourceError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{size} bytes are too many for a step; at most {COMPONENT_BYTES}")]
    TooLarge { size: u64 },
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error("has {0} steps; a `name` is for one: use `syncPath`, or a file for each")]
    Several(usize),
    #[error("{error}; rename {file}")]
    Name { file: String, error: IdError },
}

/// What a path holds.
enum Kind {
    Component,
    Crate,
    Script,
}

fn kind(path: &Path) -> Option<Kind> {
    if path.is_dir() {
        return path.join("Cargo.toml").is_file().then_some(Kind::Crate);
    }
    match path.extension()?.to_str()? {
        "wasm" => Some(Kind::Component),
        "js" | "mjs" | "ts" => Some(Kind::Script),
        _ => None,
    }
}

/// The steps that a script makes, by name; none if it is no step but what steps import. Names start
/// from `folder`, in which `file` is. Imports stay below the nearest folder that has a `lib`, or else
/// below `root`, the manifest's folder.
fn script_steps(
    root: &Path,
    folder: &Path,
    file: &Path,
) -> Result<Vec<(String, Vec<u8>)>, SourceError> {
    let unreadable = |error| SourceError::Unreadable {
        path: file.to_path_buf(),
        error,
    };
    let text = fs::read(file).map_err(unreadable)?;
    if !is_step_source(&String::from_utf8_lossy(&text)) {
        return Ok(Vec::new());
    }
    let above = file.ancestors().skip(1);
    let root = above
        .take_while(|above| above.starts_with(root))
        .find(|above| above.join("lib").is_dir())
        .unwrap_or(root);
    let entry = file.strip_prefix(root).unwrap_or(file);
    let entry: Vec<_> = entry.iter().map(|part| part.to_string_lossy()).collect();
    let scripts = prepare(&entry.join("/"), &Folder::new(root).map_err(unreadable)?)?;
    let name = name_of(folder, file);
    let called = |part, parts| match parts {
        1 => name.clone(),
        _ => format!("{name}-{part}"),
    };
    Ok(scripts
        .into_iter()
        .map(|script| {
            let bytes = script.package.to_json().into_bytes();
            (called(script.part, script.parts), bytes)
        })
        .collect())
}

/// Makes the steps of a workspace. What only shows now and is wrong with the manifest, as two files
/// that make a step of the same name, is a fault.
pub fn steps(root: &Path, workspace: &Workspace, output: Output) -> Result<Steps, Vec<Fault>> {
    let mut steps = Steps::default();
    let mut faults = Vec::new();
    let mut origins: HashMap<StepName, PathBuf> = HashMap::new();
    for source in &workspace.steps {
        let mut fault = |message: String| {
            let at = source.at.clone();
            faults.push(Fault { at, message });
        };
        let mut files = Vec::new();
        match source.name {
            Some(_) if kind(&source.path).is_some() => files.push(source.path.clone()),
            Some(_) => fault(
                "`file` must be a component (.wasm), a script (.js, .mjs, .ts) or a crate's folder"
                    .into(),
            ),
            None => {
                if let Err(error) = find(&source.path, DEPTH, &mut files) {
                    fault(format!("cannot read {}: {error}", source.path.display()));
                } else if files.is_empty() {
                    fault(format!(
                        "there is no step in {}: no .wasm, no script, no crate; a crate by itself is named with `file`",
                        source.path.display()
                    ));
                }
            }
        }
        for file in files {
            match make(root, source, &file, output) {
                Ok(made) => {
                    for step in made {
                        if let Some(other) = origins.insert(step.name.clone(), file.clone()) {
                            fault(format!(
                                "two steps are called `{}`: that of {} and that of {}",
                                step.name,
                                other.display(),
                                file.display()
                            ));
                        }
                        steps.made.push(step);
                    }
                }
                Err(error) => steps.broken.push(Broken {
                    name: called(source, &file),
                    reason: error.to_string(),
                }),
            }
        }
    }
    if faults.is_empty() {
        steps.made.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(steps)
    } else {
        Err(faults)
    }
}

/// Finds what makes steps, in the order of the names. Links are not followed, so that no search
/// leaves the folder or goes round in it.
fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let file_type = entry.file_type()?;
        if name.starts_with('.') || file_type.is_symlink() {
            continue;
        }
        let path = entry.path();
        if kind(&path).is_some() {
            files.push(path);
        } else if file_type.is_dir() && !NOT_SOURCES.contains(&&*name) && depth > 0 {
            find(&path, depth - 1, files)?;
        }
    }
    Ok(())
}

fn make(
    root: &Path,
    source: &StepSource,
    file: &Path,
    output: Output,
) -> Result<Vec<Step>, SourceError> {
    let (mut names, contents) = match kind(file) {
        Some(Kind::Script) => {
            let folder = file.parent().filter(|_| source.name.is_some());
            let steps = script_steps(root, folder.unwrap_or(&source.path), file)?;
            steps
                .into_iter()
                .map(|(name, bytes)| (name, Bytes::from(bytes)))
                .unzip()
        }
        Some(Kind::Crate) => {
            output.note(&format!("building {}", printable(&called(source, file))));
            let built = build::component(file, None, Progress::beside(output.json))?;
            output.note(&built.summary());
            (vec![built.package], vec![read(&built.path)?])
        }
        Some(Kind::Component) | None => (vec![called(source, file)], vec![read(file)?]),
    };
    if let Some(name) = &source.name {
        if names.len() != 1 {
            return Err(SourceError::Several(names.len()));
        }
        names = vec![name.to_string()];
    }
    let named = names.into_iter().zip(contents);
    named
        .map(|(name, bytes)| {
            let name = name.parse().map_err(|error| SourceError::Name {
                file: file.display().to_string(),
                error,
            })?;
            Ok(Step {
                name,
                digest: hex(&Sha256::digest(&bytes)),
                bytes,
                limits: source.limits,
                retry: source.retry,
            })
        })
        .collect()
}

fn read(path: &Path) -> Result<Bytes, SourceError> {
    let unreadable = |error| SourceError::Unreadable {
        path: path.to_path_buf(),
        error,
    };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > COMPONENT_BYTES as u64 {
        return Err(SourceError::TooLarge { size });
    }
    Ok(fs::read(path).map_err(unreadable)?.into())
}

fn called(source: &StepSource, file: &Path) -> String {
    match &source.name {
        Some(name) => name.to_string(),
        None => name_of(&source.path, file),
    }
}

/// A file's name as a step's: its way below `folder` without the ending, with the dashes that cargo
/// turned into underscores.
fn name_of(folder: &Path, file: &Path) -> String {
    let below = file.strip_prefix(folder).unwrap_or(file).with_extension("");
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/").replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_called_after_their_files() {
        for (file, name) in [
            ("/s/contact_form.wasm", "contact-form"),
            ("/s/orders/paid.js", "orders/paid"),
            ("/s/v1.2.wasm", "v1.2"),
        ] {
            assert_eq!(name_of(Path::new("/s"), Path::new(file)), name);
        }
    }

    #[test]
    fn a_folder_is_searched_for_steps_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for file in [
            "b.wasm",
            "a.js",
            "notes.md",
            "Cargo.toml",
            ".git/x.wasm",
            "target/x.wasm",
            "node_modules/x/i.js",
            "crate/Cargo.toml",
            "crate/src/gen.js",
            "deep/er/c.ts",
        ] {
            let file = at.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(at, at.join("deep/loop")).unwrap();
        let mut files = Vec::new();
        find(at, DEPTH, &mut files).unwrap();
        let found: Vec<_> = files
            .iter()
            .map(|file| file.strip_prefix(at).unwrap())
            .collect();
        assert_eq!(
            found,
            ["a.js", "b.wasm", "crate", "deep/er/c.ts"].map(Path::new)
        );
    }
}
