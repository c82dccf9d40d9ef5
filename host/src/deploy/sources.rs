//! From files to steps: components as they are, crates built, scripts prepared.

mod error;
mod scan;
mod script;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::error::Fault;
use super::manifest::model::{StepSource, Workspace};
use crate::build::naming::Derived;
use crate::build::{self, Progress};
use crate::domain::ids::StepName;
use crate::domain::limits::{COMPONENT_BYTES, StepLimits};
use crate::domain::step::RetryPolicy;
use crate::terminal::output::{Output, printable};
use error::SourceError;
use scan::{Kind, kind, scan};

/// Most places of one folder that could not be read and are listed one by one.
const UNSEEN: usize = 20;

/// A step as it is to be on the server.
pub struct Step {
    /// Its name.
    pub name: StepName,
    /// How it was called after its source; none if the manifest names it.
    pub derived: Option<Derived>,
    /// Its source, from the manifest's folder.
    pub source: String,
    /// The bytes that are uploaded.
    pub bytes: Bytes,
    /// The SHA-256 of that, as the API reports it.
    pub digest: String,
    /// The limits of each run.
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
    /// The steps that can be sent.
    pub made: Vec<Step>,
    /// The sources that cannot be sent; the others are sent all the same.
    pub broken: Vec<Broken>,
}

/// Makes the steps of a workspace. What only shows now and is wrong with the manifest, as two files
/// that make a step of the same name, is a fault.
pub fn steps(root: &Path, workspace: &Workspace, output: Output) -> Result<Steps, Vec<Fault>> {
    let mut steps = Steps::default();
    let mut faults = Vec::new();
    let mut origins: HashMap<StepName, String> = HashMap::new();
    for source in &workspace.steps {
        let mut fault = |message: String| {
            let at = source.at.clone();
            faults.push(Fault { at, message });
        };
        let files = match sources(root, source, &mut steps.broken) {
            Ok(files) => files,
            Err(message) => {
                fault(message);
                continue;
            }
        };
        for (file, kind) in files {
            match make(root, source, &file, kind, output) {
                Ok(made) => {
                    for step in made {
                        if let Some(other) = origins.insert(step.name.clone(), step.source.clone())
                        {
                            fault(format!(
                                "two steps are called `{}`: that of {other} and that of {}; rename one, or name it with `name` and `file`",
                                step.name, step.source
                            ));
                        }
                        steps.made.push(step);
                    }
                }
                Err(error) => steps.broken.push(Broken {
                    name: label(source, &file),
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

/// The files that a source names, and what each is. What cannot be looked at is broken.
fn sources(
    root: &Path,
    source: &StepSource,
    broken: &mut Vec<Broken>,
) -> Result<Vec<(PathBuf, Kind)>, String> {
    if source.name.is_some() {
        return match kind(&source.path) {
            Ok(Some(kind)) => Ok(vec![(source.path.clone(), kind)]),
            Ok(None) => Err(
                "`file` must be a component (.wasm), a script (.js, .mjs, .cjs, .ts, .mts) or a crate's folder"
                    .into(),
            ),
            Err(error) => Err(format!("cannot read {}: {error}", source.path.display())),
        };
    }
    let found = scan(root, &source.path);
    if found.files.is_empty() && found.unseen.is_empty() {
        return Err(format!(
            "there is no step in {}: no .wasm, no script, no crate; a crate by itself is named with `file`",
            source.path.display()
        ));
    }
    let more = found.unseen.len().saturating_sub(UNSEEN);
    for (path, mut reason) in found.unseen.into_iter().take(UNSEEN) {
        if more > 0 {
            reason.push_str(&format!(" ({more} more such places are not shown)"));
        }
        broken.push(Broken {
            name: below(root, &path),
            reason,
        });
    }
    Ok(found.files)
}

fn make(
    root: &Path,
    source: &StepSource,
    file: &Path,
    kind: Kind,
    output: Output,
) -> Result<Vec<Step>, SourceError> {
    let after_file = || Derived::of_file(file.strip_prefix(&source.path).unwrap_or(file));
    let contents: Vec<(Derived, Bytes)> = match kind {
        Kind::Script => {
            let scripts = script::scripts(root, file)?;
            let named = scripts.into_iter().map(|script| {
                let bytes = script.package.to_json().into_bytes();
                (after_file().part(script.part, script.parts), bytes.into())
            });
            named.collect()
        }
        Kind::Crate => {
            output.note(&format!("building {}", printable(&label(source, file))));
            let built = build::build_component(file, None, Progress::for_output(output.json))?;
            output.note(&built.summary());
            vec![(Derived::of_crate(&built.package), read(&built.path)?)]
        }
        Kind::Component => vec![(after_file(), read(file)?)],
    };
    match (&source.name, contents.len()) {
        (Some(_), 0) => return Err(SourceError::NoStep),
        (Some(_), many) if many > 1 => return Err(SourceError::TooMany(many)),
        _ => {}
    }
    let named = contents.into_iter();
    named
        .map(|(derived, bytes)| {
            let (name, derived) = match &source.name {
                Some(name) => (name.clone(), None),
                None => {
                    let name = derived.name.parse().map_err(|error| SourceError::Name {
                        file: file.display().to_string(),
                        error,
                    })?;
                    (name, Some(derived))
                }
            };
            Ok(Step {
                name,
                derived,
                source: below(root, file),
                digest: HEXLOWER.encode(&Sha256::digest(&bytes)),
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

/// What a source is called as long as it is not known what step it makes.
fn label(source: &StepSource, file: &Path) -> String {
    match &source.name {
        Some(name) => name.to_string(),
        None => Derived::of_file(file.strip_prefix(&source.path).unwrap_or(file)).name,
    }
}

/// A path as messages show it: relative to the manifest's folder.
fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
