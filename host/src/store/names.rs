//! The names in the setup, by which a store refuses a change: which are taken, and how
//! many there are; and how large the setup is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::setup_bytes::SetupBytes;
use super::{Manage, Registry, StoreError};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

/// The names that are taken. An implementation whose database can tell has no use for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names {
    workspaces: BTreeMap<WorkspaceName, WorkspaceNames>,
    /// The workspace and the webhook that have a key.
    keys: HashMap<String, (WorkspaceName, String)>,
    /// Names of the server's own tokens, by their ids.
    tokens: BTreeMap<String, String>,
    bytes: SetupBytes,
    /// Workspaces whose names are not known.
    unreadable: BTreeSet<WorkspaceName>,
}

/// The names that are taken in one workspace.
#[derive(Debug, Clone, Default, PartialEq)]
struct WorkspaceNames {
    /// Names and keys of webhooks, by their ids.
    webhooks: BTreeMap<String, (String, String)>,
    steps: BTreeSet<String>,
    config: BTreeSet<String>,
    connectors: BTreeSet<String>,
    schedules: BTreeSet<String>,
    /// Names by ids.
    tokens: BTreeMap<String, String>,
}

/// Refuses one more where there are as many as may be, unless it is one of them.
fn room(what: &'static str, is_there: bool, there: usize, most: usize) -> Result<(), StoreError> {
    if !is_there && there >= most {
        return Err(StoreError::TooMany { what, most });
    }
    Ok(())
}

impl Names {
    /// The names in `registry`, which is whole.
    pub fn of(registry: &Registry) -> Self {
        let mut names = Self::default();
        names.take_in(registry);
        names
    }

    /// Takes in the workspaces that were changed. One that cannot be read keeps the names that are known of it.
    pub fn take_in(&mut self, registry: &Registry) {
        for workspace in &registry.changed {
            self.apply(&Manage::DeleteWorkspace(workspace.clone()));
        }
        let unreadable = registry.unreadable.iter();
        for workspace in unreadable.filter_map(|(workspace, _)| workspace.as_ref()) {
            self.workspace(workspace);
            self.unreadable.insert(workspace.clone());
        }
        if registry.server_tokens.is_some() {
            self.tokens.clear();
        }
        for (workspace, _) in &registry.workspaces {
            self.workspace(workspace);
        }
        for webhook in &registry.webhooks {
            self.take(&Manage::PutWebhook(webhook.clone()));
        }
        for (workspace, step) in &registry.steps {
            let taken = self.workspace(workspace);
            taken.steps.insert(step.name.to_string());
        }
        for (workspace, key, _) in &registry.config {
            self.workspace(workspace).config.insert(key.to_string());
        }
        for (workspace, name, _) in &registry.connectors {
            let taken = self.workspace(workspace);
            taken.connectors.insert(name.to_string());
        }
        for (schedule, _) in &registry.schedules {
            let taken = self.workspace(&schedule.workspace);
            taken.schedules.insert(schedule.name.to_string());
        }
        let server = registry.server_tokens.iter().flatten();
        for token in registry.tokens.iter().chain(server) {
            self.take(&Manage::PutToken(token.clone()));
        }
        self.bytes.take_in(registry);
    }

    /// From now on takes setups of any size.
    pub fn lift_bound(&mut self) {
        self.bytes.lift();
    }

    /// Whether a change is one of a workspace that could not be read.
    pub fn is_unreadable(&self, change: &Manage) -> bool {
        let changed = change.workspaces();
        changed.iter().any(|name| self.unreadable.contains(*name))
    }

    fn workspace(&mut self, name: &WorkspaceName) -> &mut WorkspaceNames {
        self.workspaces.entry(name.clone()).or_default()
    }

    /// Refuses a change that would take a taken name, or one more than may be, or make the setup too large.
    ///
    /// # Errors
    /// [`StoreError::Taken`], [`StoreError::TooMany`], [`StoreError::SetupTooLarge`]; [`StoreError::Damaged`] if the workspace
    /// cannot be read.
    pub fn check(&self, change: &Manage) -> Result<(), StoreError> {
        if change.takes_names() && self.is_unreadable(change) {
            let what = "the setup of the workspace: this server cannot read it";
            return Err(StoreError::Damaged(what.to_owned()));
        }
        self.check_names(change)?;
        self.bytes.check(change)
    }

    fn check_names(&self, change: &Manage) -> Result<(), StoreError> {
        let none = WorkspaceNames::default();
        let of = |workspace| self.workspaces.get(workspace).unwrap_or(&none);
        let taken = |what, name: &str| StoreError::Taken {
            what,
            name: name.to_owned(),
        };
        match change {
            Manage::NewWorkspace(workspace, _) if self.workspaces.contains_key(workspace) => {
                Err(taken("workspace", workspace.as_str()))
            }
            Manage::AddWorkspace(workspace)
            | Manage::NewWorkspace(workspace, _)
            | Manage::SetWorkspace(workspace, _) => room(
                "workspaces",
                self.workspaces.contains_key(workspace),
                self.workspaces.len(),
                limits::WORKSPACES,
            ),
            Manage::PutWebhook(webhook) => {
                let there = of(&webhook.workspace);
                let mut others = there.webhooks.iter().filter(|(id, _)| **id != webhook.id);
                if others.any(|(_, (name, _))| *name == webhook.name.as_str()) {
                    return Err(taken("webhook", webhook.name.as_str()));
                }
                let owner = self.keys.get(webhook.key.reveal());
                if owner
                    .is_some_and(|owner| *owner != (webhook.workspace.clone(), webhook.id.clone()))
                {
                    return Err(taken("webhook's key", &webhook.id));
                }
                let is_there = there.webhooks.contains_key(&webhook.id);
                room("webhooks", is_there, there.webhooks.len(), limits::WEBHOOKS)
            }
            Manage::PutStep(workspace, step, _) | Manage::SetStep(workspace, step) => {
                let steps = &of(workspace).steps;
                let is_there = steps.contains(step.name.as_str());
                room("steps", is_there, steps.len(), limits::STEPS)
            }
            Manage::SetConfig(workspace, key, _) => {
                let config = &of(workspace).config;
                let is_there = config.contains(key.as_str());
                room("config keys", is_there, config.len(), limits::CONFIG_KEYS)
            }
            Manage::PutConnector(workspace, name, _) => {
                let connectors = &of(workspace).connectors;
                let is_there = connectors.contains(name.as_str());
                room("connectors", is_there, connectors.len(), limits::CONNECTORS)
            }
            Manage::PutSchedule(schedule) => {
                let schedules = &of(&schedule.workspace).schedules;
                let is_there = schedules.contains(schedule.name.as_str());
                room("schedules", is_there, schedules.len(), limits::SCHEDULES)
            }
            Manage::PutToken(token) => {
                let tokens = match &token.workspace {
                    Some(workspace) => &of(workspace).tokens,
                    None => &self.tokens,
                };
                let mut others = tokens.iter().filter(|(id, _)| **id != token.id);
                if others.any(|(_, name)| name == token.name.as_str()) {
                    return Err(taken("token", token.name.as_str()));
                }
                let is_there = tokens.contains_key(&token.id);
                room("tokens", is_there, tokens.len(), limits::TOKENS)
            }
            Manage::DeleteWorkspace(_)
            | Manage::DeleteToken(..)
            | Manage::UseTokens(_)
            | Manage::DeleteWebhook(..)
            | Manage::DeleteStep(..)
            | Manage::DeleteConfig(..)
            | Manage::DeleteConnector(..)
            | Manage::DeleteSchedule(..)
            | Manage::MarkSchedules(_) => Ok(()),
        }
    }

    /// Takes in a change that was made.
    pub fn apply(&mut self, change: &Manage) {
        self.take(change);
        self.bytes.apply(change);
    }

    fn take(&mut self, change: &Manage) {
        match change {
            Manage::AddWorkspace(workspace)
            | Manage::NewWorkspace(workspace, _)
            | Manage::SetWorkspace(workspace, _) => {
                self.workspace(workspace);
            }
            Manage::PutWebhook(webhook) => {
                let (workspace, id) = (&webhook.workspace, webhook.id.clone());
                let key = webhook.key.reveal().to_owned();
                let owner = (workspace.clone(), id.clone());
                let named = (webhook.name.to_string(), key.clone());
                if let Some((_, old)) = self.workspace(workspace).webhooks.insert(id, named) {
                    self.keys.remove(&old);
                }
                self.keys.insert(key, owner);
            }
            Manage::DeleteWorkspace(workspace) => {
                self.unreadable.remove(workspace);
                if let Some(gone) = self.workspaces.remove(workspace) {
                    for (_, key) in gone.webhooks.values() {
                        self.keys.remove(key);
                    }
                }
            }
            Manage::DeleteWebhook(workspace, id) => {
                if let Some((_, key)) = self.workspace(workspace).webhooks.remove(id) {
                    self.keys.remove(&key);
                }
            }
            Manage::PutStep(workspace, step, _) | Manage::SetStep(workspace, step) => {
                self.workspace(workspace)
                    .steps
                    .insert(step.name.to_string());
            }
            Manage::DeleteStep(workspace, name) => {
                self.workspace(workspace).steps.remove(name.as_str());
            }
            Manage::SetConfig(workspace, key, _) => {
                self.workspace(workspace).config.insert(key.to_string());
            }
            Manage::DeleteConfig(workspace, key) => {
                self.workspace(workspace).config.remove(key.as_str());
            }
            Manage::PutConnector(workspace, name, _) => {
                self.workspace(workspace)
                    .connectors
                    .insert(name.to_string());
            }
            Manage::DeleteConnector(workspace, name) => {
                self.workspace(workspace).connectors.remove(name.as_str());
            }
            Manage::PutSchedule(schedule) => {
                let name = schedule.name.to_string();
                self.workspace(&schedule.workspace).schedules.insert(name);
            }
            Manage::DeleteSchedule(workspace, name) => {
                self.workspace(workspace).schedules.remove(name.as_str());
            }
            Manage::PutToken(token) => {
                let (id, name) = (token.id.clone(), token.name.to_string());
                self.tokens_of(token.workspace.as_ref()).insert(id, name);
            }
            Manage::DeleteToken(workspace, id) => {
                self.tokens_of(workspace.as_ref()).remove(id);
            }
            Manage::MarkSchedules(_) | Manage::UseTokens(_) => {}
        }
    }

    fn tokens_of(&mut self, workspace: Option<&WorkspaceName>) -> &mut BTreeMap<String, String> {
        match workspace {
            Some(workspace) => &mut self.workspace(workspace).tokens,
            None => &mut self.tokens,
        }
    }
}
