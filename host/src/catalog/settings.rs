//! Workspaces in the catalog, and their settings.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::RwLock;

use super::workspace::Workspace;
use super::{Catalog, CatalogError, DEFAULT_WORKSPACE, room};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;
use crate::domain::rate::Rate;
use crate::domain::workspace::{WorkspaceSettings, check_failure_url};
use crate::store::Manage;

impl Catalog {
    /// Adds a workspace. [`CatalogError::Exists`] if it is there.
    pub async fn add_workspace(
        self: &Arc<Self>,
        name: WorkspaceName,
        settings: WorkspaceSettings,
    ) -> Result<(), CatalogError> {
        check(&settings)?;
        let catalog = self.clone();
        self.change(move || {
            let (catalog, name, settings) = (catalog.clone(), name.clone(), settings.clone());
            async move {
                {
                    let workspaces = catalog.workspaces.read();
                    if workspaces.contains_key(&name) {
                        return Err(CatalogError::Exists {
                            what: "workspace",
                            name: name.to_string(),
                            workspace: None,
                        });
                    }
                    room("workspaces", workspaces.len(), limits::WORKSPACES)?;
                }
                let change = Manage::NewWorkspace(name.clone(), settings.clone());
                catalog.manage(change).await?;
                let workspace = Arc::new(RwLock::new(Workspace::of(settings)));
                catalog.workspaces.write().insert(name, workspace);
                Ok(())
            }
        })
        .await
    }

    /// A workspace's settings.
    pub fn settings(&self, name: &WorkspaceName) -> Result<WorkspaceSettings, CatalogError> {
        Ok(self.workspace(name)?.read().settings.clone())
    }

    /// How many requests a workspace's webhooks take together, if that is set.
    pub fn rate(&self, name: &WorkspaceName) -> Option<Rate> {
        let workspaces = self.workspaces.read();
        workspaces.get(name)?.read().settings.rate
    }

    /// Sets what `set` changes. A notice that is owed already goes to the new failure URL; a new
    /// retention is that of tasks which have ended already, too.
    pub async fn set_workspace(
        self: &Arc<Self>,
        name: &WorkspaceName,
        set: impl Fn(&mut WorkspaceSettings) + Clone + Send + 'static,
    ) -> Result<WorkspaceSettings, CatalogError> {
        let (catalog, name) = (self.clone(), name.clone());
        self.change(move || {
            let (catalog, name, set) = (catalog.clone(), name.clone(), set.clone());
            async move {
                let workspace = catalog.workspace(&name)?;
                let mut settings = workspace.read().settings.clone();
                set(&mut settings);
                check(&settings)?;
                let change = Manage::SetWorkspace(name, settings.clone());
                catalog.manage(change).await?;
                workspace.write().settings = settings.clone();
                Ok(settings)
            }
        })
        .await
    }

    /// Deletes a workspace with all that is of it. Its tasks are erased by the store in a while; until
    /// then [`CatalogError::Store`] with `StoreError::Erasing` is what adding it again comes to.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Permanent`] for [`DEFAULT_WORKSPACE`].
    pub async fn delete_workspace(
        self: &Arc<Self>,
        name: &WorkspaceName,
    ) -> Result<(), CatalogError> {
        let (catalog, name) = (self.clone(), name.clone());
        self.change(move || {
            let (catalog, name) = (catalog.clone(), name.clone());
            async move {
                catalog.check_workspace(&name)?;
                if name.as_str() == DEFAULT_WORKSPACE {
                    return Err(CatalogError::Permanent { name });
                }
                catalog
                    .manage(Manage::DeleteWorkspace(name.clone()))
                    .await?;
                catalog.forget(&name);
                Ok(())
            }
        })
        .await?;
        self.forget_components();
        Ok(())
    }

    /// Removes the components that no step has from the sandbox's caches.
    pub fn forget_components(&self) {
        let workspaces: Vec<_> = self.workspaces.read().values().cloned().collect();
        let mut used = HashSet::new();
        for workspace in workspaces {
            let workspace = workspace.read();
            let digests = workspace.steps().flat_map(|live| live.step.digests());
            used.extend(digests.map(str::to_owned));
        }
        self.sandbox.retain(|digest| used.contains(digest));
    }

    /// The URL to which notices of tasks that fail for good are sent, if there is one.
    pub fn failure_url(&self, name: &WorkspaceName) -> Option<String> {
        let workspace = self.workspace(name).ok()?;
        let workspace = workspace.read();
        workspace.settings.failure_url.clone()
    }
}

fn check(settings: &WorkspaceSettings) -> Result<(), CatalogError> {
    match &settings.failure_url {
        Some(url) => Ok(check_failure_url(url)?),
        None => Ok(()),
    }
}
