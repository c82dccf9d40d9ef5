//! The manifest: what it may say, checked before anything is built or sent.

mod check;
mod schedules;
mod settings;
mod tuning;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::document::{self, SyntaxError};
use super::env::Vars;
use super::error::{At, DeployError, Fault};
use super::plan::Kind;
use super::reader::{Place, Reader};
use crate::domain::ids::{ConfigKey, StepName, WebhookName, WorkspaceName};
use crate::domain::limits::StepLimits;
use crate::domain::step::RetryPolicy;
use check::Check;
pub use schedules::Schedule;

/// What a server is to have.
pub struct Manifest {
    /// The folder that its paths start from, canonical.
    pub folder: PathBuf,
    /// The tenants.
    pub workspaces: Vec<Workspace>,
    /// What is taken and has no effect, for the reader's eye.
    pub notes: Vec<String>,
}

/// What one workspace is to have.
pub struct Workspace {
    /// Its name.
    pub name: WorkspaceName,
    /// The kinds that the manifest says something about, if only that there are none (`[]`).
    pub named: Vec<Kind>,
    /// What is set of the workspace itself, as the API takes it; what is not named stays.
    pub settings: Map<String, Value>,
    /// Webhooks.
    pub webhooks: Vec<Webhook>,
    /// Where its steps come from.
    pub steps: Vec<StepSource>,
    /// Config values and secrets; the server seals both.
    pub config: Vec<Setting>,
    /// Connectors.
    pub connectors: Vec<Connector>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
}

/// A webhook.
pub struct Webhook {
    /// Its name.
    pub name: WebhookName,
    /// Where in a body the id of the task is that it is about.
    pub correlate: Option<String>,
}

/// A config value.
pub struct Setting {
    /// Its key.
    pub key: ConfigKey,
    /// Its value.
    pub value: Zeroizing<String>,
}

/// A folder of steps, or one step.
pub struct StepSource {
    /// Where the manifest names it.
    pub at: At,
    /// The step's name; without one the path is a folder whose steps have their own names.
    pub name: Option<StepName>,
    /// The folder or file, below the manifest's folder, links included.
    pub path: PathBuf,
    /// What each run may use.
    pub limits: StepLimits,
    /// When a failed run is tried again.
    pub retry: RetryPolicy,
}

/// A connector. Its config may hold credentials, so it is never printed.
pub struct Connector {
    /// What steps call it.
    pub name: String,
    /// What it speaks to, e.g. `slack.com`.
    pub kind: String,
    /// Its settings.
    pub config: Map<String, Value>,
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

    /// The same from a text; `folder` is canonical.
    fn parse(text: &str, folder: PathBuf, vars: Vars<'_>) -> Result<Self, Vec<Fault>> {
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
