//! Reads the setup from the store into memory: at the start, and again when other nodes have changed it.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::RwLock;

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
}

#[cfg(test)]
mod tests;
