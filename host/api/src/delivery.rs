//! Deliveries: requests to webhooks, and their outcomes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which deliveries to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    /// Only deliveries to this webhook, by its name or id.
    pub webhook: Option<String>,
    /// Only deliveries with one of these verdicts, between commas.
    pub verdict: Option<String>,
    /// Only deliveries at that time or later (RFC 3339).
    pub since: Option<String>,
    /// Only deliveries that match this pattern, JSON text in the language of conditions, over `webhook`, `verdict`,
    /// `status`, `code`, `method`, `ip`, `headers` and `body`.
    pub r#where: Option<String>,
    /// So many at most, 1 to 100; 50 if it is not given.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
    /// Only deliveries older than this one: the `next` of the page before.
    pub before: Option<String>,
}

// `T` is the type that a delivery of it is read as.
/// A page of deliveries.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = DeliveryPage)]
pub struct DeliveryPage<T = Delivery> {
    /// Newest first. There may be fewer than were asked for, or none, though `next` is there.
    #[schema(value_type = Vec<Delivery>)]
    pub deliveries: Vec<T>,
    /// The `before` of the next page; `null` if there is none.
    #[schema(required)]
    pub next: Option<String>,
}

/// A request to a webhook, and its outcome. Values that may be secrets are `***`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its id; of an accepted delivery the id of its task.
    pub id: String,
    /// The webhook's name at that time.
    pub webhook: String,
    /// The webhook's id.
    pub webhook_id: String,
    /// When its verdict was made.
    #[schema(format = DateTime)]
    pub at: String,
    /// `accepted`: it became a task. `merged`: it changed an open task. `duplicate`: it repeated an earlier one.
    /// `challenged`: it was the sender's question. `refused`: see `code` and `detail`.
    pub verdict: String,
    /// The task that it became or changed, or that the earlier delivery became.
    #[schema(required)]
    pub task: Option<String>,
    /// With `refused`: the HTTP status of the answer.
    #[schema(required)]
    pub status: Option<u16>,
    /// With `refused`: the code of the problem.
    #[schema(required)]
    pub code: Option<String>,
    /// With `refused`: the reason.
    #[schema(required)]
    pub detail: Option<String>,
    /// The sender's address.
    pub ip: String,
    /// The method.
    pub method: String,
    /// The URL's query.
    #[schema(required)]
    pub query: Option<String>,
    /// The header fields, by names in lower case. An accepted delivery has those that its task keeps.
    pub headers: BTreeMap<String, String>,
    /// Deliveries to this webhook right before it that were not recorded, because there were too many.
    pub omitted: u64,
    /// The body that was recorded, or the data that an accepted delivery became, without `$via`. It is left out in lists,
    /// and if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub body: Option<DeliveryBody>,
}

/// The body of a delivery.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveryBody {
    /// Its text, or its bytes in base64.
    pub text: String,
    /// `base64`, or `null` for a text.
    #[schema(required)]
    pub encoding: Option<String>,
}

/// How a delivery is sent again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redelivery {
    /// A text in place of the body. For an accepted delivery it is JSON, in place of the data that it became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// The outcome of a delivery that was sent again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Redelivered {
    /// The delivery.
    pub delivery: String,
    /// The tasks that it became, or that it changed.
    pub tasks: Vec<String>,
}
