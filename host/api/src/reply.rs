//! How webhooks answer their senders.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a webhook answers every request that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FixedReply {
    /// The status.
    pub status: u16,
    /// Header fields by their names, which are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// What a webhook is to answer every request that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedReplySettings {
    /// 200 to 299, or 301, 302, 303, 307 or 308 with the header `location`; 200 if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// At most 20, of printable ASCII characters. Those of the connection, cookies, CORS and security policies cannot
    /// be set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// At most 16 KiB; `text/plain` if `headers` have no `content-type`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

/// What would leave the reply as it is.
impl From<FixedReply> for FixedReplySettings {
    fn from(reply: FixedReply) -> Self {
        Self {
            status: Some(reply.status),
            headers: reply.headers,
            body: reply.body,
        }
    }
}
