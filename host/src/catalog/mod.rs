//! The catalog: what tenants have set up — workspaces, webhooks, steps, config, connectors — in memory,
//! and written through to the store. It answers who a webhook's key belongs to and which steps match a
//! task's data; it knows no task, no HTTP, and runs nothing but a new step's `condition`.
//!
//! Changes go one after another: each is checked against memory, made durable, and only then seen.

mod config;
mod connectors;
mod error;
mod explain;
mod matching;
mod schedules;
mod settings;
mod steps;
mod webhooks;
mod workspace;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

pub use connectors::{LiveConnector, Put};
pub use error::CatalogError;
pub use explain::Verdict;
pub use matching::LiveStep;
pub use schedules::LiveSchedule;
pub use steps::Added;

use crate::domain::clock::Clock;
use crate::domain::ids::WorkspaceName;
use crate::domain::webhook::Webhook;
use crate::sandbox::Sandbox;
use crate::store::{Manage, Store};
use crate::vault::Vault;
use workspace::Workspace;

/// The workspace that is always there.
pub const DEFAULT_WORKSPACE: &str = "default";

/// What tenants have set up. One for the whole server.
pub struct Catalog {
    store: Arc<dyn Store>,
    sandbox: Arc<Sandbox>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    workspaces: RwLock<HashMap<WorkspaceName, Arc<RwLock<Workspace>>>>,
    keys: RwLock<HashMap<String, Arc<Webhook>>>,
    /// Held over the whole of a change.
    changing: tokio::sync::Mutex<()>,
    agenda: schedules::Agenda,
    /// Held while a schedule changes or its planned times are settled, and not over other changes,
    /// which may take long.
    settling: tokio::sync::Mutex<()>,
    /// One lock for each component that is being loaded, so that it is loaded once.
    loading: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Catalog {
    /// Reads everything from the store, and adds the workspace [`DEFAULT_WORKSPACE`] to a store that
    /// lacks it. Every config value is opened once, so that a wrong vault key is noticed now.
    pub async fn open(
        store: Arc<dyn Store>,
        sandbox: Arc<Sandbox>,
        vault: Vault,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, CatalogError> {
        let registry = store.registry().await?;
        let mut workspaces: HashMap<WorkspaceName, Workspace> = registry
            .workspaces
            .into_iter()
            .map(|(name, settings)| (name, Workspace::of(settings)))
            .collect();
        if let Ok(name) = DEFAULT_WORKSPACE.parse::<WorkspaceName>()
            && !workspaces.contains_key(&name)
        {
            store.manage(Manage::AddWorkspace(name.clone())).await?;
            workspaces.insert(name, Workspace::default());
        }
        let mut keys = HashMap::new();
        for webhook in registry.webhooks {
            let webhook = Arc::new(webhook);
            keys.insert(webhook.key.reveal().to_owned(), webhook.clone());
            owner(&mut workspaces, &webhook.workspace, "webhook", &webhook.id)?
                .webhooks
                .insert(webhook.name.clone(), webhook);
        }
        for (workspace, step) in registry.steps {
            let name = step.name.clone();
            let live = LiveStep::new(step).map_err(|error| {
                CatalogError::Damaged(format!("step `{name}` of workspace `{workspace}`: {error}"))
            })?;
            owner(&mut workspaces, &workspace, "step", name.as_str())?.put_step(live);
        }
        for (workspace, key, sealed) in registry.config {
            vault.unseal(&workspace, &key, &sealed)?;
            owner(&mut workspaces, &workspace, "config", key.as_str())?.put_sealed(key, sealed);
        }
        for (workspace, name, sealed) in registry.connectors {
            let live = connectors::open(&vault, &workspace, &name, &sealed)?;
            owner(&mut workspaces, &workspace, "connector", name.as_str())?
                .connectors
                .insert(name, live);
        }
        let agenda = schedules::Agenda::default();
        for (schedule, mark) in registry.schedules {
            let live = LiveSchedule::open(schedule, mark)?;
            let (workspace, name) = (&live.schedule.workspace, &live.schedule.name);
            agenda.add(&live);
            owner(&mut workspaces, workspace, "schedule", name.as_str())?
                .schedules
                .insert(name.clone(), live.clone());
        }
        let catalog = Arc::new(Self {
            agenda,
            settling: tokio::sync::Mutex::default(),
            store,
            sandbox,
            vault,
            clock,
            workspaces: RwLock::new(
                workspaces
                    .into_iter()
                    .map(|(name, workspace)| (name, Arc::new(RwLock::new(workspace))))
                    .collect(),
            ),
            keys: RwLock::new(keys),
            changing: tokio::sync::Mutex::default(),
            loading: Mutex::default(),
        });
        catalog.forget_components();
        Ok(catalog)
    }

    /// Every workspace, by name.
    pub fn workspaces(&self) -> Vec<WorkspaceName> {
        let mut names: Vec<WorkspaceName> = self.workspaces.read().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// [`CatalogError::NotFound`] unless the workspace is there.
    pub fn check_workspace(&self, name: &WorkspaceName) -> Result<(), CatalogError> {
        self.workspace(name).map(|_| ())
    }

    /// The workspace, or [`CatalogError::NotFound`].
    fn workspace(&self, name: &WorkspaceName) -> Result<Arc<RwLock<Workspace>>, CatalogError> {
        self.workspaces
            .read()
            .get(name)
            .cloned()
            .ok_or_else(|| CatalogError::no_workspace(name))
    }

    /// Makes a change while no other is made. Once begun it comes to its end even if whoever asked
    /// for it has gone, so that memory and store never differ.
    async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl Future<Output = Result<T, CatalogError>> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let catalog = self.clone();
        tokio::spawn(async move {
            let _alone = catalog.changing.lock().await;
            change.await
        })
        .await
        .map_err(|_| CatalogError::Interrupted)?
    }
}

/// Refuses one more where there are as many as may be.
fn room(what: &'static str, there: usize, most: usize) -> Result<(), CatalogError> {
    if there >= most {
        return Err(CatalogError::Full { what, most });
    }
    Ok(())
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
