//! Reads the setup from the store into memory: at the start, and again when other nodes have changed it.

use std::collections::HashMap;
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
use crate::domain::ids::WorkspaceName;
use crate::store::{Hint, Registry, StoreError};

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
    /// [`CatalogError::Store`]: also if too many wait for that, or it takes too long, or what the store has cannot be opened.
    /// Then memory is as it was.
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

    /// Replaces the changed workspaces in memory by those of the store.
    pub(super) fn take_in(&self, mut registry: Registry) -> Result<(), CatalogError> {
        let revision = registry.revision;
        let changed = registry.changed.clone();
        let server_tokens = registry.server_tokens.take();
        let mut new = self.opened(registry)?;
        for name in changed {
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

    /// Workspaces as the store has them, opened. A workspace that did not change is not opened again.
    fn opened(
        &self,
        registry: Registry,
    ) -> Result<HashMap<WorkspaceName, Workspace>, CatalogError> {
        let mut workspaces: HashMap<WorkspaceName, Workspace> = registry
            .workspaces
            .into_iter()
            .map(|(name, settings)| (name, Workspace::of(settings)))
            .collect();
        for webhook in registry.webhooks {
            let known = self.webhook(&webhook.workspace, &webhook.id).ok();
            let webhook = match known.filter(|known| ***known == webhook) {
                Some(known) => known,
                None => LiveWebhook::open(&self.vault, webhook)?,
            };
            owner(&mut workspaces, &webhook.workspace, "webhook", &webhook.id)?
                .webhooks
                .insert(webhook.name.clone(), webhook);
        }
        for (workspace, step) in registry.steps {
            let name = step.name.clone();
            let known = self.step(&workspace, &name).ok();
            let live = match known.filter(|known| *known.step == step) {
                Some(known) => known,
                None => LiveStep::new(step).map_err(|error| {
                    CatalogError::Damaged(format!(
                        "step `{name}` of workspace `{workspace}`: {error}"
                    ))
                })?,
            };
            owner(&mut workspaces, &workspace, "step", name.as_str())?.put_step(live);
        }
        for (workspace, key, sealed) in registry.config {
            self.vault.unseal(&workspace, &key, &sealed)?;
            owner(&mut workspaces, &workspace, "config", key.as_str())?.put_sealed(key, sealed);
        }
        for (workspace, name, sealed) in registry.connectors {
            let live = open_connector(&self.vault, &workspace, &name, &sealed)?;
            owner(&mut workspaces, &workspace, "connector", name.as_str())?
                .connectors
                .insert(name, live);
        }
        for (schedule, mark) in registry.schedules {
            let (workspace, name) = (schedule.workspace.clone(), schedule.name.clone());
            let live = LiveSchedule::open(schedule, mark)?;
            // One whose planned times are being settled stays what it is.
            let known = self.schedule(&workspace, &name).ok();
            let live = known.filter(|known| known.is_same(&live)).unwrap_or(live);
            owner(&mut workspaces, &workspace, "schedule", name.as_str())?
                .schedules
                .insert(name, live);
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
            owner(&mut workspaces, &workspace, "token", name.as_str())?
                .tokens
                .insert(name, live);
        }
        Ok(workspaces)
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
