//! Reads the setup from the store into memory: at the start, and again when other nodes have changed it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::RwLock;

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
use crate::store::{Hint, Registry, StoreError};

/// Workspaces that are not opened, each with the reason; `None`: a token.
type Failed = BTreeMap<Option<WorkspaceName>, CatalogError>;

/// How often the store is asked for changes.
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// The same where other nodes wait for that.
const LOOK_SOON: Duration = Duration::from_millis(100);
/// The longest that a change waits for other nodes to know of it.
const AGREEMENT: Duration = Duration::from_secs(2);

/// Reads the changes of other nodes into memory. Runs until the catalog is dropped, or its store is closed.
pub(super) async fn follow(catalog: Weak<Catalog>) {
    let mut pause = LOOK_AGAIN;
    let mut hints = catalog.upgrade().and_then(|catalog| {
        let cluster = catalog.store.cluster();
        cluster.map(|cluster| cluster.hints(Hint::Setup))
    });
    loop {
        let Some(sleep) = catalog.upgrade().map(|catalog| catalog.clock.sleep(pause)) else {
            return;
        };
        match &mut hints {
            Some(hints) => tokio::select! {
                () = sleep => {}
                () = hints.next() => {}
            },
            None => sleep.await,
        }
        let Some(catalog) = catalog.upgrade() else {
            return;
        };
        if catalog.store.cluster().is_some() {
            pause = LOOK_SOON;
        }
        match catalog.look().await {
            Ok(()) => {}
            Err(CatalogError::Store(StoreError::Closed)) => return,
            // The store says that itself.
            Err(CatalogError::Store(error)) if error.is_retriable() => {}
            Err(error) => {
                tracing::error!(%error, "the setup in the database could not be read");
                catalog.clock.sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

impl Catalog {
    /// Reads the changes into memory that the store has and memory does not have, as of this call or later. All who wait share a
    /// look: see [`misses`](super::misses).
    ///
    /// # Errors
    /// [`CatalogError::Store`]: also if too many wait for that, or it takes too long. Then memory is as it was. A workspace that
    /// cannot be opened stays what it was, which the log says.
    pub async fn refresh(self: &Arc<Self>) -> Result<(), CatalogError> {
        let catalog = self.clone();
        let look = async move {
            let looked = catalog.look().await;
            looked.map_err(|error| match error {
                CatalogError::Store(error) => error,
                error => StoreError::Damaged(error.to_string()),
            })
        };
        Ok(self.misses.wait(look).await?)
    }

    /// Takes in what the store has and memory does not.
    ///
    /// # Errors
    /// [`CatalogError::Store`]; [`CatalogError::Damaged`] and [`CatalogError::Vault`] if something cannot be opened. Then
    /// memory is as it was.
    async fn look(&self) -> Result<(), CatalogError> {
        let known = self.revision();
        let registry = self.store.registry_since(known).await?;
        // Nearly always. A change that is made here meanwhile is not waited for.
        if known != 0 && registry.revision == known {
            return Ok(());
        }
        let _alone = self.changing.lock().await;
        match self.revision() == known {
            true => self.take_in_and_tell(registry).await,
            false => self.read_changes().await,
        }
    }

    /// As `find`; if memory does not have it, the store's changes are read before it counts as missing.
    ///
    /// # Errors
    /// As `find`, and as [`Catalog::refresh`].
    pub async fn look_up<T>(
        self: &Arc<Self>,
        find: impl Fn(&Self) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        match find(self) {
            Err(CatalogError::NotFound { .. }) => {
                self.refresh().await?;
                find(self)
            }
            found => found,
        }
    }

    /// Has memory know the setup at this revision, or a later one.
    ///
    /// # Errors
    /// As [`Catalog::refresh`], and [`StoreError::Unavailable`] if what the store has cannot be opened.
    pub async fn reach(self: &Arc<Self>, revision: u64) -> Result<(), StoreError> {
        if self.revision() >= revision {
            return Ok(());
        }
        match self.refresh().await {
            Ok(()) if self.revision() >= revision => Ok(()),
            Ok(()) => Err(StoreError::unavailable(format!(
                "the setup is at revision {}, and {revision} is needed",
                self.revision()
            ))),
            Err(CatalogError::Store(StoreError::Closed)) => Err(StoreError::Closed),
            // Another server's values may be newer than what this one reads: what needs them is tried again.
            Err(error) => Err(StoreError::unavailable(error.to_string())),
        }
    }

    /// Reads the changes into memory that the store has and memory does not have. Only within a change.
    ///
    /// # Errors
    /// [`CatalogError::Store`]; [`CatalogError::Damaged`] and [`CatalogError::Vault`] if something cannot be
    /// opened. Then memory is as it was.
    pub(super) async fn read_changes(&self) -> Result<(), CatalogError> {
        let known = self.revision.load(Ordering::Relaxed);
        let registry = self.store.registry_since(known).await?;
        if registry.revision != known || known == 0 {
            self.take_in_and_tell(registry).await?;
        }
        Ok(())
    }

    /// Takes in what was read after the revision that memory is at, and tells the other nodes. Only within a change.
    pub(super) async fn take_in_and_tell(&self, registry: Registry) -> Result<(), CatalogError> {
        self.take_in(registry)?;
        if let Some(cluster) = self.store.cluster() {
            cluster.apply(self.revision()).await?;
        }
        Ok(())
    }

    /// Waits until all other nodes use a revision that was made here, for [`AGREEMENT`] at most: one may be busy, or gone.
    pub(super) async fn agree(&self, revision: u64) {
        let Some(cluster) = self.store.cluster() else {
            return;
        };
        let until = self.clock.monotonic() + AGREEMENT;
        let agreed = async {
            while let Ok(false) = cluster.is_applied(revision).await
                && self.clock.monotonic() < until
            {
                self.clock.sleep(AGREEMENT / 200).await;
            }
        };
        // The database may not answer.
        let _ = tokio::time::timeout(AGREEMENT, agreed).await;
    }

    /// Replaces the changed workspaces in memory by those of the store. One that cannot be opened, because a newer server has
    /// changed it, stays what it was here, but for its tokens: none that was revoked is valid.
    ///
    /// # Errors
    /// At the start, that of a workspace that cannot be opened.
    pub(super) fn take_in(&self, mut registry: Registry) -> Result<(), CatalogError> {
        let revision = registry.revision;
        let changed = registry.changed.clone();
        let server_tokens = registry.server_tokens.take();
        let (mut new, failed) = self.opened(registry);
        let mut kept = HashSet::new();
        for (name, error) in failed {
            if self.revision.load(Ordering::Relaxed) == 0 {
                return Err(error);
            }
            let Some(name) = name else {
                tracing::error!(%error, "a token cannot be read and is not valid here");
                continue;
            };
            tracing::error!(
                workspace.id = %name,
                %error,
                "a workspace was changed and cannot be read here: it stays what it was, but for its tokens"
            );
            let tokens = new.remove(&name).unwrap_or_default().tokens;
            if let Some(old) = self.workspaces.read().get(&name) {
                let mut old = old.write();
                (old.tokens.values()).for_each(|live| self.tokens.remove(live));
                tokens.values().for_each(|live| self.tokens.add(live));
                old.tokens = tokens;
            }
            kept.insert(name);
        }
        for name in changed {
            if kept.contains(&name) {
                continue;
            }
            let Some(workspace) = new.remove(&name) else {
                self.forget(&name);
                continue;
            };
            let old = self.workspaces.read().get(&name).cloned();
            if let Some(old) = &old {
                self.leave(&old.read());
            }
            let mut keys = self.keys.write();
            for webhook in workspace.webhooks.values() {
                keys.extend(webhook.keys().map(|key| (key.to_owned(), webhook.clone())));
            }
            drop(keys);
            (workspace.tokens.values()).for_each(|live| self.tokens.add(live));
            workspace
                .schedules
                .values()
                .for_each(|live| self.agenda.add(live));
            match old {
                Some(old) => *old.write() = workspace,
                None => {
                    let workspace = Arc::new(RwLock::new(workspace));
                    self.workspaces.write().insert(name, workspace);
                }
            }
        }
        if let Some(tokens) = server_tokens {
            self.tokens.take_in(tokens);
        }
        self.revision.store(revision, Ordering::Relaxed);
        Ok(())
    }

    /// Removes a workspace from memory that was deleted.
    pub(super) fn forget(&self, name: &WorkspaceName) {
        let gone = self.workspaces.write().remove(name);
        if let Some(gone) = gone {
            self.leave(&gone.read());
        }
    }

    /// Removes a workspace's webhooks, tokens and schedules from the indexes over all workspaces.
    fn leave(&self, workspace: &Workspace) {
        let mut keys = self.keys.write();
        for webhook in workspace.webhooks.values() {
            webhook.keys().for_each(|key| drop(keys.remove(key)));
        }
        (workspace.tokens.values()).for_each(|live| self.tokens.remove(live));
        let schedules = workspace.schedules.values();
        schedules.for_each(|live| self.agenda.remove(live));
    }

    /// Workspaces as the store has them, opened, and why some are not. What did not change is not opened again.
    fn opened(&self, registry: Registry) -> (HashMap<WorkspaceName, Workspace>, Failed) {
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

#[cfg(test)]
mod tests;
