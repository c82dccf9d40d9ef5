//! Errors in a manifest with their places, and failures of a deployment.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where in a manifest something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The line, from 1.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
    /// The way from the document's root, e.g. `workspaces[0].webhooks[1].name`.
    pub path: String,
}

/// An error in a manifest, with its place and a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its place in the manifest.
    pub at: At,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.line > 0 {
            write!(f, "{}:{}: ", self.at.line, self.at.column)?;
        }
        if !self.at.path.is_empty() {
            write!(f, "{}: ", self.at.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Why nothing was deployed, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The manifest cannot be read.
    #[error("{}: {error}; name a manifest, e.g. deploy.yaml", .file.display())]
    Unreadable {
        /// The manifest.
        file: PathBuf,
        error: io::Error,
    },
    /// The manifest is larger than any should be.
    #[error("{}: larger than {most} bytes; is it a manifest?", .file.display())]
    TooLarge {
        /// The manifest.
        file: PathBuf,
        /// The bound.
        most: u64,
    },
    /// The manifest is wrong.
    #[error("{}", listed(.file, .faults))]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// All errors.
        faults: Vec<Fault>,
    },
    /// Secrets would be deleted, and there is no terminal to confirm it on.
    #[error(
        "{} would be deleted, and cannot be read back; nothing was sent; run it on a terminal, or with --yes", .0.join(", ")
    )]
    Unconfirmed(Vec<String>),
    /// The user did not confirm.
    #[error("nothing was sent")]
    Declined,
    /// Some of it could not be done; the items say why.
    #[error("{failed} of {all} failed; what is marked with ! is not deployed, the rest is")]
    Failed {
        /// Items that failed.
        failed: usize,
        /// Items in all.
        all: usize,
    },
}

impl DeployError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::TooLarge { .. } => "too-large",
            Self::Manifest { .. } => "bad-manifest",
            Self::Unconfirmed(_) => "not-confirmed",
            Self::Declined => "declined",
            Self::Failed { .. } => "deploy-failed",
        }
    }
}

fn listed(file: &std::path::Path, faults: &[Fault]) -> String {
    let mut text = match faults.len() {
        1 => "the manifest is wrong; nothing was sent".to_owned(),
        many => format!("the manifest is wrong in {many} places; nothing was sent"),
    };
    for fault in faults {
        let gap = if fault.at.line > 0 { "" } else { " " };
        text.push_str(&format!("\n{}:{gap}{fault}", file.display()));
    }
    text
}
