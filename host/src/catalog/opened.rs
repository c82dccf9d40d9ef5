//! Opens what the store has of the setup: seals, schedules, conditions.

use std::collections::{BTreeMap, HashMap};

use super::live::{LiveSchedule, open_connector};
use super::live_token::LiveToken;
use super::matching::LiveStep;
use super::verifier::LiveWebhook;
use super::workspace::Workspace;
use super::{Catalog, CatalogError};
use crate::domain::clock::Millis;
use crate::domain::ids::{ConfigKey, WorkspaceName};
use crate::domain::schedule::Schedule;
use crate::domain::step::Step;
use crate::domain::webhook::Webhook;
use crate::store::Registry;

/// Workspaces that are not opened, each with the reason; `None`: a token.
pub(super) type Failed = BTreeMap<Option<WorkspaceName>, CatalogError>;

impl Catalog {
    /// Workspaces as the store has them, opened, and why some are not. What did not change is not opened again.
    pub(super) fn opened(&self, registry: Registry) -> (HashMap<WorkspaceName, Workspace>, Failed) {
        let mut failed = Failed::new();
        let mut workspaces: HashMap<WorkspaceName, Workspace> = registry
            .workspaces
            .into_iter()
            .map(|(name, settings)| (name, Workspace::of(settings)))
            .collect();
        for (name, error) in registry.unreadable {
            // For its tokens.
            if let Some(name) = &name {
                workspaces.entry(name.clone()).or_default();
            }
            failed.entry(name).or_insert(CatalogError::Damaged(error));
        }
        let mut note = |workspace: WorkspaceName, opened: Result<(), CatalogError>| {
            if let Err(error) = opened {
                failed.entry(Some(workspace)).or_insert(error);
            }
        };
        for webhook in registry.webhooks {
            let workspace = webhook.workspace.clone();
            note(workspace, self.open_webhook(&mut workspaces, webhook));
        }
        for (workspace, step) in registry.steps {
            let opened = self.open_step(&mut workspaces, &workspace, step);
            note(workspace, opened);
        }
        for (workspace, key, sealed) in registry.config {
            let opened = self.open_config(&mut workspaces, &workspace, key, sealed);
            note(workspace, opened);
        }
        for (workspace, name, sealed) in registry.connectors {
            let live = open_connector(&self.vault, &workspace, &name, &sealed);
            let opened = live.and_then(|live| {
                let owner = owner(&mut workspaces, &workspace, "connector", name.as_str())?;
                owner.connectors.insert(name, live);
                Ok(())
            });
            note(workspace, opened);
        }
        for (schedule, mark) in registry.schedules {
            let workspace = schedule.workspace.clone();
            note(
                workspace,
                self.open_schedule(&mut workspaces, schedule, mark),
            );
        }
        for token in registry.tokens {
            let Some(workspace) = token.workspace.clone() else {
                continue;
            };
            let name = token.name.clone();
            let known = self.token(Some(&workspace), &token.id).ok();
            let live = match known {
                Some(known) => known.taken_over(token),
                None => LiveToken::new(token),
            };
            let owner = owner(&mut workspaces, &workspace, "token", name.as_str());
            let opened = owner.map(|owner| drop(owner.tokens.insert(name, live)));
            note(workspace, opened);
        }
        (workspaces, failed)
    }

    fn open_webhook(
        &self,
        workspaces: &mut HashMap<WorkspaceName, Workspace>,
        webhook: Webhook,
    ) -> Result<(), CatalogError> {
        let known = self.webhook(&webhook.workspace, &webhook.id).ok();
        let webhook = match known.filter(|known| ***known == webhook) {
            Some(known) => known,
            None => LiveWebhook::open(&self.vault, webhook)?,
        };
        owner(workspaces, &webhook.workspace, "webhook", &webhook.id)?
            .webhooks
            .insert(webhook.name.clone(), webhook);
        Ok(())
    }

    fn open_step(
        &self,
        workspaces: &mut HashMap<WorkspaceName, Workspace>,
        workspace: &WorkspaceName,
        step: Step,
    ) -> Result<(), CatalogError> {
        let name = step.name.clone();
        let known = self.step(workspace, &name).ok();
        let live = match known.filter(|known| *known.step == step) {
            Some(known) => known,
            None => LiveStep::new(step).map_err(|error| {
                CatalogError::Damaged(format!("step `{name}` of workspace `{workspace}`: {error}"))
            })?,
        };
        owner(workspaces, workspace, "step", name.as_str())?.put_step(live);
        Ok(())
    }

    fn open_config(
        &self,
        workspaces: &mut HashMap<WorkspaceName, Workspace>,
        workspace: &WorkspaceName,
        key: ConfigKey,
        sealed: Vec<u8>,
    ) -> Result<(), CatalogError> {
        self.vault.unseal(workspace, &key, &sealed)?;
        owner(workspaces, workspace, "config", key.as_str())?.put_sealed(key, sealed);
        Ok(())
    }

    fn open_schedule(
        &self,
        workspaces: &mut HashMap<WorkspaceName, Workspace>,
        schedule: Schedule,
        mark: Option<Millis>,
    ) -> Result<(), CatalogError> {
        let (workspace, name) = (schedule.workspace.clone(), schedule.name.clone());
        let live = LiveSchedule::open(schedule, mark)?;
        // One whose planned times are being settled stays what it is.
        let known = self.schedule(&workspace, &name).ok();
        let live = known.filter(|known| known.is_same(&live)).unwrap_or(live);
        owner(workspaces, &workspace, "schedule", name.as_str())?
            .schedules
            .insert(name, live);
        Ok(())
    }
}

fn owner<'w>(
    workspaces: &'w mut HashMap<WorkspaceName, Workspace>,
    name: &WorkspaceName,
    what: &str,
    id: &str,
) -> Result<&'w mut Workspace, CatalogError> {
    workspaces.get_mut(name).ok_or_else(|| {
        CatalogError::Damaged(format!(
            "{what} `{id}` is of workspace `{name}`, which is not there"
        ))
    })
}
