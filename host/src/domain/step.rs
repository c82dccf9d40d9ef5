//! A step: a component or script with a condition and limits.

use serde::{Deserialize, Serialize};

use super::clock::Millis;
use super::ids::StepName;
use super::limits::{STEP_VERSIONS, StepLimits};

/// A step as an author added it. Its component's bytes are stored beside it, under the digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, unique in the workspace.
    pub name: StepName,
    /// The kind of its bytes.
    pub kind: StepKind,
    /// SHA-256 of the component or script package, lower-case hex.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// The condition as the component declared it, JSON text.
    pub condition: String,
    /// The limits of one run.
    pub limits: StepLimits,
    /// When a run that asked to be tried again is.
    pub retry: RetryPolicy,
    /// The versions that were in place, the last one first: that is what it is made of now. At most
    /// [`STEP_VERSIONS`]; their bytes are stored as long as they are here.
    pub versions: Vec<StepVersion>,
    /// When it was first added.
    pub created: Millis,
    /// When it was last added anew or changed.
    pub updated: Millis,
}

/// The source of a step, as it is or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepVersion {
    /// See [`Step::digest`].
    pub digest: String,
    /// See [`Step::kind`].
    pub kind: StepKind,
    /// See [`Step::size`].
    pub size: u64,
    /// When it was last put in place.
    pub since: Millis,
}

impl Step {
    /// Every component that the step needs stored, each once.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        let before = self.versions.iter().map(|version| version.digest.as_str());
        let before = before.filter(|digest| *digest != self.digest);
        std::iter::once(self.digest.as_str()).chain(before)
    }

    /// Takes over the versions of the step that this one replaces, its own in front. One that was
    /// in place before is moved there; the one that was longest out of place is forgotten.
    pub fn succeed(&mut self, old: Option<&Self>) {
        let own = StepVersion {
            digest: self.digest.clone(),
            kind: self.kind,
            size: self.size,
            since: self.updated,
        };
        let before = old.map_or(&[][..], |old| &old.versions);
        let before = before.iter().filter(|old| old.digest != own.digest);
        let before: Vec<_> = before.take(STEP_VERSIONS - 1).cloned().collect();
        self.versions = std::iter::once(own).chain(before).collect();
    }
}

/// The kind of a version's bytes.
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

/// A change of a step's limits and retry policy: members that are `None` stay as they are.
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
    /// The limits and the policy with this change applied.
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
            // The default gives way to a longer first delay.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn step(digest: &str, updated: Millis) -> Step {
        Step {
            name: "s".parse().unwrap(),
            kind: StepKind::Script,
            digest: digest.into(),
            size: 1,
            condition: "{}".into(),
            limits: StepLimits::default(),
            retry: RetryPolicy::default(),
            versions: Vec::new(),
            created: 1,
            updated,
        }
    }

    fn digests(step: &Step) -> Vec<&str> {
        let versions = step.versions.iter();
        versions.map(|version| version.digest.as_str()).collect()
    }

    #[test]
    fn versions_are_in_the_order_in_which_they_were_in_place() {
        let mut last: Option<Step> = None;
        for (at, digest) in ["a", "b", "c", "c", "b"].into_iter().enumerate() {
            let mut next = step(digest, at as u64);
            next.succeed(last.as_ref());
            last = Some(next);
        }
        let last = last.unwrap();
        assert_eq!(digests(&last), ["b", "c", "a"]);
        assert_eq!(last.versions[0].since, 4);
        assert_eq!(last.digests().collect::<Vec<_>>(), ["b", "c", "a"]);
    }

    #[test]
    fn the_oldest_version_is_forgotten() {
        let mut last: Option<Step> = None;
        for at in 0..STEP_VERSIONS as u64 + 3 {
            let mut next = step(&format!("d{at}"), at);
            next.succeed(last.as_ref());
            last = Some(next);
        }
        let last = last.unwrap();
        assert_eq!(last.versions.len(), STEP_VERSIONS);
        assert_eq!(last.versions.last().unwrap().digest, "d3");
    }
}
