//! Samples of what providers send.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which sample is wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSample {
    /// The event, in the provider's words; a usual one if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// A request as the webhook's provider would send it, signed with the webhook's newest secret. It is valid for as long as
/// the provider's requests are.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// The webhook's URL.
    pub url: String,
    /// The method.
    pub method: String,
    /// Header fields: names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The event that it tells of.
    pub event: String,
}
