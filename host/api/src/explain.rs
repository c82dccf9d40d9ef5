//! Why a task's data does not match its steps' conditions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::task::TaskState;

/// What each step's condition lacks of a task's data as it is now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// The task.
    #[serde(default)]
    #[schema(required)]
    pub task: String,
    /// Where it stands.
    #[serde(default = "ready")]
    #[schema(required)]
    pub state: TaskState,
    /// The steps that match first, then those whose condition is too costly, those that fail at more than
    /// `$via`, and the rest, each by name; at most 100.
    #[serde(default)]
    #[schema(required)]
    pub steps: Vec<ExplainedStep>,
    /// How many steps are left out.
    #[serde(default)]
    #[schema(required)]
    pub more: u64,
}

fn ready() -> TaskState {
    TaskState::Ready
}

/// What one step's condition lacks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExplainedStep {
    /// The step.
    pub step: String,
    /// Whether its condition matches; `null` if that takes more work than it may, which a warning says, and for a
    /// step that was not looked at any more.
    #[schema(required)]
    pub matches: Option<bool>,
    /// The first part of the condition, as it is written, that fails.
    #[schema(required)]
    pub mismatch: Option<Mismatch>,
    /// What is probably not meant in the condition, and that it is too costly.
    #[serde(default)]
    #[schema(required)]
    pub warnings: Vec<String>,
}

/// A part of a condition that fails.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Mismatch {
    /// A JSON pointer into the data (RFC 6901).
    pub path: String,
    /// JSON text, cut to 120 characters with `…` at the end.
    pub expected: String,
    /// The same of what is there; `null` if nothing is.
    #[schema(required)]
    pub found: Option<String>,
}
