//! Why a server does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::data_dir::DataDirError;
use crate::catalog::CatalogError;
use crate::connectors::{ConnectorError, RuleError};
use crate::http::auth::TokenError;
use crate::http::tls::TlsError;
use crate::private_file::PrivateFileError;
use crate::sandbox::SandboxError;
use crate::store::sled::OpenError;
use crate::store::{StoreError, postgres};
use crate::vault::VaultError;

/// Why the server does not start. Each message says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An egress rule is wrong.
    #[error("--egress-allow: {0}")]
    Egress(#[from] RuleError),
    /// The public URL is wrong.
    #[error(
        "--public-url: `{0}` is not what webhook URLs can begin with; give e.g. https://hooks.example.com"
    )]
    PublicUrl(String),
    /// The address is taken.
    #[error("port {port} of {ip} is in use by another process; stop that one, or choose another port with --listen, e.g. --listen {ip}:0 for any that is free", ip = .0.ip(), port = .0.port())]
    PortInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose an address of this machine and a port that you may use (ports below 1024 need a privilege) with --listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        source: io::Error,
    },
    /// The certificate or its key is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The data directory cannot be made.
    #[error("the data directory {path} cannot be made: {source}; choose another with --data-dir")]
    DataDir {
        /// The directory.
        path: PathBuf,
        source: io::Error,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store is damaged.
    #[error(
        "{error}; `stepwell store check {path}` lists all that is damaged, and `stepwell store repair {path}` makes a sound store of what can be read"
    )]
    Damaged {
        /// The data directory.
        path: String,
        error: OpenError,
    },
    /// The store is gone.
    #[error(transparent)]
    Missing(#[from] DataDirError),
    /// The database does not open.
    #[error("--store: {0}")]
    Postgres(#[from] postgres::OpenError),
    /// The database is not read or written.
    #[error("--store: {0}")]
    Database(#[from] StoreError),
    /// The vault is unusable.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The vault key is not that of the other servers.
    #[error(
        "--store: this server's vault key is not the one that the database was first used with; copy `vault-key` and `admin-token` from the data directory of a server that uses it, or set STEPWELL_VAULT_KEY to its key. If that key is lost, end all servers: `--discard-secrets` deletes what it sealed while no other server runs"
    )]
    OtherCluster,
    /// Secrets are to be discarded that other servers use.
    #[error(
        "--discard-secrets: the server {0} uses the database and its secrets, and nothing is deleted; copy `vault-key` and `admin-token` from that server's data directory, or set STEPWELL_VAULT_KEY to its key. If no server has the key, end them all first; one that was killed counts for 5 seconds more"
    )]
    OthersUseSecrets(String),
    /// The tasks of the data directory's server are in a database.
    #[error(
        "the data directory {0} is that of a server whose tasks are in PostgreSQL (it has the file `node`), and no --store is given; give it, or set STEPWELL_STORE, or name another directory with --data-dir"
    )]
    ForgottenStore(PathBuf),
    /// The admin token is not that of the other servers.
    #[error(
        "--store: this server's admin token is not that of the servers that use the database, whose clients it would refuse; copy `admin-token` from the data directory of one of them"
    )]
    OtherToken,
    /// The data directory has a store of its own.
    #[error(
        "--store: the data directory {0} has a store of its own, whose tasks would be left behind; name another directory with --data-dir, or leave --store out"
    )]
    OwnStore(PathBuf),
    /// Another server has the data directory.
    #[error("the data directory {0} is in use by another server; name another with --data-dir")]
    InUse(PathBuf),
    /// The admin token is unusable.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The sandbox cannot be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The client for connector calls cannot be set up.
    #[error(transparent)]
    Connectors(#[from] ConnectorError),
    /// The setup cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// `server.json` cannot be written, or the data directory cannot be closed to others.
    #[error(transparent)]
    ServerFile(#[from] PrivateFileError),
    /// The machine did not let the server ask.
    #[error("this program's own file cannot be found: {0}")]
    Executable(io::Error),
    /// The machine gives no threads.
    #[error("the engine's threads cannot be started: {0}")]
    Threads(io::Error),
    /// A start that was broken off.
    #[error("the start was broken off")]
    BrokenOff,
}
