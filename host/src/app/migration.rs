//! `stepwell store migrate`: the whole store of servers that do not run, from a data directory into a database or back.
//!
//! A data directory is written beside the place of its store, and takes that place when all was read back and is the
//! same. A database is marked as incomplete until then. So nothing is served of a copy that was interrupted, and it can
//! be made again. A database that is copied from is taken over before anything is read, and stays left.
//!
//! Errors that can be found before are reported before either side is changed.

mod error;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::error::MigrateError;
use super::data_dir::{self, INCOMING, STORE};
use super::stores;
use crate::catalog;
use crate::domain::blocking::spawn_blocking;
use crate::private_file;
use crate::settings::StoreUrl;
use crate::store::blobs::Blobs;
use crate::store::directory_lock::DirectoryLock;
use crate::store::migration::{self, Migrate, MissingFiles, NamedFiles, Summary};
use crate::store::postgres::{OfflineStore, PostgresSettings};
use crate::store::sled::{SledSettings, SledStore};
use crate::store::{Store, StoreError};
use crate::vault::{KEY_FILE, KEY_VARIABLE, Vault};

/// The two places of a migration, and its options.
#[derive(Debug, Clone)]
pub enum Migration {
    /// From a data directory into an empty database.
    IntoDatabase {
        /// The data directory.
        from: PathBuf,
        /// The database.
        to: StoreUrl,
        /// The directory of files that come with tasks; needed if there are any.
        files: Option<PathBuf>,
        /// What is done if files are missing that tasks name.
        may_miss: MissingFiles,
    },
    /// From a database into a data directory without a store.
    IntoDirectory {
        /// The database.
        from: StoreUrl,
        /// The data directory.
        to: PathBuf,
        /// The directory of files that came with tasks; none if there is none.
        files: Option<PathBuf>,
        /// What is done if files are missing that tasks name.
        may_miss: MissingFiles,
    },
}

/// How far it is, for who shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Tasks are looked at, whether they name files, as none is there: so many were.
    Looks(u64),
    /// Tasks are copied: so many were.
    Copies(u64),
    /// The copy is read: so many tasks were.
    Reads(u64),
}

/// Copies a store and reads the copy back. Returns the number of values of each kind, with digests.
///
/// # Errors
/// [`MigrateError`]. The source is used as before, and of the target nothing is served; but for
/// [`MigrateError::StaysMoved`].
pub async fn migrate(
    migration: &Migration,
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<Summary, MigrateError> {
    private_file::make_all_private();
    match migration {
        Migration::IntoDatabase {
            from,
            to,
            files,
            may_miss,
        } => into_database(from, to, (files.as_deref(), *may_miss), progress).await,
        Migration::IntoDirectory {
            from,
            to,
            files,
            may_miss,
        } => into_directory(from, to, (files.as_deref(), *may_miss), progress).await,
    }
}

fn given_key() -> Option<String> {
    std::env::var(KEY_VARIABLE).ok()
}

/// Runs what reads and writes the disk on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MigrateError> + Send + 'static,
) -> Result<T, MigrateError> {
    let done = spawn_blocking(work).await;
    done.unwrap_or(Err(MigrateError::Store(StoreError::Closed)))
}

async fn open(settings: SledSettings) -> Result<Arc<SledStore>, MigrateError> {
    blocking(move || Ok(SledStore::open(settings)?)).await
}

async fn into_database(
    from: &Path,
    to: &StoreUrl,
    files: (Option<&Path>, MissingFiles),
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<Summary, MigrateError> {
    let directory = from.to_owned();
    let path = blocking(move || Ok(data_dir::store_of(&directory)?)).await?;
    let source = open(SledSettings::at(path)).await?;
    let copied = fill_database(&source, from, to, files, progress).await;
    source.close().await;
    copied
}

async fn fill_database(
    source: &SledStore,
    from: &Path,
    to: &StoreUrl,
    (files, may_miss): (Option<&Path>, MissingFiles),
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<Summary, MigrateError> {
    let vault = Vault::present(from, given_key().as_deref())?;
    let registry = source.registry_since(0).await?;
    catalog::check_sealed(&registry, vault.as_ref(), &from.join(KEY_FILE))?;
    drop(registry);
    let files = match files {
        Some(files) => files.to_owned(),
        None if source.blobs().owners()?.is_empty() => from.join(stores::FILES),
        None => return Err(MigrateError::NoFilesDir),
    };
    let settings = PostgresSettings::new(to.reveal(), files.clone())?;
    let begins = !OfflineStore::is_incomplete(&settings).await?;
    if begins && !Blobs::shared(files.clone()).owners()?.is_empty() {
        return Err(MigrateError::FilesThere(files));
    }
    let links = vault.as_ref().map(|vault| vault.links(""));
    let wanted = NamedFiles {
        may_miss,
        links: links.as_ref(),
    };
    expect_files(source, wanted, progress).await?;
    let target = OfflineStore::write(settings, source.seed()).await?;
    let copied = write_copy(source, &target, (vault.as_ref(), wanted), progress).await;
    target.close().await;
    copied
}

async fn write_copy(
    source: &SledStore,
    target: &OfflineStore,
    (vault, wanted): (Option<&Vault>, NamedFiles<'_>),
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<Summary, MigrateError> {
    if let Some(vault) = vault {
        stores::agree_on_key(&target.store, vault, true).await?;
    }
    let store: &dyn Migrate = target.store.as_ref();
    let copied = migration::copy(source, store, wanted, &|tasks| {
        progress(Stage::Copies(tasks));
    })
    .await?;
    let read = migration::read(store, &|tasks| progress(Stage::Reads(tasks))).await?;
    migration::compare(&copied, &read)?;
    target.complete().await?;
    Ok(copied)
}

/// Refuses a source whose files are all missing, if they may not be.
async fn expect_files(
    source: &dyn Migrate,
    wanted: NamedFiles<'_>,
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<(), MigrateError> {
    let looked = |tasks| progress(Stage::Looks(tasks));
    match wanted.may_miss {
        MissingFiles::Refused => Ok(migration::expect_files(source, wanted.links, &looked).await?),
        MissingFiles::LeftOut => Ok(()),
    }
}

async fn into_directory(
    from: &StoreUrl,
    to: &Path,
    (files, may_miss): (Option<&Path>, MissingFiles),
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<Summary, MigrateError> {
    let files = match files {
        Some(files) if files.is_dir() => files.to_owned(),
        Some(files) => return Err(MigrateError::FilesMissing(files.to_owned())),
        // There is none.
        None => to.join(stores::FILES),
    };
    let directory = to.to_owned();
    let (_lock, incoming) = blocking(move || prepare(&directory)).await?;
    let settings = PostgresSettings::new(from.reveal(), files)?;
    let place = std::path::absolute(to).map_err(MigrateError::file(to))?;
    let place = format!("the data directory {}", place.display());
    let source = OfflineStore::read(settings, &place).await?;
    let copied = leave_database(&source, (to, &place), (&incoming, may_miss), progress).await;
    source.close().await;
    copied
}

/// Takes a database over, copies it, and has the copy take its place. It is given back if that is not done.
async fn leave_database(
    source: &OfflineStore,
    (to, place): (&Path, &str),
    (incoming, may_miss): (&Path, MissingFiles),
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<Summary, MigrateError> {
    let vault = check_database(source, to).await?;
    let links = vault.map(|vault| vault.links(""));
    let wanted = NamedFiles {
        may_miss,
        links: links.as_ref(),
    };
    expect_files(source.store.as_ref(), wanted, progress).await?;
    let (directory, written) = (to.to_owned(), incoming.to_owned());
    let moved = async {
        source.take_over(place).await?;
        let copied = fill_directory(source, (incoming, wanted), progress).await?;
        blocking(move || take_place(&directory, &written)).await?;
        Ok(copied)
    };
    let failed = match moved.await {
        Ok(copied) => return Ok(copied),
        Err(failed) => failed,
    };
    // A store that was moved before is left as it was: servers may work on that copy, or on one in its place.
    let has_its_place = !incoming.exists() && data_dir::has_store(to);
    if source.was_moved() || has_its_place {
        return Err(MigrateError::StaysMoved(Box::new(failed)));
    }
    match source.give_back(place).await {
        Ok(()) => Err(failed),
        Err(_) => Err(MigrateError::StaysMoved(Box::new(failed))),
    }
}

/// Takes the data directory, and removes what an interrupted copy left in it. Returns where the store is to be written.
fn prepare(directory: &Path) -> Result<(DirectoryLock, PathBuf), MigrateError> {
    stores::make_directory(directory)?;
    if data_dir::has_store(directory) {
        return Err(MigrateError::NotEmpty(directory.to_owned()));
    }
    let taken = DirectoryLock::take(directory).map_err(MigrateError::file(directory))?;
    let lock = taken.ok_or_else(|| MigrateError::InUse(directory.to_owned()))?;
    let incoming = directory.join(INCOMING);
    if incoming.exists() {
        fs::remove_dir_all(&incoming).map_err(MigrateError::file(&incoming))?;
    }
    Ok((lock, incoming))
}

/// Refuses a database whose secrets are not in the target. Returns those that are.
async fn check_database(source: &OfflineStore, to: &Path) -> Result<Option<Vault>, MigrateError> {
    let vault = Vault::present(to, given_key().as_deref())?;
    if let Some(check) = source.key_check().await? {
        let Some(vault) = &vault else {
            return Err(MigrateError::NoSecrets(to.to_owned()));
        };
        if !stores::is_key(vault, &check)? {
            return Err(MigrateError::OtherSecrets(to.to_owned()));
        }
    }
    let registry = source.store.registry_since(0).await?;
    catalog::check_sealed(&registry, vault.as_ref(), &to.join(KEY_FILE))?;
    Ok(vault)
}

async fn fill_directory(
    source: &OfflineStore,
    (incoming, wanted): (&Path, NamedFiles<'_>),
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<Summary, MigrateError> {
    let store: &dyn Migrate = source.store.as_ref();
    let mut settings = SledSettings::at(incoming);
    settings.seed = Some(store.seed());
    let target = open(settings.clone()).await?;
    let copied = migration::copy(store, target.as_ref(), wanted, &|tasks| {
        progress(Stage::Copies(tasks));
    })
    .await;
    target.close().await;
    drop(target);
    let copied = copied?;
    // As the next start finds it.
    let target = open(settings).await?;
    let read = migration::read(target.as_ref(), &|tasks| progress(Stage::Reads(tasks))).await;
    target.close().await;
    migration::compare(&copied, &read?)?;
    source.check().await?;
    Ok(copied)
}

/// Lets servers start again on a database that was copied into a data directory which is not used. Returns what that was; none
/// if the database was not moved.
///
/// # Errors
/// [`MigrateError::Database`].
pub async fn reopen(database: &StoreUrl) -> Result<Option<String>, MigrateError> {
    let settings = PostgresSettings::new(database.reveal(), PathBuf::new())?;
    Ok(OfflineStore::reopen(&settings).await?)
}

/// Has the store that was written take its place, durably.
fn take_place(directory: &Path, incoming: &Path) -> Result<(), MigrateError> {
    let store = directory.join(STORE);
    let take = || -> std::io::Result<()> {
        // Also the values that are written without a sync, such as recorded deliveries.
        rustix::fs::syncfs(fs::File::open(incoming)?)?;
        if data_dir::has_store(directory) {
            return Err(std::io::Error::other(
                "a server made a store there meanwhile",
            ));
        }
        if store.exists() {
            // Nothing is in it but a lock.
            fs::remove_dir_all(&store)?;
        }
        fs::rename(incoming, &store)?;
        fs::File::open(directory)?.sync_all()
    };
    take().map_err(MigrateError::file(&store))?;
    Ok(data_dir::note_store(directory)?)
}
