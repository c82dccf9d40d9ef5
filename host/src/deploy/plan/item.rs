//! One line of a plan: its subject, the action, and the result.

use bytes::Bytes;
use stepwell_api::{ConnectorSettings, ScheduleSettings, WebhookChange, WorkspaceChange};
use zeroize::Zeroizing;

use crate::domain::ids::WorkspaceName;
use crate::domain::limits::StepLimits;
use crate::domain::step::RetryPolicy;

/// The kind of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tenant.
    Workspace,
    /// A config value.
    Config,
    /// A connector.
    Connector,
    /// A webhook.
    Webhook,
    /// A step.
    Step,
    /// A schedule.
    Schedule,
}

impl Kind {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Config => "config",
            Self::Connector => "connector",
            Self::Webhook => "webhook",
            Self::Step => "step",
            Self::Schedule => "schedule",
        }
    }

    /// Where the API has all of them, below a workspace.
    pub fn path(self) -> &'static str {
        match self {
            Self::Workspace => "",
            Self::Config => "config",
            Self::Connector => "connectors",
            Self::Webhook => "webhooks",
            Self::Step => "steps",
            Self::Schedule => "schedules",
        }
    }

    /// Whether a deletion loses what cannot be read back from the server, so that it needs a
    /// confirmation.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Config | Self::Connector)
    }
}

/// A change that a deployment makes, or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The server has it as it is to be.
    None,
    /// The server lacks it.
    Create,
    /// The server has another one.
    Update,
    /// The manifest does not name it.
    Delete,
    /// It cannot be done; see the item's error.
    Failed,
}

/// The request of a change.
pub enum Change {
    /// The server has it as it is.
    Nothing,
    /// A workspace, with its settings.
    Workspace(WorkspaceChange),
    /// Settings of a workspace.
    Settings(WorkspaceChange),
    /// A config value.
    Config(Zeroizing<String>),
    /// A connector.
    Connector(ConnectorSettings),
    /// A webhook, with the settings that differ.
    Webhook(Box<WebhookChange>),
    /// A step.
    Step(Bytes, StepLimits, RetryPolicy),
    /// The limits and retry policy of a step whose component is there.
    Tuning(StepLimits, RetryPolicy),
    /// A schedule.
    Schedule(ScheduleSettings),
    /// A deletion.
    Delete,
}

/// One line of the plan.
pub struct Item {
    /// Its workspace.
    pub workspace: WorkspaceName,
    /// Its kind.
    pub kind: Kind,
    /// Its name, unique with workspace and kind.
    pub name: String,
    /// The kind of change.
    pub action: Action,
    /// The request that makes the change.
    pub change: Change,
    /// A step's digests: the server's and the manifest's.
    pub digests: (Option<String>, Option<String>),
    /// Which parts of it differ, where that is known.
    pub parts: Vec<&'static str>,
    /// A created webhook's URL, once the server has answered with it.
    pub url: Option<String>,
    /// The server's warnings about a step that it was sent.
    pub warnings: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Item {
    pub(super) fn new(
        workspace: &WorkspaceName,
        kind: Kind,
        name: &str,
        action: Action,
        change: Change,
    ) -> Self {
        Self {
            workspace: workspace.clone(),
            kind,
            name: name.to_owned(),
            action,
            change,
            digests: (None, None),
            parts: Vec::new(),
            url: None,
            warnings: Vec::new(),
            error: None,
        }
    }

    /// Notes that it cannot be done.
    pub fn fail(&mut self, error: impl Into<String>) {
        self.action = Action::Failed;
        self.change = Change::Nothing;
        self.error = Some(error.into());
    }
}
