//! Why a command does not know its server.

use std::io;
use std::path::PathBuf;

use crate::cli::exit::{Exit, ExitOf};
use crate::client::ClientError;

/// Why it is not known which server is meant, or how to be let in.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// No place for data at all.
    #[error("no data directory: set --data-dir or STEPWELL_DATA_DIR (HOME is not set either)")]
    NoDataDir,
    /// Neither an address nor a running local server.
    #[error(
        "no server: none runs on the data directory {}; start it with `stepwell serve`, or name another with --url or STEPWELL_URL",
        .0.display()
    )]
    NoServer(PathBuf),
    /// An address of another machine, and no token.
    #[error(
        "no token for {url}: set STEPWELL_TOKEN (the local admin token is only sent to a server on this machine)"
    )]
    NoToken {
        /// The server's address.
        url: String,
    },
    /// A file of the data directory cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        error: io::Error,
    },
    /// `server.json` is not what a server writes.
    #[error("{} is damaged ({reason}); restart the server, or use --url", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file of `workspace use` is not what it writes.
    #[error("{} is not what `stepwell workspace use` writes ({reason}); delete it", .path.display())]
    Current {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file of `workspace use` cannot be written.
    #[error("cannot write {}: {error}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        error: io::Error,
    },
    /// No place for that file.
    #[error(
        "no place to keep the workspace in: HOME is not set; use --workspace or STEPWELL_WORKSPACE"
    )]
    NoConfigDir,
    /// The workspace of `workspace use` was deleted.
    #[error(
        "the current workspace, {workspace}, is not there any more; choose another with `stepwell workspace use NAME` (`stepwell workspace list` shows them), or name one with --workspace"
    )]
    Gone {
        /// The workspace.
        workspace: String,
        /// The server's word.
        code: String,
    },
    /// The address and token that were found do not make a client.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl ContextError {
    /// A stable word for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::NoDataDir => "no-data-dir",
            Self::NoServer(_) => "no-server",
            Self::NoToken { .. } => "no-token",
            Self::Unreadable { .. } => "unreadable",
            Self::Damaged { .. } | Self::Current { .. } => "damaged",
            Self::NoConfigDir => "no-config-dir",
            Self::Unwritable { .. } => "unwritable",
            Self::Gone { code, .. } => code,
            Self::Client(error) => error.code(),
        }
    }

    /// The exit code that stands for it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => error.exit(),
            Self::Gone { .. } => Exit::NotFound,
            Self::NoDataDir | Self::NoConfigDir => Exit::Usage,
            Self::Current { .. } | Self::Unwritable { .. } => Exit::Failed,
            _ => Exit::NoAccess,
        }
    }
}
