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
    /// When it was last added anew or changed.
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

impl RetryPolicy {
    /// The least of each: one attempt, and delays that a clock can tell.
    pub const LEAST: Self = Self {
        attempts: 1,
        first_ms: 1,
        factor: 1,
        cap_ms: 1,
    };

    /// The most of each: past a hundred attempts, a first delay of a day, or a week between two
    /// attempts, a unit was mistaken.
    pub const MOST: Self = Self {
        attempts: 100,
        first_ms: 24 * 3_600_000,
        factor: 100,
        cap_ms: 7 * 24 * 3_600_000,
    };
}

/// What is to be set of a step's limits and retry policy; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// See [`StepLimits::fuel`].
    pub fuel: Option<u64>,
    /// See [`StepLimits::memory`].
    pub memory: Option<u64>,
    /// See [`StepLimits::timeout_ms`].
    pub timeout_ms: Option<u64>,
    /// See [`RetryPolicy::attempts`].
    pub attempts: Option<u32>,
    /// See [`RetryPolicy::first_ms`].
    pub first_ms: Option<u64>,
    /// See [`RetryPolicy::factor`].
    pub factor: Option<u32>,
    /// See [`RetryPolicy::cap_ms`].
    pub cap_ms: Option<u64>,
}

impl Tuning {
    /// The limits and the policy with what is to be set.
    pub fn over(&self, limits: StepLimits, retry: RetryPolicy) -> (StepLimits, RetryPolicy) {
        let limits = StepLimits {
            fuel: self.fuel.unwrap_or(limits.fuel),
            memory: self.memory.unwrap_or(limits.memory),
            timeout_ms: self.timeout_ms.unwrap_or(limits.timeout_ms),
        };
        let retry = RetryPolicy {
            attempts: self.attempts.unwrap_or(retry.attempts),
            first_ms: self.first_ms.unwrap_or(retry.first_ms),
            factor: self.factor.unwrap_or(retry.factor),
            // One that nobody named gives way to a first delay that was.
            cap_ms: self
                .cap_ms
                .unwrap_or(retry.cap_ms.max(self.first_ms.unwrap_or(0))),
        };
        (limits, retry)
    }
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
