//! A step. Its component is a file of its own.

use serde::{Deserialize, Serialize};

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::{List, ShapeError, Text};
use crate::domain::limits::StepLimits;
use crate::domain::step::{RetryPolicy, Step, StepKind, StepVersion};
use crate::store::StoreError;

kind!('a, Step, "a step", 1 => V1<'a>);
postcard_shapes!('a, V1<'a>);

impl StoredValue for Step {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        push(out, 1, &V1::from(self))
    }
}

/// See [`Step`].
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct V1<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    kind: KindV1,
    digest: Text<'a>,
    size: u64,
    condition: Text<'a>,
    limits: LimitsV1,
    retry: RetryV1,
    versions: List<'a, StepVersion, VersionV1<'a>>,
    created: u64,
    updated: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum KindV1 {
    Component,
    Script,
}

#[derive(Debug, Serialize, Deserialize)]
struct LimitsV1 {
    fuel: u64,
    memory: u64,
    timeout_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct RetryV1 {
    attempts: u32,
    first_ms: u64,
    factor: u32,
    cap_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct VersionV1<'a> {
    #[serde(borrow)]
    digest: Text<'a>,
    kind: KindV1,
    size: u64,
    since: u64,
}

impl<'a> From<&'a Step> for V1<'a> {
    fn from(step: &'a Step) -> Self {
        let Step {
            name,
            kind,
            digest,
            size,
            condition,
            limits,
            retry,
            versions,
            created,
            updated,
        } = step;
        let StepLimits {
            fuel,
            memory,
            timeout_ms,
        } = *limits;
        let RetryPolicy {
            attempts,
            first_ms,
            factor,
            cap_ms,
        } = *retry;
        Self {
            name: name.into(),
            kind: (*kind).into(),
            digest: digest.into(),
            size: *size,
            condition: condition.into(),
            limits: LimitsV1 {
                fuel,
                memory,
                timeout_ms,
            },
            retry: RetryV1 {
                attempts,
                first_ms,
                factor,
                cap_ms,
            },
            versions: List::Domain(versions),
            created: *created,
            updated: *updated,
        }
    }
}

impl TryFrom<V1<'_>> for Step {
    type Error = ShapeError;

    fn try_from(shape: V1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            name: shape.name.name()?,
            kind: shape.kind.into(),
            digest: shape.digest.into(),
            size: shape.size,
            condition: shape.condition.into(),
            limits: StepLimits {
                fuel: shape.limits.fuel,
                memory: shape.limits.memory,
                timeout_ms: shape.limits.timeout_ms,
            },
            retry: RetryPolicy {
                attempts: shape.retry.attempts,
                first_ms: shape.retry.first_ms,
                factor: shape.retry.factor,
                cap_ms: shape.retry.cap_ms,
            },
            versions: shape.versions.into_domain()?,
            created: shape.created,
            updated: shape.updated,
        })
    }
}

impl From<StepKind> for KindV1 {
    fn from(kind: StepKind) -> Self {
        match kind {
            StepKind::Component => Self::Component,
            StepKind::Script => Self::Script,
        }
    }
}

impl From<KindV1> for StepKind {
    fn from(shape: KindV1) -> Self {
        match shape {
            KindV1::Component => Self::Component,
            KindV1::Script => Self::Script,
        }
    }
}

impl<'a> From<&'a StepVersion> for VersionV1<'a> {
    fn from(version: &'a StepVersion) -> Self {
        let StepVersion {
            digest,
            kind,
            size,
            since,
        } = version;
        Self {
            digest: digest.into(),
            kind: (*kind).into(),
            size: *size,
            since: *since,
        }
    }
}

impl From<VersionV1<'_>> for StepVersion {
    fn from(shape: VersionV1<'_>) -> Self {
        Self {
            digest: shape.digest.into(),
            kind: shape.kind.into(),
            size: shape.size,
            since: shape.since,
        }
    }
}
