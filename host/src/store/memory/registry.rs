//! The setup of the model.

use std::collections::BTreeMap;

use super::model::Model;
use crate::domain::ids::WorkspaceName;
use crate::store::Registry;

/// See [`crate::store::Store::registry_since`].
pub(super) fn since(model: &Model, revision: u64) -> Registry {
    let mut registry = registry(model);
    let is_new = |workspace: &WorkspaceName| {
        let changed = model.revised.get(workspace).copied().unwrap_or(0);
        revision == 0 || changed > revision
    };
    registry.changed.retain(&is_new);
    registry.workspaces.retain(|(name, _)| is_new(name));
    let webhooks = &mut registry.webhooks;
    webhooks.retain(|webhook| is_new(&webhook.workspace));
    registry.steps.retain(|(name, _)| is_new(name));
    registry.config.retain(|(name, ..)| is_new(name));
    registry.connectors.retain(|(name, ..)| is_new(name));
    let schedules = &mut registry.schedules;
    schedules.retain(|(schedule, _)| is_new(&schedule.workspace));
    let tokens = &mut registry.tokens;
    tokens.retain(|token| token.workspace.as_ref().is_some_and(is_new));
    if revision != 0 && model.server_revised <= revision {
        registry.server_tokens = None;
    }
    registry
}

/// The setup.
fn registry(model: &Model) -> Registry {
    let tokens = |of_workspaces: bool| {
        let tokens = model.tokens.values().cloned();
        tokens
            .filter(|token| token.workspace.is_some() == of_workspaces)
            .collect()
    };
    Registry {
        revision: model.revision,
        changed: model.workspaces.keys().cloned().collect(),
        workspaces: model.workspaces.clone().into_iter().collect(),
        webhooks: model.webhooks.values().cloned().collect(),
        steps: {
            let steps = model.steps.iter();
            steps
                .map(|((workspace, _), step)| (workspace.clone(), step.clone()))
                .collect()
        },
        config: sealed(&model.config),
        connectors: sealed(&model.connectors),
        schedules: model.schedules.values().cloned().collect(),
        tokens: tokens(true),
        server_tokens: Some(tokens(false)),
        unreadable: Vec::new(),
    }
}

fn sealed<N: Clone>(
    map: &BTreeMap<(WorkspaceName, N), Vec<u8>>,
) -> Vec<(WorkspaceName, N, Vec<u8>)> {
    map.iter()
        .map(|((workspace, name), sealed)| (workspace.clone(), name.clone(), sealed.clone()))
        .collect()
}
