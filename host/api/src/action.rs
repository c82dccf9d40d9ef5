//! What is asked of tasks: which to list, and what to do with one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Which tasks to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TaskQuery {
    /// Only tasks in one of these states, between commas.
    pub state: Option<String>,
    /// `true` stands for the states `error` and `unmatched`.
    pub attention: Option<bool>,
    /// Only tasks of this name.
    pub name: Option<String>,
    /// Only tasks with this tag.
    pub tag: Option<String>,
    /// Only tasks that came in by the webhook of this name.
    pub webhook: Option<String>,
    /// Only tasks created at that time or later (RFC 3339).
    pub since: Option<String>,
    /// Only tasks created at that time or earlier (RFC 3339).
    pub until: Option<String>,
    /// Only tasks whose data matches this pattern, JSON text in the language of conditions.
    pub r#where: Option<String>,
    /// So many at most, 1 to 500; 50 if it is not given.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
    /// Only tasks older than this one: the `next` of the page before.
    pub before: Option<String>,
}

/// What is to be explained.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ExplainQuery {
    /// One step only.
    pub step: Option<String>,
}

/// Which part of a task's history is wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TimelineQuery {
    /// Entries before this one only: the `earlier` of another answer.
    pub before: Option<u64>,
}

/// What is to be changed in a task's data: `patch` or `replace` first, then `set` in its order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskChange {
    /// A JSON merge patch (RFC 7396).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub patch: Option<Value>,
    /// New data as a whole; `$via` stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub replace: Option<Value>,
    /// Values at places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<SetValue>,
}

/// A value at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetValue {
    /// An RFC 6901 pointer.
    pub path: String,
    /// The value.
    pub value: Value,
}

/// From where a task is to be replayed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayFrom {
    /// The number of the first run to be run again.
    #[serde(default = "first")]
    pub from: u32,
}

impl Default for ReplayFrom {
    fn default() -> Self {
        Self { from: first() }
    }
}

fn first() -> u32 {
    1
}
