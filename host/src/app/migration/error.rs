//! Why a store is not copied.

use std::io;
use std::path::{Path, PathBuf};

use crate::app::{AppError, data_dir};
use crate::catalog::CatalogError;
use crate::private_file::PrivateFileError;
use crate::store::migration::MigrationError;
use crate::store::{StoreError, postgres, sled};
use crate::vault::VaultError;

/// Why a store was not copied. Each message says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The source's data directory has no store, or an incomplete one.
    #[error(transparent)]
    DataDir(#[from] data_dir::DataDirError),
    /// The target's data directory cannot be made or is not private.
    #[error(transparent)]
    App(#[from] Box<AppError>),
    /// A data directory's store does not open.
    #[error(transparent)]
    Sled(#[from] sled::OpenError),
    /// The database does not open.
    #[error(transparent)]
    Database(#[from] postgres::OpenError),
    /// A store is not read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A private file cannot be read or written.
    #[error(transparent)]
    Private(#[from] PrivateFileError),
    /// The vault key is not the one that sealed the store's values.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The same, or the setup cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The copy failed, or differs from the source.
    #[error(transparent)]
    Copy(#[from] MigrationError),
    /// The target has a store.
    #[error(
        "the data directory {0} has a store already; a store is copied into a directory without one: choose another"
    )]
    NotEmpty(PathBuf),
    /// A server has the target.
    #[error(
        "the data directory {0} is in use by another process; end that server, or choose another"
    )]
    InUse(PathBuf),
    /// The files of the source have nowhere to go.
    #[error(
        "files came with tasks, and servers with a database keep them in a directory of their own: name it with --files-dir, as `serve --files-dir` will"
    )]
    NoFilesDir,
    /// The directory of files is not empty.
    #[error("{0} has files of tasks already; choose an empty directory with --files-dir")]
    FilesThere(PathBuf),
    /// The directory of files is not there.
    #[error(
        "{0} is no directory; --files-dir names that of the files that came with tasks: what `serve --files-dir` names, or else `files` in the server's data directory"
    )]
    FilesMissing(PathBuf),
    /// There are no secrets in the target.
    #[error(
        "{0} has no vault key, and what the database has was sealed with one; copy `vault-key` and `admin-token` there from the data directory of a server that used the database, or set STEPWELL_VAULT_KEY"
    )]
    NoSecrets(PathBuf),
    /// The secrets in the target are others.
    #[error(
        "the vault key of {0} is not the one that the database was first used with; copy `vault-key` and `admin-token` there from the data directory of a server that used the database"
    )]
    OtherSecrets(PathBuf),
    /// The same, and the database that was to be copied is marked as moved, or it is unknown whether it is.
    #[error(
        "{0}; no server starts on the database now, as it counts as moved: if no copy of it is to be used, `stepwell store reopen` with its URL has servers start there again"
    )]
    StaysMoved(Box<MigrateError>),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        source: io::Error,
    },
}

impl From<AppError> for MigrateError {
    fn from(error: AppError) -> Self {
        Self::App(Box::new(error))
    }
}

impl MigrateError {
    /// The error of the system for a file.
    pub(super) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            path: path.clone(),
            source,
        }
    }
}
