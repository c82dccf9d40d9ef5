//! The data directory as a whole: whether the store is there that was made in it, its check and its repair.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::domain::ids::ConfigKey;
use crate::private_file::{self, PrivateFileError};
use crate::store::sled::OpenError;
use crate::store::sled::salvage::{self, Damage, Repaired, Report};
use crate::vault::{self, Vault, VaultError};

/// The store's directory in the data directory.
pub(super) const STORE: &str = "store";
/// The directory that a store is copied into until all of it is there.
pub(super) const INCOMING: &str = "store.incoming";
/// The file that says that a store was made.
pub(super) const MARK: &str = "store-mark";
/// The file that tells local clients where the server listens.
pub const SERVER_FILE: &str = "server.json";
/// The files that a first start makes beside the store.
const SECRETS: [&str; 2] = ["vault-key", "admin-token"];

/// Why a data directory is not checked or repaired, or no server starts on it.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The store is gone.
    #[error(
        "the store is missing: {path} is not there or empty, and {evidence} says that there was one; restore a backup of it, or begin with an empty store: `stepwell store repair {data_dir} --accept-loss store`"
    )]
    StoreMissing {
        /// Where it should be.
        path: String,
        /// The data directory.
        data_dir: String,
        /// The file that says so.
        evidence: String,
    },
    /// A copy of a store is there that was not made to its end.
    #[error(
        "{0} is an incomplete copy of a store: `stepwell store migrate` was interrupted, or is at work; run it again, it begins anew, or remove that directory"
    )]
    Incomplete(String),
    /// A repair was cut short.
    #[error(
        "a repair of the store was cut short: the repaired one is whole, and is not at its place yet; `stepwell store repair {0}` or the next start puts it there"
    )]
    CutShort(String),
    /// There is neither a store nor a sign that there was one.
    #[error("{0} is no data directory: there is no directory `store` in it")]
    NoStore(String),
    /// A loss was accepted that did not happen.
    #[error(
        "the store is there, so that its loss is not accepted; repair it without --accept-loss"
    )]
    NotLost,
    /// The store cannot be read or repaired.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A file cannot be read, written or removed.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The directory for an empty store cannot be made.
    #[error("{path} cannot be made: {source}")]
    NotMade {
        /// The directory.
        path: String,
        source: std::io::Error,
    },
}

/// Refuses a data directory whose store is gone. A store that another program put there is one.
pub(super) fn expect_store(data_dir: &Path) -> Result<(), DataDirError> {
    let incoming = data_dir.join(INCOMING);
    if incoming.exists() {
        return Err(DataDirError::Incomplete(incoming.display().to_string()));
    }
    if has_store(data_dir) {
        return Ok(());
    }
    if salvage::is_cut_short(&data_dir.join(STORE)) {
        return Err(DataDirError::CutShort(data_dir.display().to_string()));
    }
    match evidence(data_dir) {
        Some(evidence) => Err(missing(data_dir, evidence)),
        None => Ok(()),
    }
}

/// Notes that there is a store.
pub(super) fn note_store(data_dir: &Path) -> Result<(), PrivateFileError> {
    let path = data_dir.join(MARK);
    if path.exists() {
        return Ok(());
    }
    private_file::write(&path, "a store was made here, in the directory store")
}

pub(super) fn has_store(data_dir: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(data_dir.join(STORE)) else {
        return false;
    };
    // The lock is there since the first moment, and says nothing.
    entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != "lock"))
}

/// The file that says that there was a store.
fn evidence(data_dir: &Path) -> Option<String> {
    let has = |name: &str| data_dir.join(name).exists();
    if has(MARK) {
        return Some(format!("the file {MARK}"));
    }
    // An earlier version made no mark. One of these alone may have been put there before a first start.
    SECRETS
        .iter()
        .all(|name| has(name))
        .then(|| SECRETS.join(" and "))
}

fn missing(data_dir: &Path, evidence: String) -> DataDirError {
    DataDirError::StoreMissing {
        path: data_dir.join(STORE).display().to_string(),
        data_dir: data_dir.display().to_string(),
        evidence,
    }
}

/// The store of a data directory that is to be read.
pub(super) fn store_of(data_dir: &Path) -> Result<PathBuf, DataDirError> {
    expect_store(data_dir)?;
    let store = data_dir.join(STORE);
    if has_store(data_dir) {
        return Ok(store);
    }
    Err(DataDirError::NoStore(data_dir.display().to_string()))
}

/// Reads all of a data directory that no server uses. Blocks on the disk.
///
/// # Errors
/// [`DataDirError`]; damage is none.
pub fn check(data_dir: &Path) -> Result<Report, DataDirError> {
    let mut report = salvage::check(&store_of(data_dir)?)?;
    let key = check_key(data_dir, &report);
    report.damages.extend(key);
    report.sound = report.damages.is_empty();
    Ok(report)
}

/// Checks that the vault key opens the values that are sealed in the store.
fn check_key(data_dir: &Path, report: &Report) -> Option<Damage> {
    let given = std::env::var(vault::KEY_VARIABLE).ok();
    let what = match Vault::present(data_dir, given.as_deref()) {
        Ok(None) if report.sealed.is_empty() => return None,
        Ok(None) => "it is missing".to_owned(),
        Ok(Some(vault)) => {
            let closed = |(workspace, key, sealed): &&(_, ConfigKey, Vec<u8>)| {
                let opened = vault.unseal(workspace, key, sealed);
                matches!(opened, Err(VaultError::WrongKey { .. }))
            };
            report.sealed.iter().find(closed)?;
            "it does not open the values that are sealed with it".to_owned()
        }
        Err(error) => error.to_string(),
    };
    Some(Damage {
        part: "the vault key",
        file: "../vault-key".to_owned(),
        offset: None,
        kind: "a key".to_owned(),
        workspace: None,
        task: None,
        what,
        loss: Some(
            "config values, connectors and webhook secrets, unless the key is restored; see `serve --discard-secrets`"
                .to_owned(),
        ),
    })
}

/// Repairs the store of a data directory that no server uses. None if it was gone, its loss is accepted, and the
/// next start makes an empty one. Blocks on the disk.
///
/// # Errors
/// [`DataDirError`]; the store is as it was.
pub fn repair(data_dir: &Path, accept_store: bool) -> Result<Option<Repaired>, DataDirError> {
    let store = data_dir.join(STORE);
    if accept_store {
        if has_store(data_dir) || salvage::is_cut_short(&store) {
            return Err(DataDirError::NotLost);
        }
        // A store with nothing in it but this is a new one.
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&store)
            .and_then(|()| fs::write(store.join("loss-accepted"), "an earlier store was lost"));
        let path = store.display().to_string();
        made.map_err(|source| DataDirError::NotMade { path, source })?;
        return Ok(None);
    }
    if !salvage::is_cut_short(&store) {
        store_of(data_dir)?;
    }
    Ok(Some(salvage::repair(&store)?))
}
