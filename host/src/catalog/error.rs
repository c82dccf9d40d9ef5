//! Why the catalog refused.

use stepwell_condition::PatternError;

use crate::connectors::named::DeclarationError;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits::StepLimits;
use crate::domain::schedule::ScheduleError;
use crate::sandbox::ComponentError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why the catalog did not do what it was asked. Each message names the thing and what would be
/// right.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such workspace, webhook, step or config key.
    #[error("there is no {what} `{name}`{}", in_workspace(.workspace))]
    NotFound {
        /// `workspace`, `webhook`, `step` or `config key`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// Where; `None` for a workspace.
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
    /// A step's limit is out of its range.
    #[error("`{limit}` is {value}; it must be {least} to {most}")]
    BadLimit {
        /// `fuel`, `memory` or `timeout_ms`.
        limit: &'static str,
        /// What was asked for.
        value: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
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
    /// A connector's declaration is wrong.
    #[error("the connector is wrong: {0}")]
    Connector(#[from] DeclarationError),
    /// A schedule is wrong.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A config value cannot be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What the store has does not fit together.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The server is going down.
    #[error("the change was cut short because the server is going down")]
    Interrupted,
}

impl CatalogError {
    pub(super) fn no_workspace(name: &WorkspaceName) -> Self {
        Self::NotFound {
            what: "workspace",
            name: name.to_string(),
            workspace: None,
        }
    }

    pub(super) fn not_found(what: &'static str, name: &str, workspace: &WorkspaceName) -> Self {
        Self::NotFound {
            what,
            // It is what somebody typed, and it goes into a message.
            name: name.chars().take(120).collect(),
            workspace: Some(workspace.clone()),
        }
    }
}

fn in_workspace(workspace: &Option<WorkspaceName>) -> String {
    workspace
        .as_ref()
        .map_or_else(String::new, |name| format!(" in workspace `{name}`"))
}

/// Refuses limits that no step may have.
pub(super) fn check_limits(limits: StepLimits) -> Result<(), CatalogError> {
    let (least, most) = (StepLimits::LEAST, StepLimits::MOST);
    for (limit, value, least, most) in [
        ("fuel", limits.fuel, least.fuel, most.fuel),
        ("memory", limits.memory, least.memory, most.memory),
        (
            "timeout_ms",
            limits.timeout_ms,
            least.timeout_ms,
            most.timeout_ms,
        ),
    ] {
        if !(least..=most).contains(&value) {
            return Err(CatalogError::BadLimit {
                limit,
                value,
                least,
                most,
            });
        }
    }
    Ok(())
}
