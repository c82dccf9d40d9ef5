//! A named connector as a tenant declares it: which kind it is, and what that kind needs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A connector's declaration. Its config may hold credentials: it is sealed where it is stored, no
/// step sees it, and it never comes back over the API.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorSettings {
    /// The service that it speaks to, e.g. `slack.com`.
    pub kind: String,
    /// The settings of its kind: addresses, tokens.
    #[serde(default)]
    pub config: Map<String, Value>,
}

impl std::fmt::Debug for ConnectorSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectorSettings")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
