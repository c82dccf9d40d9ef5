//! How a task came in, as its data says under `$via`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::payload_schema::SchemaViolation;

/// A task's data: what came in, and what its steps have made of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TaskData {
    /// How the task came in. Only the server writes it.
    #[serde(rename = "$via")]
    pub via: Via,
}

/// How a task came in. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Via {
    /// By a request to a webhook.
    Webhook(Box<ViaWebhook>),
    /// By the API.
    Api(ViaApi),
    /// By a schedule.
    Cron(ViaCron),
    /// By a step of another task.
    Subtask(ViaSubtask),
}

/// How a task came in by a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViaWebhook {
    /// The webhook's id, which stays.
    pub id: String,
    /// The webhook's name.
    pub name: String,
    /// When the request came.
    pub received: u64,
    /// Its method.
    pub method: String,
    /// The address of its sender.
    pub ip: String,
    /// The provider whose secret vouches for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub verified: Option<String>,
    /// Its `User-Agent`; `null` if it has none.
    #[schema(required)]
    pub user_agent: Option<String>,
    /// Its `Content-Type`, likewise.
    #[schema(required)]
    pub content_type: Option<String>,
    /// The parameters of its URL, the last one of a name.
    pub query: BTreeMap<String, String>,
    /// Its header fields that identify an event, and those that the webhook names. Tasks of old versions have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub headers: Option<BTreeMap<String, String>>,
    /// The delivery that was sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub redelivery_of: Option<String>,
    /// The attributes of a CloudEvent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cloudevent: Option<BTreeMap<String, Value>>,
    /// Whether the document fits the webhook's schema, if that flags what does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub schema: Option<ViaSchema>,
}

/// Whether a document fits its webhook's schema.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ViaSchema {
    /// It fits.
    pub valid: bool,
    /// Where it does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<SchemaViolation>,
}

/// How a task came in by the API.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViaApi {
    /// When the request came.
    pub received: u64,
    /// The address of the caller.
    pub ip: String,
    /// The name of the caller's token, or `admin`. Tasks of old versions have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<String>,
    /// The id of that token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token_id: Option<String>,
    /// The caller's `User-Agent`; `null` if it has none.
    #[schema(required)]
    pub user_agent: Option<String>,
}

/// How a task came in by a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ViaCron {
    /// The schedule's name.
    pub name: String,
    /// The planned time.
    pub scheduled: u64,
    /// When the task was made.
    pub received: u64,
}

/// How a subtask came in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ViaSubtask {
    /// What the step called it.
    pub name: String,
    /// The task whose step made it.
    pub parent: String,
    /// How many tasks are above it.
    pub depth: u32,
}
