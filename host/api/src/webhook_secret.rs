//! Secrets and former URLs of webhooks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A URL that a webhook had before a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormerUrl {
    /// The URL; a secret.
    pub url: String,
    /// From when on it does not work any more.
    #[schema(format = DateTime)]
    pub expires: String,
}

/// How a webhook's URL is exchanged.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRotation {
    /// How long the URLs that it has keep working: 0 to 7,776,000 (90 days), 86,400 (a day) if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<u64>,
}

/// A webhook's secrets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WebhookSecrets {
    /// The newest first.
    pub secrets: Vec<WebhookSecret>,
}

/// A secret of a webhook. It never comes back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WebhookSecret {
    /// What it is known by.
    pub id: String,
    /// When it was added.
    #[schema(format = DateTime)]
    pub added: String,
    /// From when on it is not valid any more.
    #[schema(required, format = DateTime)]
    pub expires: Option<String>,
    /// Tells the token's holder whether a text is this secret: the digest of a config value, with `webhook.`, the
    /// webhook's id, `.` and the secret's id as the config key.
    #[schema(required)]
    pub digest: Option<String>,
}

/// A secret to be added to a webhook.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhookSecret {
    /// What the provider calls its secret, token or key.
    pub secret: String,
    /// How long the secrets that are there stay valid beside it; 0 removes them at once. Without it they stay as
    /// they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<u64>,
}
