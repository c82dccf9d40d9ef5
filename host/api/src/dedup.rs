//! How webhooks recognise repeated deliveries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a webhook recognises a repeated delivery: by the value of a header, or of a member of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dedup {
    /// The header's name, in lower case; or `null`.
    #[schema(required)]
    pub header: Option<String>,
    /// Where in a body's data the value stands (RFC 6901); or `null`.
    #[schema(required)]
    pub pointer: Option<String>,
    /// For how long a repeat is recognised after the first delivery, in milliseconds.
    pub window_ms: u64,
}

/// How a webhook is to recognise a repeated delivery: either a header or a pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DedupSettings {
    /// See [`Dedup::header`]; in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// See [`Dedup::pointer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// See [`Dedup::window_ms`]; a minute to 30 days, 72 hours if it is not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
}

impl From<Dedup> for DedupSettings {
    fn from(dedup: Dedup) -> Self {
        Self {
            header: dedup.header,
            pointer: dedup.pointer,
            window_ms: Some(dedup.window_ms),
        }
    }
}
