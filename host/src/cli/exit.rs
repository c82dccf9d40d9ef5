//! What the process's exit code says, and the errors of its command line.

/// What the process's exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The server, cargo or the machine refused or failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// The server cannot be reached, or does not let us in.
    NoAccess = 4,
}

/// A command line that clap takes and that still makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// No such file.
    #[error("{path}: {error}; {wanted}")]
    Path {
        /// As it was given.
        path: String,
        /// What the system said.
        error: std::io::Error,
        /// What would be right.
        wanted: &'static str,
    },
    /// Not a name of the wanted kind.
    #[error(transparent)]
    Name(#[from] crate::domain::ids::IdError),
    /// Input that cannot be a config value.
    #[error("{0}")]
    Value(String),
}

impl UsageError {
    pub(super) fn exit(&self) -> Exit {
        Exit::Usage
    }
}
