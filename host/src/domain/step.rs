//! A step: a component or script with a condition and limits.

use serde::{Deserialize, Serialize};

use super::clock::Millis;
use super::ids::StepName;
use super::limits::StepLimits;

/// A step as an author added it. Its component's bytes are stored beside it, under the digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name, unique in the workspace.
    pub name: StepName,
    /// What its bytes are.
    pub kind: StepKind,
    /// SHA-256 of the component or script package, lower-case hex.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// The condition as the component declared it, JSON text.
    pub condition: String,
    /// What one run may use.
    pub limits: StepLimits,
    /// When a run that asked to be tried again is.
    pub retry: RetryPolicy,
    /// When it was first added.
    pub created: Millis,
    /// When it was last added anew.
    pub updated: Millis,
}

/// What a step is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// A WebAssembly component.
    Component,
    /// A JavaScript package, run by the server's script engine.
    Script,
}

/// When a failed run is tried again: exponential backoff with full jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub attempts: u32,
    /// The longest delay before the second attempt, in milliseconds.
    pub first_ms: u64,
    /// By how much the longest delay grows with each attempt.
    pub factor: u32,
    /// Past which it does not grow, in milliseconds.
    pub cap_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_ms: 1_000,
            factor: 2,
            cap_ms: 3_600_000,
        }
    }
}
