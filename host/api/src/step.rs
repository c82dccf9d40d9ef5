//! Steps: conditions with code.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::word::words;

/// A workspace's steps.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Steps {
    /// By name.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Its name, unique in the workspace.
    pub name: String,
    /// The kind of its bytes.
    #[serde(default = "component")]
    #[schema(required)]
    pub kind: StepKind,
    /// SHA-256 of what was uploaded, lower-case hex.
    #[serde(default)]
    #[schema(required)]
    pub digest: String,
    /// Bytes of what was uploaded.
    #[serde(default)]
    #[schema(required)]
    pub size: u64,
    /// The pattern that a task's data must match.
    #[serde(default)]
    #[schema(required)]
    pub condition: Value,
    /// The limits of one run.
    #[serde(default)]
    #[schema(required)]
    pub limits: Limits,
    /// When a run that failed is tried again.
    #[serde(default)]
    #[schema(required)]
    pub retry: Retry,
    /// When it was first added.
    #[serde(default)]
    #[schema(required, format = DateTime)]
    pub created: String,
    /// When it was last added anew or changed.
    #[serde(default)]
    #[schema(required, format = DateTime)]
    pub updated: String,
    /// What is probably not meant in its condition; only in the answer to an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warnings: Option<Vec<String>>,
}

fn component() -> StepKind {
    StepKind::Component
}

words! {
    /// The kind of a step's bytes.
    StepKind {
        /// A WebAssembly component.
        Component = "component",
        /// A JavaScript package, run by the server's script engine.
        Script = "script",
    }
}

/// The limits of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// About one per WebAssembly instruction; 1,000 to 1,000,000,000,000.
    pub fuel: u64,
    /// Bytes of linear memory.
    pub memory: u64,
    /// Milliseconds of wall-clock time, connector calls included; 1 to 600,000.
    pub timeout_ms: u64,
}

/// When a failed run is tried again: exponential backoff with full jitter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retry {
    /// Attempts in all, the first included; 1 to 100.
    #[serde(default)]
    #[schema(required)]
    pub attempts: u32,
    /// The longest delay before the second attempt, in milliseconds; 1 to a day.
    #[serde(default)]
    #[schema(required)]
    pub first_ms: u64,
    /// By how much the longest delay grows with each attempt; 1 to 100.
    #[serde(default)]
    #[schema(required)]
    pub factor: u32,
    /// Past which it does not grow, in milliseconds; `first_ms` to a week.
    #[serde(default)]
    #[schema(required)]
    pub cap_ms: u64,
}

/// A change of a step; members that are not given stay. Limits count from the next run, the policy
/// from the next failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepChange {
    /// The limits of one run.
    #[serde(default)]
    pub limits: LimitsChange,
    /// When a failed run is tried again.
    #[serde(default)]
    pub retry: RetryChange,
}

/// Of the limits what is to be set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsChange {
    /// See [`Limits::fuel`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// See [`Limits::memory`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// See [`Limits::timeout_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Of the retry policy what is to be set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryChange {
    /// See [`Retry::attempts`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// See [`Retry::first_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    /// See [`Retry::factor`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<u32>,
    /// See [`Retry::cap_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_ms: Option<u64>,
}

/// What is set of a step with its upload; what is not named stays, or is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct StepQuery {
    /// Fuel of one run.
    pub fuel: Option<u64>,
    /// Bytes of memory of one run.
    pub memory: Option<u64>,
    /// Milliseconds that one run may take.
    pub timeout_ms: Option<u64>,
    /// Attempts in all.
    pub attempts: Option<u32>,
    /// The longest delay before the second attempt, in milliseconds.
    pub first_ms: Option<u64>,
    /// By how much it grows with each attempt.
    pub factor: Option<u32>,
    /// Past which it does not grow, in milliseconds.
    pub cap_ms: Option<u64>,
}

/// A step's versions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StepVersions {
    /// The one in place first, then by when each was last in place; at most 10.
    pub versions: Vec<StepVersion>,
}

/// What a step is made of, or was.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StepVersion {
    /// See [`Step::digest`].
    pub digest: String,
    /// See [`Step::kind`].
    pub kind: StepKind,
    /// See [`Step::size`].
    pub size: u64,
    /// When it was last put in place.
    #[schema(format = DateTime)]
    pub since: String,
    /// Whether it is in place.
    #[serde(default)]
    #[schema(required)]
    pub current: bool,
}

/// Where a step is to go back to.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The beginning of a version's digest; without it the version that was in place before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
