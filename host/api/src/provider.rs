//! Services whose webhooks are known.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The services whose webhooks are known.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Providers {
    /// By name.
    pub providers: Vec<Provider>,
}

/// A service that sends webhooks, or a general way to verify them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Provider {
    /// The name by which it is chosen.
    pub name: String,
    /// The name as the service writes it.
    pub title: String,
    /// The secret that it takes; `null` if it takes none.
    #[schema(required)]
    pub secret: Option<ProviderSetup>,
    /// The text that the user chooses for the service's question; `null` if it asks none with one.
    #[schema(required)]
    pub verify_token: Option<ProviderSetup>,
    /// Where the service documents it.
    #[schema(required)]
    pub docs: Option<String>,
    /// What a user must know, e.g. which part of a request is not signed.
    #[schema(required)]
    pub note: Option<String>,
    /// What is signed, as a template; `null` if a token or password says who sends.
    #[schema(required)]
    pub signs: Option<String>,
    /// The greatest age of a request in seconds; `null` if no timestamp is signed.
    #[schema(required)]
    pub tolerance_seconds: Option<u32>,
    /// Whether it asks before it sends whether the webhook is wanted; the server answers.
    pub challenge: bool,
    /// How its requests are verified: a scheme as `custom` takes it.
    #[schema(value_type = Object)]
    pub scheme: Map<String, Value>,
}

/// A value that the user has to set.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProviderSetup {
    /// What it is, in the service's words.
    pub what: String,
    /// Where the user finds it.
    pub find: String,
    /// What the service's values begin with, where another one is probably a slip; it is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_with: Option<String>,
}
