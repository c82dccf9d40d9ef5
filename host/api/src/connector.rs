//! Connectors: services that steps call by name.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A workspace's connectors.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Connectors {
    /// By name.
    pub connectors: Vec<Connector>,
}

/// A connector. What it is configured with never comes back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Connector {
    /// The name by which steps call it: 1 to 80 letters, digits, `$` and `_`.
    pub name: String,
    /// The service that it speaks to, e.g. `slack.com`.
    pub kind: String,
    /// What steps can ask of it.
    #[serde(default)]
    #[schema(required)]
    pub operations: Vec<String>,
}

/// The declaration of a connector. It may hold credentials.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorSettings {
    /// The service that it speaks to, e.g. `slack.com`.
    pub kind: String,
    /// The settings of its kind: addresses, tokens.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub config: Map<String, Value>,
}
