//! Errors of the database, as errors of a store.

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use super::connections::NEEDED;
use super::tls::handshake::HandshakeError;
use crate::store::StoreError;

/// Whether the server refuses a connection because it is encrypted, or cannot encrypt it so that this side understands it.
pub(super) fn refuses_tls(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        || std::error::Error::source(error).is_some_and(|it| it.is::<HandshakeError>())
}

/// Why the store does not open. Each message says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL cannot be read.
    #[error(
        "the store's URL cannot be read: {0}; it is like postgres://user:password@host:5432/database"
    )]
    Url(String),
    /// TLS cannot be set up.
    #[error("TLS to PostgreSQL cannot be set up: {0}")]
    Tls(String),
    /// The file of authorities is unusable.
    #[error("sslrootcert {path}: {reason}")]
    RootCertificates {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The connection cannot be encrypted as the URL asks for it.
    #[error("PostgreSQL cannot be reached as sslmode asks for it: {0}")]
    Handshake(String),
    /// The name of the schema is none.
    #[error("`{0}` is not the name of a schema: use 1 to 40 of a to z, 0 to 9 and _")]
    Schema(String),
    /// Others use tables that are to be changed.
    #[error(
        "another session uses tables that are to be changed, such as pg_dump or an open transaction: {0}; wait for its end, or end it"
    )]
    Locked(String),
    /// There is no such server, or it refuses the user.
    #[error("PostgreSQL cannot be reached: {0}")]
    Connect(String),
    /// The server has too few connections.
    #[error(
        "PostgreSQL has too few connections free: {needed} are needed by each node, and {reason}; raise max_connections, or end other clients"
    )]
    Connections {
        /// How many a node needs.
        needed: usize,
        /// The server's message.
        reason: String,
    },
    /// The server is too old.
    #[error("PostgreSQL {found} is too old: version {least} or newer is needed")]
    Version {
        /// The server's version.
        found: String,
        /// The oldest that will do.
        least: u32,
    },
    /// The server is a replica, or takes no writes.
    #[error(
        "PostgreSQL takes no writes there: it is a replica, or read-only; give the URL of the primary"
    )]
    ReadOnly,
    /// The database's texts are not Unicode.
    #[error(
        "the database has the encoding {0}, and UTF8 is needed; make another with `create database … encoding 'UTF8' template template0`"
    )]
    Encoding(String),
    /// A newer stepwell made the tables.
    #[error(
        "the database has tables of version {found}, and this version of stepwell knows up to {known}; use the stepwell that made them, or a newer one"
    )]
    Newer {
        /// The tables' version.
        found: i32,
        /// The newest that this build knows.
        known: i32,
    },
    /// A store is being copied from or to the database.
    #[error(
        "`stepwell store migrate` works with the database, and no server may meanwhile; start again when it is done"
    )]
    Offline,
    /// A store was copied into the database, and not to its end.
    #[error(
        "the database has an incomplete copy of a store: `stepwell store migrate` was interrupted; run it again, it begins anew, or drop the schema"
    )]
    Incomplete,
    /// The store was copied elsewhere, or its copy was begun.
    #[error(
        "the store of this database was moved, or begun to be moved, to {0}: use it there; if that copy is not to be used, `stepwell store reopen` with the database's URL has servers start on the database again"
    )]
    Moved(String),
    /// A node works with the database.
    #[error(
        "the database is in use by server {0}; end all servers first, and wait for 5 s if one was killed"
    )]
    InUse(String),
    /// A store is to be copied to where one is.
    #[error(
        "the database has a store already; a store is copied into an empty database only: choose another one, or drop the schema `stepwell` in it if nothing of it is needed"
    )]
    NotEmpty,
    /// There is nothing to be copied.
    #[error("there is no store in the database: it has no schema `{0}` with tables of stepwell")]
    NoStore(String),
    /// The database did not do what the start needs.
    #[error("the database cannot be used: {0}")]
    Failed(String),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        match error.code() {
            Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly,
            Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => Self::Connections {
                needed: NEEDED,
                reason: describe(&error),
            },
            Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => Self::Locked(describe(&error)),
            Some(_) => Self::Failed(describe(&error)),
            None => match std::error::Error::source(&error)
                .and_then(|source| source.downcast_ref::<HandshakeError>())
            {
                Some(failed) => Self::Handshake(failed.to_string()),
                None => Self::Connect(describe(&error)),
            },
        }
    }
}

/// The error of a database, or of the connection to it. It has no password and no values.
pub(super) fn describe(error: &Error) -> String {
    let Some(said) = error.as_db_error() else {
        let source = std::error::Error::source(error);
        return source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    };
    format!("{} ({})", said.message(), said.code().code())
}

/// Whether the connection is of no use any more, so that the outcome of the last request is unknown.
pub(super) fn is_cut(error: &Error) -> bool {
    match error.as_db_error() {
        Some(said) => is_fatal(said),
        None => true,
    }
}

fn is_fatal(said: &DbError) -> bool {
    use tokio_postgres::error::Severity;
    matches!(
        said.parsed_severity(),
        Some(Severity::Fatal | Severity::Panic)
    )
}

/// Whether a transaction that met it may succeed if it is made again at once.
pub(super) fn is_passing(error: &Error) -> bool {
    let passing = [
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        // Another transaction was faster.
        &SqlState::UNIQUE_VIOLATION,
        // A count that differs from the expected one: see `put`.
        &SqlState::DIVISION_BY_ZERO,
    ];
    error.code().is_some_and(|code| passing.contains(&code))
}

/// The error of the store for one of the database.
pub(super) fn failed(error: Error) -> StoreError {
    let class = error.code().map_or("", |code| &code.code()[..2]);
    match error.code() {
        Some(code) if *code == SqlState::DISK_FULL => StoreError::Full,
        // Data exceptions, and limits of the database: trying again does not help.
        Some(_) if matches!(class, "22" | "54") => StoreError::Refused(describe(&error)),
        _ => StoreError::unavailable(format!("PostgreSQL: {}", describe(&error))),
    }
}

/// Why something was not done within a transaction.
pub(super) enum Failure {
    /// The database did not do it.
    Database(Error),
    /// It is refused, or a stored value cannot be read.
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
