//! The walk over the setup.

use std::collections::{BTreeSet, HashSet};

use super::summary::Item;
use super::walk::{Walk, encoded, missing};
use super::{Migrate, MigrationError};
use crate::domain::ids::WorkspaceName;
use crate::domain::step::Step;
use crate::store::{Manage, Registry};

/// The target of the setup, and its revision.
struct Target<'a> {
    store: Option<&'a dyn Migrate>,
    revision: u64,
}

impl Target<'_> {
    async fn take(&mut self, change: Manage) -> Result<(), MigrationError> {
        if let Some(store) = self.store {
            let changed = store.manage(change, None, self.revision).await;
            self.revision = changed.map_err(MigrationError::Writing)?;
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// Copies the setup. Returns the workspaces.
    pub(super) async fn setup(&mut self) -> Result<Vec<WorkspaceName>, MigrationError> {
        let registry = self.from.registry_since(0).await;
        let Registry {
            workspaces,
            webhooks,
            steps,
            config,
            connectors,
            schedules,
            tokens,
            server_tokens,
            ..
        } = registry.map_err(MigrationError::Reading)?;
        let mut to = Target {
            store: self.to,
            revision: 0,
        };
        if let Some(store) = self.to {
            let there = store.registry_since(0).await;
            to.revision = there.map_err(MigrationError::Writing)?.revision;
        }
        let mut names = Vec::with_capacity(workspaces.len());
        for (name, settings) in workspaces {
            let parts: [&[u8]; 2] = [name.as_str().as_bytes(), &encoded(&settings)?];
            self.summary.add(Item::Workspaces, &parts);
            names.push(name.clone());
            to.take(Manage::SetWorkspace(name, settings)).await?;
        }
        for webhook in webhooks {
            self.summary.add(Item::Webhooks, &[&encoded(&webhook)?]);
            to.take(Manage::PutWebhook(webhook)).await?;
        }
        let mut seen = HashSet::new();
        for (workspace, step) in steps {
            self.step(&mut to, (workspace, step), &mut seen).await?;
        }
        for (workspace, key, sealed) in config {
            let parts: [&[u8]; 3] = [
                workspace.as_str().as_bytes(),
                key.as_str().as_bytes(),
                &sealed,
            ];
            self.summary.add(Item::Config, &parts);
            to.take(Manage::SetConfig(workspace, key, sealed)).await?;
        }
        for (workspace, name, sealed) in connectors {
            let parts: [&[u8]; 3] = [
                workspace.as_str().as_bytes(),
                name.as_str().as_bytes(),
                &sealed,
            ];
            self.summary.add(Item::Connectors, &parts);
            let change = Manage::PutConnector(workspace, name, sealed);
            to.take(change).await?;
        }
        for (schedule, mark) in schedules {
            let settled = mark.map_or(Vec::new(), |mark| mark.to_le_bytes().to_vec());
            let parts: [&[u8]; 3] = [
                schedule.workspace.as_str().as_bytes(),
                &encoded(&schedule)?,
                &settled,
            ];
            self.summary.add(Item::Schedules, &parts);
            let (workspace, name) = (schedule.workspace.clone(), schedule.name.clone());
            to.take(Manage::PutSchedule(schedule)).await?;
            if let Some(mark) = mark {
                let marks = vec![(workspace, name, mark)];
                to.take(Manage::MarkSchedules(marks)).await?;
            }
        }
        for token in tokens
            .into_iter()
            .chain(server_tokens.into_iter().flatten())
        {
            self.summary.add(Item::Tokens, &[&encoded(&token)?]);
            to.take(Manage::PutToken(token)).await?;
        }
        Ok(names)
    }

    /// Copies a step. The components of its earlier versions come first, by steps that have no others.
    async fn step(
        &mut self,
        to: &mut Target<'_>,
        (workspace, step): (WorkspaceName, Step),
        seen: &mut HashSet<String>,
    ) -> Result<(), MigrationError> {
        let parts: [&[u8]; 2] = [workspace.as_str().as_bytes(), &encoded(&step)?];
        self.summary.add(Item::Steps, &parts);
        let digests: Vec<String> = step.digests().map(str::to_owned).collect();
        let mut there = BTreeSet::new();
        for digest in digests.into_iter().rev() {
            let is_new = seen.insert(digest.clone());
            if !is_new && to.store.is_none() {
                continue;
            }
            let bytes = self.from.component(&digest).await;
            let bytes = bytes
                .map_err(MigrationError::Reading)?
                .ok_or_else(|| missing(format!("component {digest}")))?;
            if is_new {
                self.summary
                    .add(Item::Components, &[digest.as_bytes(), &bytes]);
            }
            there.insert(digest.clone());
            let mut version = step.clone();
            version.digest = digest;
            version.versions.retain(|old| there.contains(&old.digest));
            to.take(Manage::PutStep(workspace.clone(), version, bytes))
                .await?;
        }
        Ok(())
    }
}
