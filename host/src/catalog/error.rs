//! Why the catalog refused.

use stepwell_condition::PatternError;

use super::bad_schema::BadSchema;
use crate::connectors::named::DeclarationError;
use crate::domain::authentication::AuthenticationError;
use crate::domain::budget::Exhausted;
use crate::domain::ids::{StepName, WorkspaceName};
use crate::domain::limits::StepLimits;
use crate::domain::schedule::ScheduleError;
use crate::domain::step::RetryPolicy;
use crate::domain::token::TokenError;
use crate::domain::workspace::FailureUrlError;
use crate::sandbox::ComponentError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why the catalog did not do what it was asked. Each message names the thing and what would be
/// right.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such workspace, webhook, step, version, token or config key.
    #[error("there is no {what} `{name}`{}", in_workspace(.workspace))]
    NotFound {
        /// `workspace`, `webhook`, `step`, `version` or `config key`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// The workspace; `None` if the name is a workspace's, or of the server itself.
        workspace: Option<WorkspaceName>,
    },
    /// The name is taken.
    #[error("there is a {what} `{name}` already{}; choose another name, or delete that one first", in_workspace(.workspace))]
    Exists {
        /// `workspace` or `webhook`.
        what: &'static str,
        /// The name.
        name: String,
        /// Where; `None` for a workspace.
        workspace: Option<WorkspaceName>,
    },
    /// The workspace that is always there.
    #[error("workspace `{name}` is always there and cannot be deleted")]
    Permanent {
        /// Its name.
        name: WorkspaceName,
    },
    /// As many as may be are there.
    #[error("there are {most} {what} already, and no more are allowed; delete one first")]
    Full {
        /// The plural of the thing.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// Something that was sent is too large.
    #[error("the {what} has {size} bytes, and at most {most} are allowed")]
    TooLarge {
        /// The thing.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The bound.
        most: usize,
    },
    /// A component that was not even read whole.
    #[error("the component has more than the {most} bytes that are allowed")]
    ComponentTooLarge {
        /// The bound.
        most: usize,
    },
    /// A step's limit or a figure of its retry policy is out of its range.
    #[error("`{limit}` is {value}; it must be {least} to {most}{}", as_durations(limit, *least, *most))]
    BadLimit {
        /// `fuel`, `memory`, `timeout_ms`, `attempts`, `first_ms`, `factor` or `cap_ms`.
        limit: &'static str,
        /// The value that was requested.
        value: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A step that has had one version only cannot go back.
    #[error(
        "step `{step}` has no version before this one; `stepwell step versions {step}` lists the versions"
    )]
    NoVersion {
        /// The step.
        step: StepName,
    },
    /// No version has such a digest.
    #[error(
        "step `{step}` has no version whose digest begins with `{prefix}`; `stepwell step versions {step}` lists the versions"
    )]
    NoSuchVersion {
        /// The step.
        step: StepName,
        /// As it was given, cut.
        prefix: String,
    },
    /// Several versions have digests that begin so.
    #[error("`{prefix}` begins the digests of several versions of the step; write more of it")]
    Ambiguous {
        /// As it was given, in lower case.
        prefix: String,
    },
    /// The component is no step.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The component's condition is not JSON.
    #[error("the step's condition is not JSON: {message} at line {line}, column {column}")]
    ConditionNotJson {
        /// What is wrong.
        message: String,
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// The component's condition is no pattern.
    #[error("the step's condition is wrong {0}")]
    BadCondition(PatternError),
    /// The component's condition takes too much memory when compiled.
    #[error(
        "the condition of step `{step}` takes {bytes} bytes when compiled, and at most {most} are allowed for one step; use fewer or smaller regular expressions: smaller repeats, and classes such as `[A-Za-z]` for `\\p{{…}}`"
    )]
    ConditionTooLarge {
        /// The step.
        step: StepName,
        /// Its size in bytes.
        bytes: usize,
        /// Its limit in bytes.
        most: usize,
    },
    /// All conditions of the workspace would take too much memory.
    #[error(
        "with step `{step}`, whose condition takes {bytes} bytes when compiled, the conditions of this workspace take {all} bytes, and at most {most} are allowed; use smaller regular expressions, or the same in several steps, which take up memory once"
    )]
    ConditionsTooLarge {
        /// The step that is to be added.
        step: StepName,
        /// The size of its condition in bytes, without expressions that another step has, too.
        bytes: usize,
        /// The size of all in bytes.
        all: usize,
        /// Their limit in bytes.
        most: usize,
    },
    /// The workspace's setup would be too large.
    #[error(
        "the setup of this workspace would have {bytes} bytes, and at most {most} are allowed in all for its webhooks, steps, config, connectors, schedules and tokens; delete some, or make them smaller"
    )]
    SetupTooLarge {
        /// Its size with the change, in bytes.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// A webhook cannot have a schema.
    #[error(transparent)]
    Schema(#[from] BadSchema),
    /// A workspace's failure URL is wrong.
    #[error(transparent)]
    FailureUrl(#[from] FailureUrlError),
    /// A connector's declaration is wrong.
    #[error("the connector is wrong: {0}")]
    Connector(#[from] DeclarationError),
    /// A webhook's authentication is wrong.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// A token cannot be added.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A schedule is wrong.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// A config value cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store's values contradict each other.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The workspace has no memory for it now.
    #[error("the change needs {0}; try again in a moment")]
    NoMemory(#[from] Exhausted),
    /// The server is going down.
    #[error("the change was cut short because the server is going down")]
    Interrupted,
}

impl From<StoreError> for CatalogError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken { what, name } => Self::Exists {
                what,
                name,
                workspace: None,
            },
            StoreError::TooMany { what, most } => Self::Full { what, most },
            StoreError::SetupTooLarge { bytes, most } => Self::SetupTooLarge { bytes, most },
            error => Self::Store(error),
        }
    }
}

impl CatalogError {
    /// There is no such workspace, or none that the caller may know of.
    pub fn no_workspace(name: &WorkspaceName) -> Self {
        Self::NotFound {
            what: "workspace",
            name: name.to_string(),
            workspace: None,
        }
    }

    pub(super) fn not_found(what: &'static str, name: &str, workspace: &WorkspaceName) -> Self {
        Self::NotFound {
            what,
            // It is what a person typed, and it goes into a message.
            name: name.chars().take(120).collect(),
            workspace: Some(workspace.clone()),
        }
    }
}

/// A range of milliseconds as people write it; nothing of another figure.
fn as_durations(limit: &str, least: u64, most: u64) -> String {
    if !limit.ends_with("_ms") {
        return String::new();
    }
    // In the largest unit that it is a whole number of.
    let written = |ms: u64| {
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        let unit = units
            .into_iter()
            .find(|(of, _)| ms > 0 && ms.is_multiple_of(*of));
        let (of, unit) = unit.unwrap_or((1, "ms"));
        format!("{}{unit}", ms / of)
    };
    format!(", that is {} to {}", written(least), written(most))
}

fn in_workspace(workspace: &Option<WorkspaceName>) -> String {
    workspace
        .as_ref()
        .map_or_else(String::new, |name| format!(" in workspace `{name}`"))
}

/// Refuses limits and retry policies that no step may have.
pub(super) fn check_tuning(limits: StepLimits, retry: RetryPolicy) -> Result<(), CatalogError> {
    let (least, most) = (StepLimits::LEAST, StepLimits::MOST);
    let (soonest, latest) = (RetryPolicy::LEAST, RetryPolicy::MOST);
    let range = |limit, value: u64, least: u64, most: u64| match value {
        value if (least..=most).contains(&value) => Ok(()),
        value => Err(CatalogError::BadLimit {
            limit,
            value,
            least,
            most,
        }),
    };
    range("fuel", limits.fuel, least.fuel, most.fuel)?;
    range("memory", limits.memory, least.memory, most.memory)?;
    let timeouts = (least.timeout_ms, most.timeout_ms);
    range("timeout_ms", limits.timeout_ms, timeouts.0, timeouts.1)?;
    let attempts = (soonest.attempts.into(), latest.attempts.into());
    range("attempts", retry.attempts.into(), attempts.0, attempts.1)?;
    range(
        "first_ms",
        retry.first_ms,
        soonest.first_ms,
        latest.first_ms,
    )?;
    let factors = (soonest.factor.into(), latest.factor.into());
    range("factor", retry.factor.into(), factors.0, factors.1)?;
    // A longest delay that is shorter than the first one contradicts it.
    range("cap_ms", retry.cap_ms, retry.first_ms, latest.cap_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::step::Tuning;

    #[test]
    fn figures_out_of_range_are_refused_with_the_range() {
        let check = |tuning: Tuning| {
            let (limits, retry) = tuning.over(StepLimits::default(), RetryPolicy::default());
            check_tuning(limits, retry)
        };
        for fine in [
            Tuning::default(),
            Tuning {
                attempts: Some(1),
                factor: Some(1),
                first_ms: Some(1),
                cap_ms: Some(1),
                ..Tuning::default()
            },
            Tuning {
                attempts: Some(100),
                factor: Some(100),
                first_ms: Some(86_400_000),
                cap_ms: Some(604_800_000),
                ..Tuning::default()
            },
        ] {
            assert!(check(fine).is_ok(), "{fine:?}");
        }
        let none = Tuning::default();
        for (wrong, message) in [
            (
                Tuning {
                    attempts: Some(0),
                    ..none
                },
                "`attempts` is 0; it must be 1 to 100",
            ),
            (
                Tuning {
                    attempts: Some(u32::MAX),
                    ..none
                },
                "`attempts` is 4294967295; it must be 1 to 100",
            ),
            (
                Tuning {
                    factor: Some(0),
                    ..none
                },
                "`factor` is 0; it must be 1 to 100",
            ),
            (
                Tuning {
                    first_ms: Some(u64::MAX),
                    ..none
                },
                "`first_ms` is 18446744073709551615; it must be 1 to 86400000, that is 1ms to 1d",
            ),
            (
                Tuning {
                    cap_ms: Some(999),
                    ..none
                },
                "`cap_ms` is 999; it must be 1000 to 604800000, that is 1s to 7d",
            ),
            (
                Tuning {
                    fuel: Some(0),
                    ..none
                },
                "`fuel` is 0; it must be 1000 to 1000000000000",
            ),
        ] {
            assert_eq!(check(wrong).unwrap_err().to_string(), message);
        }
    }
}
