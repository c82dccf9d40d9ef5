//! Named connectors in the catalog: sealed in the store, ready to be called in memory.

use std::sync::Arc;

use super::live::{LiveConnector, Put, place};
use super::{Catalog, CatalogError, room};
use crate::connectors::named::Connector;
use crate::domain::connector::ConnectorSettings;
use crate::domain::effect::OperationError;
use crate::domain::ids::{ConnectorName, WorkspaceName};
use crate::domain::limits;
use crate::store::Manage;

impl Catalog {
    /// A workspace's connectors, by name.
    pub fn connectors(
        &self,
        workspace: &WorkspaceName,
    ) -> Result<Vec<(ConnectorName, Arc<LiveConnector>)>, CatalogError> {
        let workspace = self.workspace(workspace)?;
        let workspace = workspace.read();
        let all = workspace.connectors.iter();
        Ok(all
            .map(|(name, live)| (name.clone(), live.clone()))
            .collect())
    }

    /// The connector of that name, as a step asks for it.
    pub fn connector(
        &self,
        workspace: &WorkspaceName,
        name: &str,
    ) -> Result<Arc<LiveConnector>, OperationError> {
        if let (Ok(workspace), Ok(name)) = (self.workspace(workspace), name.parse())
            && let Some(live) = workspace.read().connectors.get::<ConnectorName>(&name)
        {
            return Ok(live.clone());
        }
        let all = self.connectors(workspace).unwrap_or_default();
        let known: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let known = match known.as_slice() {
            [] => "it has none; an operator adds one with `stepwell connector add`".to_owned(),
            known => format!("it has: {}", known.join(", ")),
        };
        let name: String = name.chars().take(80).collect();
        Err(OperationError::Unknown(format!(
            "the workspace has no connector `{name}`; {known}"
        )))
    }

    /// What [`Catalog::put_connector`] would come to.
    pub fn would_put_connector(
        &self,
        workspace: &WorkspaceName,
        name: &ConnectorName,
        settings: &ConnectorSettings,
    ) -> Result<Put, CatalogError> {
        Connector::new(settings)?;
        let workspace = self.workspace(workspace)?;
        let workspace = workspace.read();
        Ok(match workspace.connectors.get(name) {
            None => Put::Added,
            Some(live) if live.settings == *settings => Put::Same,
            Some(_) => Put::Changed,
        })
    }

    /// Adds a connector, or puts it in the place of the one of that name.
    pub async fn put_connector(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: ConnectorName,
        settings: ConnectorSettings,
    ) -> Result<Put, CatalogError> {
        let live = Arc::new(LiveConnector {
            connector: Connector::new(&settings)?,
            settings,
        });
        let text = serde_json::to_string(&live.settings)
            .map_err(|error| CatalogError::Damaged(error.to_string()))?;
        if text.len() > limits::CONFIG_BYTES {
            return Err(CatalogError::TooLarge {
                what: "connector's config",
                size: text.len(),
                most: limits::CONFIG_BYTES,
            });
        }
        let sealed = self.vault.seal(workspace, &place(&name)?, &text)?;
        let (catalog, owner) = (self.clone(), workspace.clone());
        self.change(move || {
            let (catalog, owner, name, live, sealed) = (
                catalog.clone(),
                owner.clone(),
                name.clone(),
                live.clone(),
                sealed.clone(),
            );
            async move {
                let put = catalog.would_put_connector(&owner, &name, &live.settings)?;
                let workspace = catalog.workspace(&owner)?;
                match put {
                    Put::Same => return Ok(put),
                    Put::Changed => {}
                    Put::Added => {
                        let there = workspace.read().connectors.len();
                        room("connectors", there, limits::CONNECTORS)?;
                    }
                }
                let change = Manage::PutConnector(owner, name.clone(), sealed);
                catalog.manage(change).await?;
                workspace.write().connectors.insert(name, live);
                Ok(put)
            }
        })
        .await
    }

    /// Deletes a connector.
    pub async fn delete_connector(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: &ConnectorName,
    ) -> Result<(), CatalogError> {
        let (catalog, owner, name) = (self.clone(), workspace.clone(), name.clone());
        self.change(move || {
            let (catalog, owner, name) = (catalog.clone(), owner.clone(), name.clone());
            async move {
                let workspace = catalog.workspace(&owner)?;
                if !workspace.read().connectors.contains_key(&name) {
                    return Err(CatalogError::not_found("connector", name.as_str(), &owner));
                }
                let change = Manage::DeleteConnector(owner, name.clone());
                catalog.manage(change).await?;
                workspace.write().connectors.remove(&name);
                Ok(())
            }
        })
        .await
    }
}
