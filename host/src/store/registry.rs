//! The setup, as a store gives it.

use std::collections::BTreeSet;

use crate::domain::clock::Millis;
use crate::domain::ids::{ConfigKey, ConnectorName, WorkspaceName};
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::token::Token;
use crate::domain::webhook::Webhook;
use crate::domain::workspace::WorkspaceSettings;

/// The setup, but for the components' bytes: all of it, or all that those workspaces have
/// which have changed.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// How often anything was changed, from 0.
    pub revision: u64,
    /// The workspaces whose entries this holds. One that is not in `workspaces` was deleted.
    pub changed: Vec<WorkspaceName>,
    /// Every workspace with its settings.
    pub workspaces: Vec<(WorkspaceName, WorkspaceSettings)>,
    /// Every webhook.
    pub webhooks: Vec<Webhook>,
    /// Every step with its workspace.
    pub steps: Vec<(WorkspaceName, Step)>,
    /// Every config value, sealed.
    pub config: Vec<(WorkspaceName, ConfigKey, Vec<u8>)>,
    /// Every connector's settings, sealed.
    pub connectors: Vec<(WorkspaceName, ConnectorName, Vec<u8>)>,
    /// Every schedule with its mark, if it has one: the last planned time that is settled.
    pub schedules: Vec<(Schedule, Option<Millis>)>,
    /// Every token that is of a workspace.
    pub tokens: Vec<Token>,
    /// Every token of the server itself, if any of them was changed.
    pub server_tokens: Option<Vec<Token>>,
    /// Values that cannot be read, each with its workspace and the reason. Of such a workspace nothing else is here but
    /// its tokens, and it is not in `changed`. `None`: a token, which is left out alone. Empty if everything is here.
    pub unreadable: Vec<(Option<WorkspaceName>, String)>,
}

impl Registry {
    /// Leaves out what it has of workspaces that have unreadable values, but for their tokens.
    pub(super) fn leave_out_unreadable(&mut self) {
        if self.unreadable.is_empty() {
            return;
        }
        let names = self.unreadable.iter().filter_map(|(name, _)| name.as_ref());
        let names: BTreeSet<WorkspaceName> = names.cloned().collect();
        let is_read = |name: &WorkspaceName| !names.contains(name);
        self.changed.retain(is_read);
        self.workspaces.retain(|(name, _)| is_read(name));
        self.webhooks.retain(|webhook| is_read(&webhook.workspace));
        self.steps.retain(|(name, _)| is_read(name));
        self.config.retain(|(name, ..)| is_read(name));
        self.connectors.retain(|(name, ..)| is_read(name));
        (self.schedules).retain(|(schedule, _)| is_read(&schedule.workspace));
    }
}
