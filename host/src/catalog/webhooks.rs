//! Webhooks in the catalog.

use std::sync::Arc;

use super::{Catalog, CatalogError, room};
use crate::domain::data::Pointer;
use crate::domain::ids::{WebhookName, WorkspaceName};
use crate::domain::limits;
use crate::domain::webhook::{Webhook, WebhookKey, base62};
use crate::store::Manage;
use crate::vault::fill_random;

impl Catalog {
    /// A workspace's webhooks, by name.
    pub fn webhooks(&self, workspace: &WorkspaceName) -> Result<Vec<Arc<Webhook>>, CatalogError> {
        Ok(self
            .workspace(workspace)?
            .read()
            .webhooks
            .values()
            .cloned()
            .collect())
    }

    /// The webhook whose URL has this key. A hash map with a secret seed finds it, so the time it
    /// takes tells nothing of other keys.
    pub fn webhook_by_key(&self, key: &str) -> Option<Arc<Webhook>> {
        self.keys.read().get(key).cloned()
    }

    /// The webhook with that id, or else with that name.
    pub fn webhook(
        &self,
        workspace: &WorkspaceName,
        id_or_name: &str,
    ) -> Result<Arc<Webhook>, CatalogError> {
        self.workspace(workspace)?
            .read()
            .webhook(id_or_name)
            .cloned()
            .ok_or_else(|| CatalogError::not_found("webhook", id_or_name, workspace))
    }

    /// Adds a webhook with a new id and key. [`CatalogError::Exists`] if the name is taken.
    pub async fn add_webhook(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: WebhookName,
        correlate: Option<&Pointer>,
    ) -> Result<Arc<Webhook>, CatalogError> {
        let (mut id, mut key) = ([0u8; 9], [0u8; 24]);
        fill_random(&mut id)?;
        fill_random(&mut key)?;
        let webhook = Arc::new(Webhook {
            id: base62(id),
            workspace: workspace.clone(),
            name,
            key: WebhookKey::new(base62(key)),
            created: self.clock.now(),
            correlate: correlate.map(ToString::to_string),
        });
        let catalog = self.clone();
        self.change(move || {
            let (catalog, webhook) = (catalog.clone(), webhook.clone());
            async move {
                let workspace = catalog.workspace(&webhook.workspace)?;
                {
                    let workspace = workspace.read();
                    if workspace.webhooks.contains_key(&webhook.name) {
                        return Err(CatalogError::Exists {
                            what: "webhook",
                            name: webhook.name.to_string(),
                            workspace: Some(webhook.workspace.clone()),
                        });
                    }
                    room("webhooks", workspace.webhooks.len(), limits::WEBHOOKS)?;
                }
                catalog.keep_webhook(&webhook).await?;
                Ok(webhook)
            }
        })
        .await
    }

    /// Gives a webhook another correlation, or none. Its id, name and URL stay.
    pub async fn change_webhook(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        id_or_name: &str,
        correlate: Option<&Pointer>,
    ) -> Result<Arc<Webhook>, CatalogError> {
        let (catalog, workspace) = (self.clone(), workspace.clone());
        let id_or_name = id_or_name.to_owned();
        let correlate = correlate.map(ToString::to_string);
        self.change(move || {
            let (catalog, workspace, id_or_name, correlate) = (
                catalog.clone(),
                workspace.clone(),
                id_or_name.clone(),
                correlate.clone(),
            );
            async move {
                let webhook = catalog.webhook(&workspace, &id_or_name)?;
                let changed = Arc::new(Webhook {
                    correlate,
                    ..Webhook::clone(&webhook)
                });
                catalog.keep_webhook(&changed).await?;
                Ok(changed)
            }
        })
        .await
    }

    /// Makes a webhook durable, and only then seen. Within a change.
    async fn keep_webhook(&self, webhook: &Arc<Webhook>) -> Result<(), CatalogError> {
        let workspace = self.workspace(&webhook.workspace)?;
        let change = Manage::PutWebhook(Webhook::clone(webhook));
        self.manage(change).await?;
        workspace
            .write()
            .webhooks
            .insert(webhook.name.clone(), webhook.clone());
        self.keys
            .write()
            .insert(webhook.key.reveal().to_owned(), webhook.clone());
        Ok(())
    }

    /// Deletes the webhook with that id, or else with that name. Its tasks stay.
    pub async fn delete_webhook(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        id_or_name: &str,
    ) -> Result<(), CatalogError> {
        let (catalog, workspace) = (self.clone(), workspace.clone());
        let id_or_name = id_or_name.to_owned();
        self.change(move || {
            let (catalog, workspace, id_or_name) =
                (catalog.clone(), workspace.clone(), id_or_name.clone());
            async move {
                let webhook = catalog.webhook(&workspace, &id_or_name)?;
                let change = Manage::DeleteWebhook(workspace.clone(), webhook.id.clone());
                catalog.manage(change).await?;
                catalog.keys.write().remove(webhook.key.reveal());
                catalog
                    .workspace(&workspace)?
                    .write()
                    .webhooks
                    .remove(&webhook.name);
                Ok(())
            }
        })
        .await
    }
}
