//! One workspace in memory: the steps, config and connectors that tasks are run with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::live::{LiveConnector, LiveSchedule};
use super::live_token::LiveToken;
use super::matching::{LiveStep, Matching};
use super::verifier::LiveWebhook;
use crate::domain::ids::{
    ConfigKey, ConnectorName, ScheduleName, StepName, TokenName, WebhookName,
};
use crate::domain::run::Config;
use crate::domain::workspace::WorkspaceSettings;

/// The setup of one workspace. It is changed only after the store has the change.
#[derive(Default)]
pub(super) struct Workspace {
    pub(super) settings: WorkspaceSettings,
    pub(super) webhooks: BTreeMap<WebhookName, Arc<LiveWebhook>>,
    pub(super) connectors: BTreeMap<ConnectorName, Arc<LiveConnector>>,
    pub(super) schedules: BTreeMap<ScheduleName, Arc<LiveSchedule>>,
    pub(super) tokens: BTreeMap<TokenName, Arc<LiveToken>>,
    steps: BTreeMap<StepName, (u32, Arc<LiveStep>)>,
    pub(super) matching: Matching,
    sealed: BTreeMap<ConfigKey, Vec<u8>>,
    /// The config in the clear, once it was asked for.
    pub(super) config: Option<Arc<Config>>,
}

impl Workspace {
    /// An empty one with these settings.
    pub(super) fn of(settings: WorkspaceSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// The webhook with that id, or else with that name.
    pub(super) fn webhook(&self, id_or_name: &str) -> Option<&Arc<LiveWebhook>> {
        self.webhooks
            .values()
            .find(|webhook| webhook.id == id_or_name)
            .or_else(|| {
                let name: WebhookName = id_or_name.parse().ok()?;
                self.webhooks.get(&name)
            })
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = &Arc<LiveStep>> {
        self.steps.values().map(|(_, step)| step)
    }

    pub(super) fn step_count(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn step(&self, name: &StepName) -> Option<&Arc<LiveStep>> {
        self.steps.get(name).map(|(_, step)| step)
    }

    /// Adds a step, or puts it in the place of the one of its name.
    pub(super) fn put_step(&mut self, step: Arc<LiveStep>) {
        self.remove_step(&step.step.name);
        let slot = self.matching.insert(step.clone());
        self.steps.insert(step.step.name.clone(), (slot, step));
    }

    pub(super) fn remove_step(&mut self, name: &StepName) {
        if let Some((slot, _)) = self.steps.remove(name) {
            self.matching.remove(slot);
        }
    }

    pub(super) fn sealed(&self) -> &BTreeMap<ConfigKey, Vec<u8>> {
        &self.sealed
    }

    pub(super) fn put_sealed(&mut self, key: ConfigKey, sealed: Vec<u8>) {
        self.sealed.insert(key, sealed);
        self.config = None;
    }

    pub(super) fn remove_sealed(&mut self, key: &ConfigKey) {
        self.sealed.remove(key);
        self.config = None;
    }
}
