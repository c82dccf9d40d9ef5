//! Named connectors in the catalog: encrypted in the store, decrypted and ready for calls in memory.

use std::sync::Arc;

use super::live::{LiveConnector, Put, config_key};
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

    /// The connector `name`; otherwise an error for the step that lists the names there are.
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
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let hint = match names.as_slice() {
            [] => "it has none; an operator adds one with `stepwell connector add`".to_owned(),
            names => format!("it has: {}", names.join(", ")),
        };
        let name: String = name.chars().take(80).collect();
        Err(OperationError::NotFound(format!(
            "the workspace has no connector `{name}`; {hint}"
        )))
    }

    /// A dry run of [`Catalog::put_connector`], with the same errors. It changes nothing.
    pub fn would_put_connector(
        &self,
        workspace: &WorkspaceName,
        name: &ConnectorName,
        settings: &ConnectorSettings,
    ) -> Result<Put, CatalogError> {
        Connector::new(settings)?;
        settings_text(settings)?;
        self.put_outcome(workspace, name, settings)
    }

    /// Compares with the connector of that name, or checks that there may be one more.
    fn put_outcome(
        &self,
        workspace: &WorkspaceName,
        name: &ConnectorName,
        settings: &ConnectorSettings,
    ) -> Result<Put, CatalogError> {
        let workspace = self.workspace(workspace)?;
        let workspace = workspace.read();
        Ok(match workspace.connectors.get(name) {
            None => {
                let count = workspace.connectors.len();
                room("connectors", count, limits::CONNECTORS)?;
                Put::Added
            }
            Some(live) if live.settings == *settings => Put::Same,
            Some(_) => Put::Changed,
        })
    }

    /// Adds a connector, or replaces the one with that name. Its settings have at most
    /// `limits::CONFIG_BYTES` as JSON text.
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
        let text = settings_text(&live.settings)?;
        let sealed = self.vault.seal(workspace, &config_key(&name)?, &text)?;
        let (catalog, workspace_name) = (self.clone(), workspace.clone());
        // `change` may call this again after another node's changes, so every call needs its own copies.
        self.change(move || {
            let (catalog, workspace_name, name, live, sealed) = (
                catalog.clone(),
                workspace_name.clone(),
                name.clone(),
                live.clone(),
                sealed.clone(),
            );
            async move {
                let put = catalog.put_outcome(&workspace_name, &name, &live.settings)?;
                if put == Put::Same {
                    return Ok(put);
                }
                let workspace = catalog.workspace(&workspace_name)?;
                let change = Manage::PutConnector(workspace_name, name.clone(), sealed);
                catalog.manage(change).await?;
                workspace.write().connectors.insert(name, live);
                Ok(put)
            }
        })
        .await
    }

    /// Deletes a connector; [`CatalogError::NotFound`] if there is none with that name.
    pub async fn delete_connector(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: &ConnectorName,
    ) -> Result<(), CatalogError> {
        let (catalog, workspace_name, name) = (self.clone(), workspace.clone(), name.clone());
        self.change(move || {
            let (catalog, workspace_name, name) =
                (catalog.clone(), workspace_name.clone(), name.clone());
            async move {
                let workspace = catalog.workspace(&workspace_name)?;
                if !workspace.read().connectors.contains_key(&name) {
                    return Err(CatalogError::not_found(
                        "connector",
                        name.as_str(),
                        &workspace_name,
                    ));
                }
                let change = Manage::DeleteConnector(workspace_name, name.clone());
                catalog.manage(change).await?;
                workspace.write().connectors.remove(&name);
                Ok(())
            }
        })
        .await
    }
}

/// The settings as JSON text, which is what the vault seals.
fn settings_text(settings: &ConnectorSettings) -> Result<String, CatalogError> {
    let text = serde_json::to_string(settings).expect("strings and JSON values serialise");
    if text.len() > limits::CONFIG_BYTES {
        return Err(CatalogError::TooLarge {
            what: "connector's declaration",
            size: text.len(),
            most: limits::CONFIG_BYTES,
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::tests::{default, name, open, store};

    fn slack(token: &str) -> ConnectorSettings {
        let settings = json!({"kind": "slack.com", "config": {"token": token}});
        serde_json::from_value(settings).unwrap()
    }

    #[tokio::test]
    async fn a_dry_run_is_refused_as_the_change_would_be() {
        let (catalog, ws) = (open(&store(), '1').await.unwrap(), default());
        let would_put = |connector: &str, settings: &ConnectorSettings| {
            catalog.would_put_connector(&ws, &name(connector), settings)
        };
        let put = |connector: &str, settings: &ConnectorSettings| {
            catalog.put_connector(&ws, name(connector), settings.clone())
        };

        let large = slack(&"x".repeat(limits::CONFIG_BYTES));
        for refused in [would_put("c0", &large), put("c0", &large).await] {
            let error = refused.unwrap_err();
            assert!(matches!(error, CatalogError::TooLarge { .. }), "{error}");
        }

        let settings = slack("xoxb-1");
        for number in 0..limits::CONNECTORS {
            let connector = format!("c{number}");
            assert_eq!(would_put(&connector, &settings).unwrap(), Put::Added);
            assert_eq!(put(&connector, &settings).await.unwrap(), Put::Added);
        }
        for refused in [would_put("more", &settings), put("more", &settings).await] {
            let error = refused.unwrap_err();
            assert!(matches!(error, CatalogError::Full { .. }), "{error}");
        }
        let other = slack("xoxb-2");
        assert_eq!(would_put("c0", &settings).unwrap(), Put::Same);
        assert_eq!(would_put("c0", &other).unwrap(), Put::Changed);
        assert_eq!(put("c0", &other).await.unwrap(), Put::Changed);
    }
}
