//! Converts the setup to the contract's types.

use stepwell_api as contract;

use crate::catalog::{LiveSchedule, Put};
use crate::domain::clock::rfc3339;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits::StepLimits;
use crate::domain::rate::Rate;
use crate::domain::retention::Period;
use crate::domain::schedule::{Missed, ScheduleSettings};
use crate::domain::step::{RetryPolicy, Step, StepKind, StepVersion};
use crate::domain::workspace::WorkspaceSettings;

/// A workspace.
pub(in crate::http) fn workspace(
    name: &WorkspaceName,
    settings: &WorkspaceSettings,
) -> contract::Workspace {
    contract::Workspace {
        name: name.to_string(),
        failure_url: settings.failure_url.clone(),
        retention: Some(contract::Retention {
            done: settings.retention.done.into(),
            others: settings.retention.others.into(),
        }),
        rate: settings.rate.map(Into::into),
    }
}

impl From<Rate> for contract::Rate {
    fn from(Rate { requests, seconds }: Rate) -> Self {
        Self { requests, seconds }
    }
}

impl From<Period> for contract::Period {
    fn from(period: Period) -> Self {
        match period {
            Period::Days(days) => Self::Days(days),
            Period::Forever => Self::Forever,
        }
    }
}

/// A step.
pub(in crate::http) fn step(step: &Step) -> contract::Step {
    contract::Step {
        name: step.name.to_string(),
        kind: kind(step.kind),
        digest: step.digest.clone(),
        size: step.size,
        // The pattern itself; it was parsed when the step was added.
        condition: serde_json::from_str(&step.condition).unwrap_or_default(),
        limits: step.limits.into(),
        retry: step.retry.into(),
        created: rfc3339(step.created),
        updated: rfc3339(step.updated),
        warnings: None,
    }
}

fn kind(kind: StepKind) -> contract::StepKind {
    match kind {
        StepKind::Component => contract::StepKind::Component,
        StepKind::Script => contract::StepKind::Script,
    }
}

impl From<StepLimits> for contract::Limits {
    fn from(limits: StepLimits) -> Self {
        Self {
            fuel: limits.fuel,
            memory: limits.memory,
            timeout_ms: limits.timeout_ms,
        }
    }
}

impl From<RetryPolicy> for contract::Retry {
    fn from(retry: RetryPolicy) -> Self {
        Self {
            attempts: retry.attempts,
            first_ms: retry.first_ms,
            factor: retry.factor,
            cap_ms: retry.cap_ms,
        }
    }
}

impl From<Missed> for contract::Missed {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Skip => Self::Skip,
            Missed::Once => Self::Once,
            Missed::All => Self::All,
        }
    }
}

impl From<ScheduleSettings> for contract::ScheduleSettings {
    fn from(settings: ScheduleSettings) -> Self {
        Self {
            cron: settings.cron,
            timezone: settings.timezone,
            missed: settings.missed.into(),
            data: settings.data,
        }
    }
}

/// A version of a step.
pub(in crate::http) fn version(version: &StepVersion, current: bool) -> contract::StepVersion {
    contract::StepVersion {
        digest: version.digest.clone(),
        kind: kind(version.kind),
        size: version.size,
        since: rfc3339(version.since),
        current,
    }
}

/// A schedule.
pub(in crate::http) fn schedule(live: &LiveSchedule) -> contract::Schedule {
    let schedule = &live.schedule;
    contract::Schedule {
        name: schedule.name.to_string(),
        cron: schedule.cron.clone(),
        timezone: schedule.timezone.clone(),
        missed: schedule.missed.into(),
        // It was written from a JSON object.
        data: serde_json::from_str(&schedule.data).unwrap_or_default(),
        next: live.next().map(rfc3339),
        created: rfc3339(schedule.created),
        updated: rfc3339(schedule.updated),
        change: None,
    }
}

/// The outcome of a `PUT`.
pub(in crate::http) fn put_change(put: Put) -> contract::PutChange {
    match put {
        Put::Added => contract::PutChange::Added,
        Put::Changed => contract::PutChange::Changed,
        Put::Same => contract::PutChange::Same,
    }
}
