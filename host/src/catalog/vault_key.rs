//! The vault at the start. The key that the store's sealed values need must be there: a new one in its place
//! would open none of them.

use std::path::Path;

use super::live::config_key;
use super::verifier::secret_key;
use super::{Catalog, CatalogError};
use crate::clock::system_now;
use crate::domain::audit::{AuditEntry, DONE};
use crate::domain::authentication::VERIFY_TOKEN;
use crate::domain::ids::{ConfigKey, WorkspaceName};
use crate::domain::webhook::Webhook;
use crate::store::{Manage, Registry, Store};
use crate::terminal::units::plural;
use crate::vault::{KEY_FILE, Vault, VaultError};

impl Catalog {
    /// The vault of a store's sealed values, with the key that is `given`, or else with that of the data
    /// directory, which is made if nothing is sealed. `discard`: sealed values that the key does not open
    /// are deleted, and a lost key is replaced.
    ///
    /// # Errors
    /// [`VaultError::Lost`] if the key is not there and something is sealed; then nothing is written. Other
    /// errors of the vault and the store.
    pub async fn open_vault(
        store: &dyn Store,
        data_dir: &Path,
        given: Option<&str>,
        discard: bool,
    ) -> Result<Vault, CatalogError> {
        let present = Vault::present(data_dir, given)?;
        if !discard && let Some(vault) = present {
            // What it does not open is noticed when the catalog opens.
            return Ok(vault);
        }
        let registry = store.registry_since(0).await?;
        if let Some(sealed) = sealed(&registry)
            && !discard
        {
            let path = data_dir.join(KEY_FILE);
            return Err(VaultError::Lost { path, sealed }.into());
        }
        let vault = Vault::open(data_dir, given)?;
        if discard {
            discard_closed(store, &vault, registry).await?;
        }
        Ok(vault)
    }
}

/// Refuses a vault key that does not open the sealed values, and a missing key where there are any. `place` is where its key should be.
///
/// # Errors
/// [`VaultError::Lost`], [`VaultError::WrongKey`], [`VaultError::Newer`].
pub fn check_sealed(
    registry: &Registry,
    vault: Option<&Vault>,
    place: &Path,
) -> Result<(), CatalogError> {
    let Some(vault) = vault else {
        return match sealed(registry) {
            Some(sealed) => {
                let path = place.to_owned();
                Err(VaultError::Lost { path, sealed }.into())
            }
            None => Ok(()),
        };
    };
    for (workspace, key, sealed) in &registry.config {
        vault.unseal(workspace, key, sealed)?;
    }
    for (workspace, name, sealed) in &registry.connectors {
        vault.unseal(workspace, &config_key(name)?, sealed)?;
    }
    for webhook in &registry.webhooks {
        let authentication = &webhook.authentication;
        let secrets = authentication.secrets.iter();
        let secrets = secrets.map(|secret| (&*secret.id, &secret.sealed));
        let token = authentication.verify_token.iter();
        for (id, sealed) in secrets.chain(token.map(|token| (VERIFY_TOKEN, token))) {
            let key = secret_key(&webhook.id, id)?;
            vault.unseal(&webhook.workspace, &key, sealed)?;
        }
    }
    Ok(())
}

/// How many values are sealed, by kind; none if there is none.
fn sealed(registry: &Registry) -> Option<String> {
    let secrets = registry.webhooks.iter().map(|webhook| {
        let authentication = &webhook.authentication;
        authentication.secrets.len() + usize::from(authentication.verify_token.is_some())
    });
    let counts = [
        (registry.config.len(), "config value"),
        (registry.connectors.len(), "connector"),
        (secrets.sum(), "webhook secret"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, kind)| plural(count as u64, kind))
        .collect();
    (!counts.is_empty()).then(|| counts.join(" and "))
}

/// Deletes the sealed values that the vault does not open, and notes each in the audit log.
async fn discard_closed(
    store: &dyn Store,
    vault: &Vault,
    registry: Registry,
) -> Result<(), CatalogError> {
    let mut revision = registry.revision;
    let mut lost = Vec::new();
    for (workspace, key, sealed) in registry.config {
        if !opens(vault, &workspace, &key, &sealed)? {
            tracing::warn!(workspace.id = %workspace, config.key = %key, "a config value does not open and is deleted");
            let target = format!("config/{key}");
            let change = Manage::DeleteConfig(workspace.clone(), key);
            lost.push((workspace, "deleteConfig", target, change));
        }
    }
    for (workspace, name, sealed) in registry.connectors {
        if !opens(vault, &workspace, &config_key(&name)?, &sealed)? {
            tracing::warn!(workspace.id = %workspace, connector = %name, "a connector's settings do not open, and the connector is deleted");
            let target = format!("connectors/{name}");
            let change = Manage::DeleteConnector(workspace.clone(), name);
            lost.push((workspace, "deleteConnector", target, change));
        }
    }
    for webhook in registry.webhooks {
        let kept = with_open_secrets(vault, webhook.clone())?;
        if kept != webhook {
            tracing::warn!(workspace.id = %webhook.workspace, webhook = %webhook.name, "secrets of a webhook do not open and are deleted");
            let target = format!("webhooks/{}", webhook.name);
            lost.push((
                webhook.workspace,
                "setWebhook",
                target,
                Manage::PutWebhook(kept),
            ));
        }
    }
    for (workspace, what, target, change) in lost {
        let entry = AuditEntry {
            at: system_now(),
            workspace: Some(workspace),
            who: "serve --discard-secrets".to_owned(),
            token: None,
            ip: String::new(),
            what: what.to_owned(),
            target,
            outcome: DONE.to_owned(),
        };
        revision = store.manage(change, Some(entry), revision).await?;
    }
    Ok(())
}

/// The webhook without the secrets that the vault does not open. Without any it refuses every request.
fn with_open_secrets(vault: &Vault, mut webhook: Webhook) -> Result<Webhook, CatalogError> {
    let (workspace, id) = (webhook.workspace.clone(), webhook.id.clone());
    let opens = |secret: &str, sealed: &[u8]| {
        let key = secret_key(&id, secret)?;
        Ok::<_, CatalogError>(opens(vault, &workspace, &key, sealed)?)
    };
    let mut secrets = Vec::new();
    for secret in webhook.authentication.secrets {
        if opens(&secret.id, &secret.sealed)? {
            secrets.push(secret);
        }
    }
    webhook.authentication.secrets = secrets;
    if let Some(token) = webhook.authentication.verify_token.take()
        && opens(VERIFY_TOKEN, &token)?
    {
        webhook.authentication.verify_token = Some(token);
    }
    Ok(webhook)
}

/// Whether the vault's key is the one that sealed a value.
///
/// # Errors
/// [`VaultError::Newer`]: a newer version can open it.
fn opens(
    vault: &Vault,
    workspace: &WorkspaceName,
    key: &ConfigKey,
    sealed: &[u8],
) -> Result<bool, VaultError> {
    match vault.unseal(workspace, key, sealed) {
        Ok(_) => Ok(true),
        Err(VaultError::WrongKey { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
