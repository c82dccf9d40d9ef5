//! Rates of requests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// So many requests in so many seconds. As many may come at once; they are given back evenly over the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests: 1 to 1,000,000.
    pub requests: u32,
    /// Seconds: 1 to 86,400.
    pub seconds: u32,
}
