//! Opening the catalog.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, RwLock};

use super::{Catalog, CatalogError, DEFAULT_WORKSPACE, cache, scripts};
use crate::domain::clock::Clock;
use crate::domain::ids::WorkspaceName;
use crate::domain::places::Places;
use crate::sandbox::Sandbox;
use crate::store::{Manage, Store, StoreError};
use crate::vault::Vault;

/// Components that are read to be loaded at once, each of 32 MiB at most. Most are compiled already and there in a moment;
/// the others wait for their workspace's compilation.
const LOADS: usize = 64;
/// Of them, those of one workspace.
const LOADS_OF_ONE: usize = 4;

impl Catalog {
    /// Reads everything from the store, and adds the workspace [`DEFAULT_WORKSPACE`] to a store that
    /// lacks it. Every config value is opened once, so that a wrong vault key is noticed now.
    pub async fn open(
        store: Arc<dyn Store>,
        sandbox: Arc<Sandbox>,
        vault: Vault,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, CatalogError> {
        let catalog = Arc::new(Self {
            store,
            sandbox,
            vault,
            clock,
            revision: AtomicU64::new(0),
            workspaces: RwLock::default(),
            keys: RwLock::default(),
            tokens: Default::default(),
            auditing: Default::default(),
            changing: tokio::sync::Mutex::default(),
            misses: Default::default(),
            agenda: Default::default(),
            loading: Mutex::default(),
            loads: Places::new(LOADS, LOADS_OF_ONE),
            uploads: Default::default(),
        });
        catalog.read_all().await?;
        catalog.forget_components();
        tokio::spawn(cache::follow(Arc::downgrade(&catalog)));
        tokio::spawn(scripts::compile(Arc::downgrade(&catalog)));
        tokio::spawn(catalog.clone().note_token_uses());
        Ok(catalog)
    }

    /// Takes in everything that the store has, after adding [`DEFAULT_WORKSPACE`] to a store that lacks it.
    async fn read_all(&self) -> Result<(), CatalogError> {
        let Ok(default) = DEFAULT_WORKSPACE.parse::<WorkspaceName>() else {
            return self.read_changes().await;
        };
        loop {
            let all = self.store.registry_since(0).await?;
            let has_default = all.workspaces.iter().any(|(name, _)| *name == default);
            if has_default && all.revision > 0 {
                return self.take_in(all);
            }
            // A store from before revisions has the workspace and no revision. To add the workspace again
            // changes nothing but the revision: a node at 0 is given everything whenever it asks for
            // changes.
            let add = Manage::AddWorkspace(default.clone());
            match self.store.manage(add, None, all.revision).await {
                // Another node was faster, with this or something else.
                Ok(_) | Err(StoreError::Revised { .. }) => {}
                // Also with a full disk: the stored setup can be served.
                Err(_) if has_default => return self.take_in(all),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
