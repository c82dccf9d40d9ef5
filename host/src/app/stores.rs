//! Opens the store: in the data directory, or in a PostgreSQL database.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use super::data_dir::{self, SERVER_FILE};
use super::error::AppError;
use crate::domain::blocking::spawn_blocking;
use crate::domain::ids::{ConfigKey, WorkspaceName};
use crate::engine::Announce;
use crate::http::auth::AdminToken;
use crate::machine;
use crate::private_file::{self, PrivateFileError};
use crate::settings::{Settings, StoreUrl};
use crate::store::directory_lock::DirectoryLock;
use crate::store::postgres::{PostgresSettings, PostgresStore};
use crate::store::sled::{OpenError, SledSettings, SledStore, salvage};
use crate::store::{Cluster as _, Store, StoreError};
use crate::vault::{Vault, VaultError};

/// The directory of files that come with tasks, where the store is not in the data directory.
pub(super) const FILES: &str = "files";

/// The file with the number that the server has among those of its database.
const NODE: &str = "node";

/// A store that is open.
pub(super) struct OpenStore {
    pub(super) store: Arc<dyn Store>,
    /// Announces writes, if the store gathers them.
    pub(super) announce: Option<Announce>,
    /// The store, if it is in PostgreSQL.
    pub(super) postgres: Option<Arc<PostgresStore>>,
    /// The lock of the data directory, if the store does not have it.
    pub(super) lock: Option<Arc<DirectoryLock>>,
}

/// Opens the store that the settings name. `reached` is where others find this server.
pub(super) async fn open(settings: &Settings, reached: String) -> Result<OpenStore, AppError> {
    match &settings.store {
        Some(url) => open_postgres(settings, url, reached).await,
        None => open_sled(settings).await,
    }
}

/// Makes a data directory, or has it be for its owner only.
pub(super) fn make_directory(directory: &Path) -> Result<(), AppError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| AppError::DataDir {
            path: directory.to_owned(),
            source,
        })?;
    close_to_others(directory)?;
    Ok(())
}

async fn open_sled(settings: &Settings) -> Result<OpenStore, AppError> {
    let (directory, audit) = (settings.data_dir.clone(), settings.audit);
    let opening = spawn_blocking(move || {
        make_directory(&directory)?;
        let path = directory.join(data_dir::STORE);
        if salvage::finish(&path)? {
            tracing::warn!(
                "a repair of the store was cut short; the repaired one is at its place now"
            );
        }
        // A new store would be empty, without a word.
        if directory.join(NODE).exists() && !data_dir::has_store(&directory) {
            return Err(AppError::ForgottenStore(directory));
        }
        data_dir::expect_store(&directory)?;
        let mut settings = SledSettings::at(path);
        settings.audit = audit;
        let opened = match SledStore::open(settings.clone()) {
            Err(error) if error.is_of_the_tree() && is_repaired(&settings.path, &error) => {
                SledStore::open(settings)
            }
            opened => opened,
        };
        let store = match opened {
            Err(error @ OpenError::Store(StoreError::Damaged(_))) => {
                let path = directory.display().to_string();
                return Err(AppError::Damaged { path, error });
            }
            opened => opened?,
        };
        data_dir::note_store(&directory)?;
        Ok(store)
    });
    let store = opening.await.map_err(|_| AppError::BrokenOff)??;
    let announce: Announce = {
        let store = store.clone();
        Arc::new(move || Box::new(store.announce_write()))
    };
    Ok(OpenStore {
        store,
        announce: Some(announce),
        postgres: None,
        lock: None,
    })
}

/// Repairs a store that is damaged only as far as nothing is lost by it. Says whether it did. All of the store is read for
/// it, and what the tree has is in memory.
fn is_repaired(store: &Path, error: &OpenError) -> bool {
    let bytes = std::fs::metadata(store.join("tree/db")).map_or(0, |file| file.len());
    let memory = machine::memory();
    if bytes > memory {
        tracing::warn!(%error, bytes, memory, "the store's database does not open, and is larger than the memory, so that the server does not try to repair it");
        return false;
    }
    tracing::warn!(%error, bytes, "the store's database does not open: all of it is read, to see whether it can be written anew without a loss");
    match salvage::repair_unopened(store) {
        Ok(Some(repaired)) => {
            let kept = repaired.kept.unwrap_or_default();
            tracing::warn!(
                kept,
                tasks = repaired.tasks,
                "the store's database did not open, though all of it can be read: it was written anew, and nothing is lost; the one before is kept"
            );
            true
        }
        Ok(None) => false,
        Err(error) => {
            tracing::warn!(%error, "it cannot be told whether the store can be repaired without a loss");
            false
        }
    }
}

async fn open_postgres(
    settings: &Settings,
    url: &StoreUrl,
    reached: String,
) -> Result<OpenStore, AppError> {
    let directory = settings.data_dir.clone();
    let locking = spawn_blocking(move || {
        make_directory(&directory)?;
        // Its tasks would be forgotten without a word.
        if data_dir::has_store(&directory) {
            return Err(AppError::OwnStore(directory));
        }
        let lock = DirectoryLock::take(&directory).map_err(|source| AppError::DataDir {
            path: directory.clone(),
            source,
        })?;
        lock.ok_or(AppError::InUse(directory))
    });
    let lock = locking.await.map_err(|_| AppError::BrokenOff)??;
    let files = settings.files_dir.clone();
    let files = files.unwrap_or_else(|| settings.data_dir.join(FILES));
    let mut postgres = PostgresSettings::new(url.reveal(), files)?;
    postgres.audit = settings.audit;
    postgres.url = reached;
    // The directory is locked, so a node of that number does not run.
    postgres.number_file = Some(settings.data_dir.join(NODE));
    let store = PostgresStore::open(postgres).await?;
    if store.ownership().borrow().is_empty() {
        tracing::info!("other servers have the tasks; this one gets its share in a moment");
    }
    let announce: Announce = {
        let store = store.clone();
        Arc::new(move || Box::new(store.announce_write()))
    };
    Ok(OpenStore {
        store: store.clone(),
        announce: Some(announce),
        postgres: Some(store),
        lock: Some(Arc::new(lock)),
    })
}

/// Refuses to discard what other nodes have sealed and use.
pub(super) async fn expect_alone(store: &PostgresStore) -> Result<(), AppError> {
    let nodes = store.nodes().await?;
    let mut others = nodes
        .into_iter()
        .filter(|node| !node.is_self && node.lease_ms > 0);
    match others.next() {
        Some(other) => Err(AppError::OthersUseSecrets(other.url)),
        None => Ok(()),
    }
}

/// Refuses a vault key that is not the one of the other nodes.
pub(super) async fn agree_on_key(
    store: &PostgresStore,
    vault: &Vault,
    discard: bool,
) -> Result<(), AppError> {
    let (workspace, key) = check_place()?;
    let sealed = vault.seal(&workspace, &key, "stepwell cluster 1")?;
    let agreed = store.agreed_key(&sealed, discard).await?;
    match is_key(vault, &agreed)? {
        true => Ok(()),
        false => Err(AppError::OtherCluster),
    }
}

/// Refuses an admin token that none of the other nodes has. Without others any will do: it may have been replaced.
pub(super) async fn agree_on_token(
    store: &PostgresStore,
    vault: &Vault,
    token: &Arc<AdminToken>,
) -> Result<(), AppError> {
    let (fingerprint, token) = (vault.fingerprints(), token.clone());
    let digest = Arc::new(move || fingerprint(&token.digest()));
    match store.share_token(digest).await? {
        true => Ok(()),
        false => Err(AppError::OtherToken),
    }
}

/// Whether a vault's key is the one that sealed the value by which servers know each other's.
pub(super) fn is_key(vault: &Vault, agreed: &[u8]) -> Result<bool, AppError> {
    let (workspace, key) = check_place()?;
    match vault.unseal(&workspace, &key, agreed) {
        Ok(_) => Ok(true),
        Err(VaultError::WrongKey { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The associated data of that sealed value.
fn check_place() -> Result<(WorkspaceName, ConfigKey), AppError> {
    match ("default".parse(), "STEPWELL.CLUSTER".parse()) {
        (Ok(workspace), Ok(key)) => Ok((workspace, key)),
        _ => Err(AppError::OtherCluster),
    }
}

/// Takes the permissions of others from the data directory and from what the server keeps in it. Other files
/// are not the server's. A file with a secret is refused when it is read if others can read it, since they may
/// have done so.
fn close_to_others(data_dir: &Path) -> Result<(), PrivateFileError> {
    let mut closed = usize::from(private_file::close_directory(data_dir)?);
    for name in [
        data_dir::STORE,
        data_dir::MARK,
        "cache",
        FILES,
        NODE,
        SERVER_FILE,
    ] {
        closed += private_file::close_to_others(&data_dir.join(name))?;
    }
    if closed > 0 {
        tracing::warn!(
            data.dir = %data_dir.display(),
            closed,
            "others could look into the data directory; its files are now mode 0600 and its directories 0700. If webhooks' URLs may have been read there, replace them"
        );
    }
    Ok(())
}
