//! Webhooks in the catalog.

use std::sync::Arc;

use super::authentication::AuthenticationChange;
use super::bad_schema::BadSchema;
use super::matching::LiveStep;
use super::payload_schemas;
use super::verifier::LiveWebhook;
use super::{Catalog, CatalogError, room};
use crate::domain::authentication::{Authentication, AuthenticationError};
use crate::domain::data::Pointer;
use crate::domain::dedup::DedupRule;
use crate::domain::ids::{WebhookName, WorkspaceName};
use crate::domain::limits;
use crate::domain::webhook::{
    FormerKey, Webhook, WebhookKey, WebhookRules, WebhookRulesChange, base62,
};
use crate::store::Manage;
use crate::vault::fill_random;

impl Catalog {
    /// A workspace's webhooks, by name.
    pub fn webhooks(
        &self,
        workspace: &WorkspaceName,
    ) -> Result<Vec<Arc<LiveWebhook>>, CatalogError> {
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
    pub fn webhook_by_key(&self, key: &str) -> Option<Arc<LiveWebhook>> {
        let webhook = self.keys.read().get(key).cloned();
        webhook.filter(|webhook| webhook.is_found_by(key, self.clock.now()))
    }

    /// The webhook with that id, or else with that name.
    pub fn webhook(
        &self,
        workspace: &WorkspaceName,
        id_or_name: &str,
    ) -> Result<Arc<LiveWebhook>, CatalogError> {
        self.workspace(workspace)?
            .read()
            .webhook(id_or_name)
            .cloned()
            .ok_or_else(|| CatalogError::not_found("webhook", id_or_name, workspace))
    }

    /// The webhook with that id or name, or else those that had that name before.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] if there is none.
    pub fn webhooks_once_named(
        &self,
        workspace: &WorkspaceName,
        id_or_name: &str,
    ) -> Result<Vec<Arc<LiveWebhook>>, CatalogError> {
        let missing = match self.webhook(workspace, id_or_name) {
            Ok(webhook) => return Ok(vec![webhook]),
            Err(missing) => missing,
        };
        let mut named = self.webhooks(workspace)?;
        named.retain(|webhook| {
            let mut names = webhook.former_names.iter();
            names.any(|name| name.as_str() == id_or_name)
        });
        match named.is_empty() {
            true => Err(missing),
            false => Ok(named),
        }
    }

    /// Adds a webhook with a new id and key, which takes every request. [`CatalogError::Exists`] if the name
    /// is taken.
    pub async fn add_webhook(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: WebhookName,
        rules: WebhookRules,
    ) -> Result<Arc<LiveWebhook>, CatalogError> {
        let change = AuthenticationChange::default();
        self.new_webhook(workspace, name, rules, change).await
    }

    /// Adds a webhook with a new id and key, whose requests are verified so.
    ///
    /// # Errors
    /// [`CatalogError::Exists`] if the name is taken; [`CatalogError::Authentication`].
    pub async fn new_webhook(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: WebhookName,
        rules: WebhookRules,
        authentication: AuthenticationChange,
    ) -> Result<Arc<LiveWebhook>, CatalogError> {
        let text = rules.schema.as_ref().map(|schema| schema.text.clone());
        let schema = payload_schemas::prepared(text).await?;
        let (mut id, mut key) = ([0u8; 9], [0u8; 24]);
        fill_random(&mut id)?;
        fill_random(&mut key)?;
        let webhook = Webhook {
            id: base62(id),
            workspace: workspace.clone(),
            name,
            former_names: Vec::new(),
            key: WebhookKey::new(base62(key)),
            former_keys: Vec::new(),
            created: self.clock.now(),
            correlate: rules.correlate.map(|pointer| pointer.to_string()),
            dedup: rules.dedup,
            authentication: Authentication::default(),
            intake: rules.intake,
            replies: rules.replies,
            schema: rules.schema,
            is_disabled: rules.is_disabled,
        };
        let webhook = self.authenticated(webhook, &authentication)?;
        let catalog = self.clone();
        self.change(move || {
            let (catalog, webhook, schema) = (catalog.clone(), webhook.clone(), schema.clone());
            async move {
                let workspace = catalog.workspace(&webhook.workspace)?;
                {
                    let workspace = workspace.read();
                    if workspace.webhooks.contains_key(&webhook.name) {
                        return Err(taken(&webhook.workspace, &webhook.name));
                    }
                    room("webhooks", workspace.webhooks.len(), limits::WEBHOOKS)?;
                    payload_schemas::check_memory(&workspace, &webhook, schema.as_ref())?;
                }
                catalog.keep_webhook(&webhook).await?;
                Ok(webhook)
            }
        })
        .await
    }

    /// Gives a webhook another correlation and dedup rule. Everything else of it stays.
    pub async fn change_webhook(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        id_or_name: &str,
        correlate: Option<Pointer>,
        dedup: Option<DedupRule>,
    ) -> Result<Arc<LiveWebhook>, CatalogError> {
        let rules = WebhookRulesChange {
            correlate: Some(correlate),
            dedup: Some(dedup),
            ..WebhookRulesChange::default()
        };
        let change = AuthenticationChange::default();
        let set = self.set_webhook(workspace, id_or_name, rules, change);
        Ok(set.await?.1)
    }

    /// Changes the given members of a webhook. Returns the webhook before and after. Its id and URL stay.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Exists`] if the name is another one's;
    /// [`CatalogError::Authentication`].
    pub async fn set_webhook(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        id_or_name: &str,
        rules: WebhookRulesChange,
        authentication: AuthenticationChange,
    ) -> Result<(Arc<LiveWebhook>, Arc<LiveWebhook>), CatalogError> {
        let schema = payload_schemas::prepared(rules.schema.text.clone().flatten()).await?;
        let (catalog, workspace) = (self.clone(), workspace.clone());
        let id_or_name = id_or_name.to_owned();
        self.change(move || {
            let (catalog, workspace, id_or_name) =
                (catalog.clone(), workspace.clone(), id_or_name.clone());
            let (rules, authentication) = (rules.clone(), authentication.clone());
            let schema = schema.clone();
            async move {
                let webhook = catalog.webhook(&workspace, &id_or_name)?;
                let mut changed = Webhook::clone(&webhook);
                if let Some(correlate) = rules.correlate {
                    changed.correlate = correlate.map(|pointer| pointer.to_string());
                }
                if let Some(dedup) = rules.dedup {
                    changed.dedup = dedup;
                }
                rules.intake.apply(&mut changed.intake);
                rules.replies.apply(&mut changed.replies);
                let set = rules.schema.apply(&mut changed.schema);
                set.map_err(BadSchema::from)?;
                let live = catalog.workspace(&workspace)?;
                payload_schemas::check_memory(&live.read(), &changed, schema.as_ref())?;
                if let Some(name) = rules.name {
                    let other = live.read().webhooks.get(&name).cloned();
                    if other.is_some_and(|other| other.id != changed.id) {
                        return Err(taken(&workspace, &name));
                    }
                    changed.rename(name);
                }
                if let Some(is_disabled) = rules.is_disabled {
                    changed.is_disabled = is_disabled;
                }
                let changed = catalog.authenticated(changed, &authentication)?;
                catalog.keep_webhook(&changed).await?;
                Ok((webhook, changed))
            }
        })
        .await
    }

    /// Makes a webhook durable, and only then seen. Within a change.
    pub(super) async fn keep_webhook(
        &self,
        webhook: &Arc<LiveWebhook>,
    ) -> Result<(), CatalogError> {
        let workspace = self.workspace(&webhook.workspace)?;
        let is_it = |there: &&Arc<LiveWebhook>| there.id == webhook.id;
        let before = workspace.read().webhooks.values().find(is_it).cloned();
        let change = Manage::PutWebhook(Webhook::clone(webhook));
        self.manage(change).await?;
        let mut workspace = workspace.write();
        let mut keys = self.keys.write();
        if let Some(before) = before {
            workspace.webhooks.remove(&before.name);
            before.keys().for_each(|key| drop(keys.remove(key)));
        }
        keys.extend(webhook.keys().map(|key| (key.to_owned(), webhook.clone())));
        workspace
            .webhooks
            .insert(webhook.name.clone(), webhook.clone());
        Ok(())
    }

    /// Gives a webhook a new key. Its key, and those that it had before, still find it for `overlap_seconds`, but no
    /// longer than they did; for 0 they find nothing from now on.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Authentication`] for too long an overlap, or if too many former keys find it.
    pub async fn rotate_webhook(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        id_or_name: &str,
        overlap_seconds: u64,
    ) -> Result<Arc<LiveWebhook>, CatalogError> {
        if overlap_seconds > limits::SECRET_OVERLAP_SECONDS {
            return Err(AuthenticationError::Overlap(overlap_seconds).into());
        }
        let mut key = [0u8; 24];
        fill_random(&mut key)?;
        let key = base62(key);
        let (catalog, workspace) = (self.clone(), workspace.clone());
        let id_or_name = id_or_name.to_owned();
        self.change(move || {
            let (catalog, workspace, id_or_name) =
                (catalog.clone(), workspace.clone(), id_or_name.clone());
            let key = WebhookKey::new(key.clone());
            async move {
                let webhook = catalog.webhook(&workspace, &id_or_name)?;
                let now = catalog.clock.now();
                let mut changed = Webhook::clone(&webhook);
                let until = now.saturating_add(overlap_seconds * 1000);
                let before = std::mem::replace(&mut changed.key, key);
                let former = &mut changed.former_keys;
                former.insert(0, FormerKey { key: before, until });
                for one in &mut *former {
                    one.until = one.until.min(until);
                }
                former.retain(|one| one.until > now);
                if former.len() > limits::WEBHOOK_KEYS {
                    return Err(AuthenticationError::TooManyKeys.into());
                }
                let changed = LiveWebhook::open(&catalog.vault, changed)?;
                catalog.keep_webhook(&changed).await?;
                Ok(changed)
            }
        })
        .await
    }

    /// The steps whose conditions name a webhook that is renamed: a line of warning for each.
    pub fn left_behind(&self, workspace: &WorkspaceName, before: &str, now: &str) -> Vec<String> {
        let steps = self.steps(workspace).unwrap_or_default();
        let of = |step: &Arc<LiveStep>, name: &str| {
            step.pattern.texts_at(&["$via", "name"]).contains(&name)
        };
        let steps = steps
            .iter()
            .filter(|step| of(step, before) && !of(step, now));
        let lines = steps.map(|step| {
            format!(
                "the condition of step `{}` names the webhook `{before}`, so it does not match new tasks of `{now}`",
                step.step.name
            )
        });
        lines.collect()
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
                let mut keys = catalog.keys.write();
                webhook.keys().for_each(|key| drop(keys.remove(key)));
                drop(keys);
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

fn taken(workspace: &WorkspaceName, name: &WebhookName) -> CatalogError {
    CatalogError::Exists {
        what: "webhook",
        name: name.to_string(),
        workspace: Some(workspace.clone()),
    }
}
