//! Config: values and secrets that steps read. Values never come back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workspace's config.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConfigKeys {
    /// The keys, by name.
    pub config: Vec<ConfigKey>,
}

/// A key of the config.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConfigKey {
    /// 1 to 120 letters, digits, `-`, `_` and `.`.
    pub key: String,
    /// Lets the token's holder compare a value with their own: HMAC-SHA256 in lower-case hex,
    /// the key being the SHA-256 of the token, over `stepwell config digest 1`, the workspace, the config
    /// key, each ended by a zero byte, and the value. `null` if the value went meanwhile.
    #[schema(required)]
    pub digest: Option<String>,
}

/// A value to be set.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigValue {
    /// At most 64 KiB of UTF-8.
    pub value: String,
}
