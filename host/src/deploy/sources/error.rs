//! Why a source makes no step.

use std::path::PathBuf;

use stepwell_script::ScriptError;

use crate::build::error::BuildError;
use crate::domain::ids::IdError;
use crate::domain::limits::COMPONENT_BYTES;

/// Why a file makes no step.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
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
    TooMany(usize),
    #[error("has no step: a script that is one exports `condition` and `content`")]
    NoStep,
    #[error("{error}; rename {file}")]
    Name { file: String, error: IdError },
}
