//! Opening the catalog.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, RwLock};

use super::{Catalog, CatalogError, DEFAULT_WORKSPACE, cache};
use crate::domain::clock::Clock;
use crate::domain::ids::WorkspaceName;
use crate::sandbox::Sandbox;
use crate::store::{Manage, Store, StoreError};
use crate::vault::Vault;

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
            changing: tokio::sync::Mutex::default(),
            looks: AtomicU64::new(0),
            agenda: Default::default(),
            loading: Mutex::default(),
        });
        catalog.add_default().await?;
        catalog.refresh().await?;
        catalog.forget_components();
        tokio::spawn(cache::follow(Arc::downgrade(&catalog)));
        Ok(catalog)
    }

    /// Adds the workspace that is always there to a store that lacks it.
    async fn add_default(&self) -> Result<(), CatalogError> {
        let Ok(default) = DEFAULT_WORKSPACE.parse::<WorkspaceName>() else {
            return Ok(());
        };
        loop {
            let there = self.store.registry_since(0).await?;
            if there.workspaces.iter().any(|(name, _)| *name == default) {
                return Ok(());
            }
            let add = Manage::AddWorkspace(default.clone());
            match self.store.manage(add, there.revision).await {
                // Another node was faster, with this or something else.
                Ok(_) | Err(StoreError::Revised { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
