//! The manifest: what it may say, checked before anything is built or sent.

mod check;
pub mod model;
mod replies;
mod schedules;
mod schema;
mod settings;
mod tuning;
mod webhooks;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::document::{self, SyntaxError};
use super::env::Vars;
use super::error::{At, DeployError, Fault};
use super::reader::{Place, Reader};
use check::Check;
use model::Workspace;

/// A manifest: the setup that a server is to have.
pub struct Manifest {
    /// The folder that its paths start from, canonical.
    pub folder: PathBuf,
    /// The tenants.
    pub workspaces: Vec<Workspace>,
    /// Members that are accepted and have no effect.
    pub notes: Vec<String>,
}

impl Manifest {
    /// Reads and checks a manifest, with the variables that it names.
    pub fn read(file: &Path, vars: Vars<'_>) -> Result<Self, DeployError> {
        let unreadable = |error| DeployError::Unreadable {
            file: file.to_path_buf(),
            error,
        };
        let mut text = String::new();
        fs::File::open(file)
            .and_then(|opened| opened.take(document::BYTES + 1).read_to_string(&mut text))
            .map_err(unreadable)?;
        if text.len() as u64 > document::BYTES {
            return Err(DeployError::TooLarge {
                file: file.to_path_buf(),
                most: document::BYTES,
            });
        }
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let folder = fs::canonicalize(folder).map_err(unreadable)?;
        Self::parse(&text, folder, vars).map_err(|faults| DeployError::Manifest {
            file: file.to_path_buf(),
            faults,
        })
    }

    /// Checks a manifest's text; `folder` is what its paths start from, canonical. The text is not bounded
    /// here. [`Manifest::read`] and the fuzz target `manifest` use it.
    ///
    /// # Errors
    /// All faults, in the order of their places.
    pub fn parse(text: &str, folder: PathBuf, vars: Vars<'_>) -> Result<Self, Vec<Fault>> {
        let document = document::parse(text).map_err(|error| vec![not_yaml(error)])?;
        let mut check = Check {
            reader: Reader::new(vars),
            folder: &folder,
            notes: Vec::new(),
        };
        let workspaces = check.manifest(&Place::root(&document));
        let Check { reader, notes, .. } = check;
        if reader.faults.is_empty() {
            Ok(Self {
                folder,
                workspaces,
                notes,
            })
        } else {
            let mut faults = reader.faults;
            faults.sort_by_key(|fault| (fault.at.line, fault.at.column));
            Err(faults)
        }
    }
}

fn not_yaml(error: SyntaxError) -> Fault {
    let at = At {
        line: error.line,
        column: error.column,
        path: String::new(),
    };
    Fault {
        at,
        message: error.message,
    }
}

#[cfg(test)]
mod tests;
