//! The process's exit codes, and the errors of its command line.

use crate::build::error::BuildError;
use crate::client::ClientError;
use crate::deploy::error::DeployError;

/// The process's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The server, cargo or the machine refused or failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A named resource does not exist.
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

/// An error of a lower room, or of the command line, that a process ends with.
pub trait ExitOf {
    /// The exit code that stands for it.
    fn exit(&self) -> Exit;
}

impl ExitOf for UsageError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl ExitOf for ClientError {
    fn exit(&self) -> Exit {
        match self {
            Self::BadUrl { .. } | Self::BadName(_) | Self::BadToken => Exit::Usage,
            Self::NotFound { .. } => Exit::NotFound,
            Self::Unreachable { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::BadAnswer { .. } => Exit::NoAccess,
            Self::Refused { .. } => Exit::Failed,
        }
    }
}

impl ExitOf for BuildError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoCrate(_) | Self::Workspace { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

impl ExitOf for DeployError {
    fn exit(&self) -> Exit {
        match self {
            Self::Failed { .. } | Self::Declined => Exit::Failed,
            _ => Exit::Usage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_client_has_the_exit_code_of_its_kind() {
        let url = || "http://h".to_owned();
        let (code, detail) = (String::new, String::new);
        for (error, exit) in [
            (ClientError::BadName(".".into()), Exit::Usage),
            (ClientError::BadToken, Exit::Usage),
            (ClientError::Unauthorized { url: url() }, Exit::NoAccess),
            (
                ClientError::BadAnswer {
                    url: url(),
                    reason: String::new(),
                },
                Exit::NoAccess,
            ),
            (
                ClientError::NotFound {
                    code: code(),
                    detail: detail(),
                },
                Exit::NotFound,
            ),
            (
                ClientError::Refused {
                    status: 409,
                    code: code(),
                    detail: detail(),
                },
                Exit::Failed,
            ),
        ] {
            assert_eq!(error.exit(), exit, "{error:?}");
            assert_eq!(error.is_no_access(), exit == Exit::NoAccess, "{error:?}");
        }
        assert_eq!(BuildError::NoCrate("/".into()).exit(), Exit::Usage);
        assert_eq!(DeployError::Declined.exit(), Exit::Failed);
    }
}
