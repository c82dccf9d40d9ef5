//! The catalog: the setup — workspaces, webhooks, steps, config, connectors, tokens — in memory,
//! and written through to the store. It answers who a webhook's key belongs to and which steps match a
//! task's data; it knows no task, no HTTP, and runs nothing but a new step's `condition`.
//!
//! Memory is a cache of the store. Changes go one after another: each is checked against memory, made
//! durable under the revision that memory is at, and only then seen. What other nodes change is taken in
//! within a second, before a change of one's own, and before something is said not to be there.

mod audit;
mod audited;
mod authentication;
mod bad_schema;
mod cache;
mod compiled_schemas;
mod config;
mod connectors;
mod error;
mod explain;
mod live;
mod live_token;
mod matching;
mod misses;
mod open;
mod opened;
mod payload_schemas;
mod reply_links;
mod schedules;
mod scripts;
mod settings;
mod steps;
mod tokens;
mod uploads;
mod vault_key;
mod verifier;
mod webhooks;
mod workspace;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

pub use audited::{audited, is_about};
pub use authentication::{AuthenticationChange, NewSecret, OtherSecrets};
pub use bad_schema::BadSchema;
pub use error::CatalogError;
pub use explain::Verdict;
pub use live::{LiveConnector, LiveSchedule, Put};
pub use live_token::LiveToken;
pub use matching::{LiveStep, Match, TooCostly};
pub use payload_schemas::check as check_schema;
pub use steps::Added;
pub use tokens::NewToken;
pub use vault_key::check_sealed;
pub use verifier::{
    LiveWebhook, Verifier, check as check_authentication, unknown as unknown_provider,
};

use crate::domain::clock::Clock;
use crate::domain::ids::WorkspaceName;
use crate::domain::places::Places;
use crate::sandbox::Sandbox;
use crate::store::{Manage, Store, StoreError};
use crate::vault::Vault;
use audited::{Audited, Waiting};
use live::Agenda;
use live_token::Tokens;
use misses::Misses;
use uploads::Uploads;
use workspace::Workspace;

/// The longest that a change waits for others that are made before it.
const IN_LINE: Duration = Duration::from_secs(15);
/// The longest that a request waits for its change.
const LONGEST: Duration = Duration::from_secs(30);

/// The workspace that is always there.
pub const DEFAULT_WORKSPACE: &str = "default";

/// A load of a component: who loads it, and its digest.
type Load = (WorkspaceName, String);

/// The setup. One for the whole server.
pub struct Catalog {
    store: Arc<dyn Store>,
    sandbox: Arc<Sandbox>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    /// The store's revision that memory is at.
    revision: AtomicU64,
    workspaces: RwLock<HashMap<WorkspaceName, Arc<RwLock<Workspace>>>>,
    keys: RwLock<HashMap<String, Arc<LiveWebhook>>>,
    tokens: Tokens,
    /// Held over the whole of a change.
    changing: tokio::sync::Mutex<()>,
    auditing: Waiting,
    misses: Arc<Misses>,
    agenda: Agenda,
    /// One lock for each component that a workspace loads, by its digest, so that it is loaded once. Another workspace
    /// with the same one does not wait for it: the first may have much to compile before.
    loading: Mutex<HashMap<Load, Arc<tokio::sync::Mutex<()>>>>,
    /// Components whose bytes are in memory to be loaded.
    loads: Places,
    uploads: Uploads,
}

impl Catalog {
    /// Every workspace, by name.
    pub fn workspaces(&self) -> Vec<WorkspaceName> {
        let mut names: Vec<WorkspaceName> = self.workspaces.read().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// The revision of the setup that memory is at.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    /// [`CatalogError::NotFound`] unless the workspace is there.
    pub fn check_workspace(&self, name: &WorkspaceName) -> Result<(), CatalogError> {
        self.workspace(name).map(|_| ())
    }

    /// The workspace, or [`CatalogError::NotFound`].
    fn workspace(&self, name: &WorkspaceName) -> Result<Arc<RwLock<Workspace>>, CatalogError> {
        self.workspaces
            .read()
            .get(name)
            .cloned()
            .ok_or_else(|| CatalogError::no_workspace(name))
    }

    /// Makes a change while no other is made here. `change` checks it against memory, makes it durable and
    /// then seen; it is called again after another node's changes were taken in, if there are any. Once begun
    /// it comes to its end even if the caller is dropped, so that memory and store never differ. A request is answered when
    /// the other nodes know of its change, and in any case after [`LONGEST`]: then the change is in doubt.
    async fn change<T, F>(
        self: &Arc<Self>,
        change: impl Fn() -> F + Send + 'static,
    ) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CatalogError>> + Send,
    {
        let catalog = self.clone();
        let request = Audited::current();
        let is_asked = request.entry().is_some();
        // A store in the data directory has no connection that stalls: what waits there waits for work.
        let (in_line, longest) = match self.store.cluster() {
            Some(_) => (IN_LINE, LONGEST),
            None => (Duration::MAX, Duration::MAX),
        };
        let changed = tokio::spawn(request.within(async move {
            let alone = tokio::time::timeout(in_line, catalog.changing.lock()).await;
            let alone = alone.map_err(|_| {
                StoreError::unavailable("other changes of the setup take too long; try again")
            })?;
            let (before, done) = loop {
                let before = catalog.revision();
                match change().await {
                    Err(CatalogError::Store(StoreError::Revised { .. })) => {
                        catalog.read_changes().await?;
                    }
                    done => break (before, done),
                }
            };
            let after = catalog.revision();
            drop(alone);
            if is_asked && after != before {
                catalog.agree(after).await;
            }
            done
        }));
        match tokio::time::timeout(longest, changed).await {
            Ok(changed) => changed.map_err(|_| CatalogError::Interrupted)?,
            Err(_) => Err(StoreError::InDoubt.into()),
        }
    }

    /// Makes a change durable that was checked against memory, with the audit entry of the request under which it
    /// is made. Only within a change.
    async fn manage(&self, change: Manage) -> Result<(), StoreError> {
        let expected = self.revision.load(Ordering::Relaxed);
        let request = Audited::current();
        let revision = self.store.manage(change, request.entry(), expected).await?;
        request.mark_written();
        self.revision.store(revision, Ordering::Relaxed);
        Ok(())
    }
}

/// Refuses one more where there are as many as may be.
fn room(what: &'static str, there: usize, most: usize) -> Result<(), CatalogError> {
    if there >= most {
        return Err(CatalogError::Full { what, most });
    }
    Ok(())
}

/// A catalog of a new store in memory, for tests of what stands on it.
#[cfg(test)]
pub(crate) async fn in_memory(clock: Arc<dyn Clock>) -> Arc<Catalog> {
    use crate::sandbox::SandboxSettings;
    use crate::store::memory::MemoryStore;

    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::open(dir.path(), Some(&"a".repeat(64))).unwrap();
    let sandbox = Sandbox::new(SandboxSettings {
        concurrency: 1,
        ..SandboxSettings::default()
    });
    let store = Arc::new(MemoryStore::new());
    let catalog = Catalog::open(store, sandbox.unwrap(), vault, clock);
    catalog.await.unwrap()
}

#[cfg(test)]
mod tests;
