//! Config in the catalog: sealed in the store and in memory, opened when a step needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Catalog, CatalogError, room};
use crate::domain::ids::{ConfigKey, WorkspaceName};
use crate::domain::limits;
use crate::domain::run::Config;
use crate::store::Manage;

impl Catalog {
    /// A workspace's config in the clear, for a run; empty if there is no such workspace.
    pub fn config(&self, workspace: &WorkspaceName) -> Arc<Config> {
        let Ok(live) = self.workspace(workspace) else {
            return Arc::default();
        };
        if let Some(config) = &live.read().config {
            return config.clone();
        }
        let mut live = live.write();
        let mut config = BTreeMap::new();
        for (key, sealed) in live.sealed() {
            match self.vault.unseal(workspace, key, sealed) {
                Ok(value) => {
                    config.insert(key.as_str().to_owned(), String::clone(&value));
                }
                // Every value was opened or sealed by this very vault since the start, so this
                // means broken memory. A step that misses a value says so.
                Err(error) => tracing::error!(
                    workspace.id = %workspace,
                    config.key = %key,
                    %error,
                    "a config value does not open"
                ),
            }
        }
        let config = Arc::new(Config::from(config));
        live.config = Some(config.clone());
        config
    }

    /// A workspace's config keys, by name.
    pub fn config_keys(&self, workspace: &WorkspaceName) -> Result<Vec<ConfigKey>, CatalogError> {
        let workspace = self.workspace(workspace)?;
        let keys = workspace.read().sealed().keys().cloned().collect();
        Ok(keys)
    }

    /// Sets a config value, at most `limits::CONFIG_BYTES` long.
    pub async fn set_config(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        key: ConfigKey,
        value: &str,
    ) -> Result<(), CatalogError> {
        if value.len() > limits::CONFIG_BYTES {
            return Err(CatalogError::TooLarge {
                what: "config value",
                size: value.len(),
                most: limits::CONFIG_BYTES,
            });
        }
        let sealed = self.vault.seal(workspace, &key, value)?;
        let (catalog, owner) = (self.clone(), workspace.clone());
        self.change(move || {
            let (catalog, owner, key, sealed) =
                (catalog.clone(), owner.clone(), key.clone(), sealed.clone());
            async move {
                let workspace = catalog.workspace(&owner)?;
                {
                    let workspace = workspace.read();
                    if !workspace.sealed().contains_key(&key) {
                        room("config keys", workspace.sealed().len(), limits::CONFIG_KEYS)?;
                    }
                }
                let change = Manage::SetConfig(owner, key.clone(), sealed.clone());
                catalog.manage(change).await?;
                workspace.write().put_sealed(key, sealed);
                Ok(())
            }
        })
        .await
    }

    /// Deletes a config value.
    pub async fn delete_config(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        key: &ConfigKey,
    ) -> Result<(), CatalogError> {
        let (catalog, owner, key) = (self.clone(), workspace.clone(), key.clone());
        self.change(move || {
            let (catalog, owner, key) = (catalog.clone(), owner.clone(), key.clone());
            async move {
                let workspace = catalog.workspace(&owner)?;
                if !workspace.read().sealed().contains_key(&key) {
                    return Err(CatalogError::not_found("config key", key.as_str(), &owner));
                }
                let change = Manage::DeleteConfig(owner, key.clone());
                catalog.manage(change).await?;
                workspace.write().remove_sealed(&key);
                Ok(())
            }
        })
        .await
    }
}
