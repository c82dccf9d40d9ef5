//! Webhooks: secret URLs that make tasks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workspace's webhooks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Webhooks {
    /// By name.
    pub webhooks: Vec<Webhook>,
}

/// A webhook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// What it is known by beside its name; never changes.
    pub id: String,
    /// Its name; steps match it as `$via.name`.
    pub name: String,
    /// Where events are posted. It is a secret: whoever knows it can make tasks.
    pub url: String,
    /// Where in a body's data the id of the open task stands that the body is about (RFC 6901).
    #[schema(required)]
    pub correlate: Option<String>,
    /// When it was added.
    #[schema(format = DateTime)]
    pub created: String,
}

// `N` is the name's type: the server reads one that checks it.
/// A webhook to be added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct NewWebhook<N = String> {
    /// Its name, 1 to 80 characters.
    #[schema(value_type = String)]
    pub name: N,
    /// See [`Webhook::correlate`].
    #[serde(default)]
    pub correlate: Option<String>,
}

/// What can be changed of a webhook. What is not named is not there any more.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// See [`Webhook::correlate`].
    #[serde(default)]
    pub correlate: Option<String>,
}
