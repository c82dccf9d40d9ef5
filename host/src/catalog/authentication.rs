//! Changing how a webhook's requests are verified.

use std::sync::Arc;

use ipnet::IpNet;
use zeroize::Zeroizing;

use super::verifier::{self, LiveWebhook};
use super::{Catalog, CatalogError};
use crate::domain::authentication::{
    AuthenticationError as Wrong, CUSTOM, VERIFY_TOKEN, WebhookSecret, place,
};
use crate::domain::clock::Millis;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;
use crate::domain::webhook::{Webhook, WebhookRulesChange, base62};
use crate::vault::fill_random;

/// A change of how a webhook's requests are verified: members that are `None` stay as they are.
#[derive(Clone, Default)]
pub struct AuthenticationChange {
    /// A provider's name, `custom` or `none`.
    pub provider: Option<String>,
    /// The scheme of `custom`, JSON text.
    pub scheme: Option<String>,
    /// A secret that takes the place of those that are there.
    pub secret: Option<NewSecret>,
    /// The verify token that the sender's question repeats; `Some(None)` removes it.
    pub verify_token: Option<Option<Zeroizing<String>>>,
    /// The networks that may send; every one if there is none.
    pub allow_ips: Option<Vec<IpNet>>,
    /// The greatest age of a request in seconds; `Some(None)` for the scheme's.
    pub tolerance_seconds: Option<Option<u32>>,
}

/// A secret to be added.
#[derive(Clone)]
pub struct NewSecret {
    /// As its owner pasted it.
    pub text: Zeroizing<String>,
    /// What happens to those that are there.
    pub others: OtherSecrets,
}

/// What happens to a webhook's secrets when another is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherSecrets {
    /// They stay valid.
    Stay,
    /// They stay valid for so many seconds; for 0 they are removed.
    Expire(u64),
}

impl Catalog {
    /// Adds a secret to a webhook, and gives its id.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Authentication`] if it is none of the scheme.
    pub async fn add_secret(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        id_or_name: &str,
        secret: NewSecret,
    ) -> Result<(Arc<LiveWebhook>, String), CatalogError> {
        let change = AuthenticationChange {
            secret: Some(secret),
            ..AuthenticationChange::default()
        };
        let (_, webhook) = self
            .set_webhook(workspace, id_or_name, WebhookRulesChange::default(), change)
            .await?;
        let newest = webhook.authentication.secrets.first();
        let id = newest.map_or_else(String::new, |newest| newest.id.clone());
        Ok((webhook, id))
    }

    /// Deletes a secret of a webhook. With the last one, every request is refused.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn delete_secret(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        id_or_name: &str,
        secret: &str,
    ) -> Result<(), CatalogError> {
        let (catalog, workspace) = (self.clone(), workspace.clone());
        let (id_or_name, secret) = (id_or_name.to_owned(), secret.to_owned());
        self.change(move || {
            let (catalog, workspace) = (catalog.clone(), workspace.clone());
            let (id_or_name, secret) = (id_or_name.clone(), secret.clone());
            async move {
                let webhook = catalog.webhook(&workspace, &id_or_name)?;
                let mut changed = Webhook::clone(&webhook);
                let secrets = &mut changed.authentication.secrets;
                secrets.retain(|one| one.id != secret);
                if secrets.len() == webhook.authentication.secrets.len() {
                    return Err(CatalogError::not_found("secret", &secret, &workspace));
                }
                let changed = LiveWebhook::open(&catalog.vault, changed)?;
                catalog.keep_webhook(&changed).await
            }
        })
        .await
    }

    /// A sealed secret of a webhook in the clear: `secret` is its id, or [`VERIFY_TOKEN`].
    pub fn webhook_secret(
        &self,
        webhook: &Webhook,
        secret: &str,
        sealed: &[u8],
    ) -> Option<Zeroizing<String>> {
        let place = place(&webhook.id, secret).ok()?;
        self.vault.unseal(&webhook.workspace, &place, sealed).ok()
    }

    /// The webhook with that change of its authentication.
    pub(super) fn authenticated(
        &self,
        mut webhook: Webhook,
        change: &AuthenticationChange,
    ) -> Result<Arc<LiveWebhook>, CatalogError> {
        let now = self.clock.now();
        let before = webhook.authentication.clone();
        let set = &mut webhook.authentication;
        set.secrets.retain(|secret| !secret.has_expired(now));
        if let Some(name) = &change.provider {
            set.provider.clone_from(name);
            set.scheme = set.scheme.take().filter(|_| name == CUSTOM);
        }
        if let Some(text) = &change.scheme {
            set.scheme = Some(text.clone());
        }
        let is_other = (&set.provider, &set.scheme) != (&before.provider, &before.scheme);
        match change.tolerance_seconds {
            Some(seconds) => set.tolerance_seconds = seconds,
            // It was chosen for the other scheme.
            None if is_other => set.tolerance_seconds = None,
            None => {}
        }
        if let Some(networks) = &change.allow_ips {
            set.allow_ips.clone_from(networks);
        }
        let scheme = verifier::scheme(set)?;
        if verifier::is_none(&scheme) {
            set.secrets.clear();
        }
        if let Some(new) = &change.secret {
            if new.text.len() > limits::WEBHOOK_SECRET_BYTES {
                return Err(Wrong::SecretTooLong(new.text.len()).into());
            }
            verifier::secret(&set.provider, &scheme, &new.text).map_err(Wrong::Secret)?;
            expire(&mut set.secrets, new.others, now)?;
            let mut id = [0u8; 9];
            fill_random(&mut id)?;
            let id = base62(id);
            let key = verifier::secret_key(&webhook.id, &id)?;
            let sealed = self.vault.seal(&webhook.workspace, &key, &new.text)?;
            let added = WebhookSecret {
                id,
                added: now,
                expires: None,
                sealed,
            };
            set.secrets.insert(0, added);
            if set.secrets.len() > limits::WEBHOOK_SECRETS {
                return Err(Wrong::TooManySecrets.into());
            }
        }
        match &change.verify_token {
            Some(Some(text)) => {
                if text.len() > limits::WEBHOOK_SECRET_BYTES
                    && verifier::asks_with_token(&set.provider)
                {
                    return Err(Wrong::SecretTooLong(text.len()).into());
                }
                verifier::check_verify_token(&set.provider, text)?;
                let key = verifier::secret_key(&webhook.id, VERIFY_TOKEN)?;
                set.verify_token = Some(self.vault.seal(&webhook.workspace, &key, text)?);
            }
            Some(None) => set.verify_token = None,
            None if !verifier::asks_with_token(&set.provider) => set.verify_token = None,
            None => {}
        }
        verifier::secrets(&self.vault, &webhook, &scheme).map_err(|error| {
            error.unless_vault(|problem| {
                let provider = webhook.authentication.provider.clone();
                Wrong::SecretsUnfit { provider, problem }.into()
            })
        })?;
        LiveWebhook::open(&self.vault, webhook)
    }
}

/// What happens to a webhook's secrets when another is added.
fn expire(
    secrets: &mut Vec<WebhookSecret>,
    others: OtherSecrets,
    now: Millis,
) -> Result<(), Wrong> {
    match others {
        OtherSecrets::Stay => {}
        OtherSecrets::Expire(0) => secrets.clear(),
        OtherSecrets::Expire(seconds) if seconds > limits::SECRET_OVERLAP_SECONDS => {
            return Err(Wrong::Overlap(seconds));
        }
        OtherSecrets::Expire(seconds) => {
            let end = now + seconds * 1000;
            for secret in secrets {
                secret.expires = Some(secret.expires.map_or(end, |before| before.min(end)));
            }
        }
    }
    Ok(())
}
