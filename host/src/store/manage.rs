//! Changes of the setup.

use std::sync::Arc;

use crate::domain::clock::Millis;
use crate::domain::ids::{ConfigKey, ConnectorName, ScheduleName, StepName, WorkspaceName};
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::token::Token;
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;

/// A change of the setup.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for a change of the catalog, and moved twice"
)]
pub enum Manage {
    /// Adds a workspace; nothing if it is there.
    AddWorkspace(WorkspaceName),
    /// Adds a workspace; [`StoreError::Taken`](super::StoreError::Taken) if it is there.
    NewWorkspace(WorkspaceName, WorkspaceSettings),
    /// Adds a workspace, or sets its settings.
    SetWorkspace(WorkspaceName, WorkspaceSettings),
    /// Deletes a workspace with everything in it. From then on nothing of it can be seen, and every
    /// write to it is [`StoreError::Erasing`](super::StoreError::Erasing), also one that adds it again, until [`Store::purge`](super::Store::purge) has
    /// erased the old one.
    DeleteWorkspace(WorkspaceName),
    /// Adds or replaces a webhook, by its id.
    PutWebhook(Webhook),
    /// Deletes a webhook by its id.
    DeleteWebhook(WorkspaceName, String),
    /// Adds or replaces a step, with its component's bytes. The components of its other versions
    /// are there already.
    PutStep(WorkspaceName, Step, Arc<[u8]>),
    /// Replaces a step by one whose component is in the store already; [`StoreError::NotFound`](super::StoreError::NotFound) if it
    /// is not.
    SetStep(WorkspaceName, Step),
    /// Deletes a step; its components stay as long as other steps have them.
    DeleteStep(WorkspaceName, StepName),
    /// Sets a config value, sealed by the vault.
    SetConfig(WorkspaceName, ConfigKey, Vec<u8>),
    /// Deletes a config value.
    DeleteConfig(WorkspaceName, ConfigKey),
    /// Adds or replaces a connector: its settings, sealed by the vault.
    PutConnector(WorkspaceName, ConnectorName, Vec<u8>),
    /// Deletes a connector.
    DeleteConnector(WorkspaceName, ConnectorName),
    /// Adds or replaces a schedule, by its name; a mark that it had is gone.
    PutSchedule(Schedule),
    /// Deletes a schedule with its mark.
    DeleteSchedule(WorkspaceName, ScheduleName),
    /// Sets the marks of schedules, all of them or none: see [`Registry::schedules`](super::Registry::schedules). A mark only grows:
    /// one that is lower than the stored one changes nothing. The mark of a schedule that does not exist
    /// is ignored.
    MarkSchedules(Vec<(WorkspaceName, ScheduleName, Millis)>),
    /// Adds a token, or replaces it, by its id.
    PutToken(Token),
    /// Deletes a token by its id: one of a workspace, or of the server.
    DeleteToken(Option<WorkspaceName>, String),
    /// Sets when tokens were last used, by their ids. A last use only grows; that of a token which does not
    /// exist is ignored.
    UseTokens(Vec<(Option<WorkspaceName>, String, Millis)>),
}

impl Manage {
    /// The workspaces that it changes; may repeat.
    pub fn workspaces(&self) -> Vec<&WorkspaceName> {
        match self {
            Self::AddWorkspace(workspace)
            | Self::NewWorkspace(workspace, _)
            | Self::SetWorkspace(workspace, _)
            | Self::DeleteWorkspace(workspace)
            | Self::DeleteWebhook(workspace, _)
            | Self::PutStep(workspace, ..)
            | Self::SetStep(workspace, _)
            | Self::DeleteStep(workspace, _)
            | Self::SetConfig(workspace, ..)
            | Self::DeleteConfig(workspace, _)
            | Self::PutConnector(workspace, ..)
            | Self::DeleteConnector(workspace, _)
            | Self::DeleteSchedule(workspace, _) => vec![workspace],
            Self::PutWebhook(webhook) => vec![&webhook.workspace],
            Self::PutSchedule(schedule) => vec![&schedule.workspace],
            Self::MarkSchedules(marks) => marks.iter().map(|(workspace, ..)| workspace).collect(),
            Self::PutToken(token) => token.workspace.iter().collect(),
            Self::DeleteToken(workspace, _) => workspace.iter().collect(),
            Self::UseTokens(uses) => (uses.iter())
                .filter_map(|(workspace, ..)| workspace.as_ref())
                .collect(),
        }
    }

    /// Whether it changes the setup of the server itself, in no workspace.
    pub fn is_of_server(&self) -> bool {
        match self {
            Self::PutToken(token) => token.workspace.is_none(),
            Self::DeleteToken(workspace, _) => workspace.is_none(),
            Self::UseTokens(uses) => uses.iter().any(|(workspace, ..)| workspace.is_none()),
            _ => false,
        }
    }

    /// Whether it only sets marks of schedules or last uses of tokens. Such a change is allowed in a workspace that is
    /// being erased, too.
    pub fn is_note(&self) -> bool {
        matches!(self, Self::MarkSchedules(_) | Self::UseTokens(_))
    }

    /// Whether it may take a name, so that it is checked against those that are taken.
    pub fn takes_names(&self) -> bool {
        let removes = matches!(
            self,
            Self::DeleteWorkspace(_)
                | Self::DeleteToken(..)
                | Self::DeleteWebhook(..)
                | Self::DeleteStep(..)
                | Self::DeleteConfig(..)
                | Self::DeleteConnector(..)
                | Self::DeleteSchedule(..)
        );
        !removes && !self.is_note()
    }
}
