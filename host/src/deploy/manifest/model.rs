//! What a manifest says that a workspace is to have.

use std::path::PathBuf;

use stepwell_api::{ConnectorSettings, WorkspaceChange};
use zeroize::Zeroizing;

use crate::deploy::error::At;
use crate::deploy::plan::item::Kind;
use crate::domain::ids::{ConfigKey, ScheduleName, StepName, WebhookName, WorkspaceName};
use crate::domain::limits::StepLimits;
use crate::domain::schedule::ScheduleSettings;
use crate::domain::step::RetryPolicy;

/// What one workspace is to have.
pub struct Workspace {
    /// Its name.
    pub name: WorkspaceName,
    /// The kinds that the manifest says something about, if only that there are none (`[]`).
    pub named: Vec<Kind>,
    /// What is set of the workspace itself, as the API takes it; what is not named stays.
    pub settings: WorkspaceChange,
    /// Webhooks.
    pub webhooks: Vec<Webhook>,
    /// Where its steps come from.
    pub steps: Vec<StepSource>,
    /// Config values and secrets; the server seals both.
    pub config: Vec<Setting>,
    /// Connectors.
    pub connectors: Vec<Connector>,
    /// Schedules.
    pub schedules: Vec<Schedule>,
}

/// A webhook.
pub struct Webhook {
    /// Its name.
    pub name: WebhookName,
    /// Where in a body the id of the task is that it is about.
    pub correlate: Option<String>,
}

/// A config value.
pub struct Setting {
    /// Its key.
    pub key: ConfigKey,
    /// Its value.
    pub value: Zeroizing<String>,
}

/// A folder of steps, or one step.
pub struct StepSource {
    /// Where the manifest names it.
    pub at: At,
    /// The step's name; without one the path is a folder whose steps have their own names.
    pub name: Option<StepName>,
    /// The folder or file, below the manifest's folder, links included.
    pub path: PathBuf,
    /// What each run may use.
    pub limits: StepLimits,
    /// When a failed run is tried again.
    pub retry: RetryPolicy,
}

/// A connector. Its config may hold credentials, so it is never printed.
pub struct Connector {
    /// What steps call it.
    pub name: String,
    /// What it is declared by.
    pub settings: ConnectorSettings,
}

/// A schedule.
pub struct Schedule {
    /// Its name.
    pub name: ScheduleName,
    /// What it is declared by.
    pub settings: ScheduleSettings,
}
