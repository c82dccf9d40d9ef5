//! Steps in the catalog, and their components.

use std::sync::Arc;

use bytes::Bytes;
use stepwell_condition::Budget;

use super::error::check_tuning;
use super::matching::{self, LiveStep, Match, TooCostly};
use super::{Catalog, CatalogError, room};
use crate::domain::budget::{Budget as Memory, Permit};
use crate::domain::data::Document;
use crate::domain::ids::{StepName, WorkspaceName};
use crate::domain::limits::{self, StepLimits};
use crate::domain::step::{RetryPolicy, Step, StepVersion, Tuning};
use crate::sandbox::LoadedComponent;
use crate::store::Manage;

/// A step that was added.
#[derive(Debug, Clone)]
pub struct Added {
    /// The step as it is now.
    pub step: Arc<LiveStep>,
    /// Whether a step of that name was there before.
    pub replaced: bool,
}

impl Catalog {
    /// A workspace's steps, by name.
    pub fn steps(&self, workspace: &WorkspaceName) -> Result<Vec<Arc<LiveStep>>, CatalogError> {
        Ok(self.workspace(workspace)?.read().steps().cloned().collect())
    }

    /// The step of that name.
    pub fn step(
        &self,
        workspace: &WorkspaceName,
        name: &StepName,
    ) -> Result<Arc<LiveStep>, CatalogError> {
        self.workspace(workspace)?
            .read()
            .step(name)
            .cloned()
            .ok_or_else(|| CatalogError::not_found("step", name.as_str(), workspace))
    }

    /// The steps whose condition matches the data, in no particular order; none if there is no such
    /// workspace. What their conditions look at is [`Document::seen`] then. The work is taken from the budget, which
    /// is the whole of what it may take.
    ///
    /// # Errors
    /// [`TooCostly`] if the budget does not suffice.
    pub fn matching(
        &self,
        workspace: &WorkspaceName,
        data: &mut Arc<Document>,
        budget: &mut Budget,
    ) -> Result<Vec<Match>, TooCostly> {
        let Ok(workspace) = self.workspace(workspace) else {
            return Ok(Vec::new());
        };
        let whole = budget.left();
        // Neither parsing nor matching holds up who changes the workspace.
        let roots = workspace.read().matching.roots();
        matching::look(data, &roots, budget);
        let candidates = workspace.read().matching.candidates(data.seen(), budget);
        matching::matches(candidates, data.seen(), budget).map_err(|costly| TooCostly {
            budget: whole,
            ..costly
        })
    }

    /// The component of a step of `owner`, ready to run: from memory, or from the store. [`CatalogError::NotFound`]
    /// if the step was deleted since it was looked up, or no longer keeps that version.
    pub async fn component(
        &self,
        owner: &WorkspaceName,
        step: &Step,
    ) -> Result<Arc<LoadedComponent>, CatalogError> {
        if let Some(component) = self.sandbox.loaded(&step.digest) {
            return Ok(component);
        }
        let load = (owner.clone(), step.digest.clone());
        let lock = self.loading.lock().entry(load.clone()).or_default().clone();
        let result = {
            let _alone = lock.lock().await;
            self.load_component(owner, step).await
        };
        self.loading.lock().remove(&load);
        result
    }

    async fn load_component(
        &self,
        owner: &WorkspaceName,
        step: &Step,
    ) -> Result<Arc<LoadedComponent>, CatalogError> {
        if let Some(component) = self.sandbox.loaded(&step.digest) {
            return Ok(component);
        }
        // They wait for a compilation.
        let _place = self.loads.take(owner).await;
        let bytes =
            self.store
                .component(&step.digest)
                .await?
                .ok_or_else(|| CatalogError::NotFound {
                    what: "component",
                    name: step.digest.clone(),
                    workspace: None,
                })?;
        Ok(self.sandbox.load(owner, &step.digest, &bytes).await?)
    }

    /// Adds a step, or replaces the one of that name: compiles the component, asks it for its
    /// condition, and refuses it if either is wrong. What `tuning` does not set is as it was in the
    /// step that is replaced, or the default.
    pub async fn add_step(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: StepName,
        component: Bytes,
        tuning: Tuning,
    ) -> Result<Added, CatalogError> {
        if component.len() > limits::COMPONENT_BYTES {
            return Err(CatalogError::TooLarge {
                what: "component",
                size: component.len(),
                most: limits::COMPONENT_BYTES,
            });
        }
        let component = Content::Component(component);
        self.put_step(workspace, name, component, tuning).await
    }

    /// Puts the version of a step in place whose digest begins with `to`, or the one that was in place
    /// before. Limits and retry policy stay. The component's bytes are taken from `memory` while they are there: those of
    /// one component of a workspace.
    ///
    /// # Errors
    /// [`CatalogError::NoMemory`] if the workspace has none for it now; those of the step that it becomes.
    pub async fn rollback_step(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: StepName,
        to: Option<&str>,
        memory: &Arc<Memory>,
    ) -> Result<Arc<LiveStep>, CatalogError> {
        let live = self.step(workspace, &name)?;
        let version = version(&live.step, to)?;
        if version.digest == live.step.digest {
            return Ok(live);
        }
        let version = Content::Version(version.clone(), memory);
        let put = self.put_step(workspace, name, version, Tuning::default());
        Ok(put.await?.step)
    }

    /// A version's bytes, as long as they may be there.
    async fn version_bytes(
        &self,
        workspace: &WorkspaceName,
        version: &StepVersion,
        memory: &Arc<Memory>,
    ) -> Result<(Bytes, Permit), CatalogError> {
        let permit = memory.take(workspace, version.size.min(memory.most()))?;
        let bytes = self.store.component(&version.digest).await?;
        match bytes {
            Some(bytes) => Ok((Bytes::from_owner(bytes), permit)),
            None => Err(gone(&version.digest, workspace)),
        }
    }

    /// See [`Catalog::add_step`]; a version is put in the place of a step that is there.
    async fn put_step(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: StepName,
        content: Content<'_>,
        tuning: Tuning,
    ) -> Result<Added, CatalogError> {
        let there = self.workspace(workspace)?.read().step(&name).cloned();
        let (step_limits, retry) = tuned(there.as_deref(), &tuning)?;
        let (size, inspected) = {
            let _lock = self.uploads.lock(workspace).await;
            // Read only now: many may wait.
            let (bytes, _permit) = match &content {
                Content::Component(bytes) => (bytes.clone(), None),
                Content::Version(version, memory) => {
                    let (bytes, permit) = self.version_bytes(workspace, version, memory).await?;
                    (bytes, Some(permit))
                }
            };
            let inspecting = self.sandbox.inspect(workspace, &bytes, step_limits);
            (bytes.len(), inspecting.await?)
        };
        let content = match content {
            Content::Component(bytes) => Some(bytes),
            // The store has it.
            Content::Version(..) => None,
        };
        if inspected.condition.len() > limits::CONDITION_BYTES {
            return Err(CatalogError::TooLarge {
                what: "step's condition",
                size: inspected.condition.len(),
                most: limits::CONDITION_BYTES,
            });
        }
        let now = self.clock.now();
        let mut step = Step {
            name,
            kind: inspected.kind,
            digest: inspected.digest,
            size: size as u64,
            condition: inspected.condition,
            limits: step_limits,
            retry,
            versions: Vec::new(),
            created: now,
            updated: now,
        };
        LiveStep::new(step.clone())?.check_memory()?;
        step.condition = matching::compact(&step.condition);
        let (catalog, owner) = (self.clone(), workspace.clone());
        self.change(move || {
            let (catalog, owner, mut step, content, tuning) = (
                catalog.clone(),
                owner.clone(),
                step.clone(),
                content.clone(),
                tuning,
            );
            async move {
                let workspace = catalog.workspace(&owner)?;
                let replaced = {
                    let workspace = workspace.read();
                    let old = workspace.step(&step.name).map(|old| &**old);
                    // It may have been changed while the component was looked at.
                    (step.limits, step.retry) = tuned(old, &tuning)?;
                    let has = |old: &LiveStep| old.step.digests().any(|one| one == step.digest);
                    match old {
                        // Another change has let go of the version.
                        Some(old) if content.is_none() && !has(old) => {
                            return Err(gone(&step.digest, &owner));
                        }
                        Some(old) => step.created = old.step.created,
                        None if content.is_none() => {
                            let name = step.name.as_str();
                            return Err(CatalogError::not_found("step", name, &owner));
                        }
                        None => room("steps", workspace.step_count(), limits::STEPS)?,
                    }
                    step.succeed(old.map(|old| &*old.step));
                    old.is_some()
                };
                let live = LiveStep::new(step.clone())?;
                {
                    let workspace = workspace.read();
                    let old = workspace.step(&step.name).map(|old| &**old);
                    let most = limits::CONDITIONS_MEMORY;
                    workspace.matching.check_memory(&live, old, most)?;
                }
                let change = match content {
                    Some(bytes) => Manage::PutStep(owner, step, bytes.as_ref().into()),
                    None => Manage::SetStep(owner, step),
                };
                catalog.manage(change).await?;
                workspace.write().put_step(live.clone());
                Ok(Added {
                    step: live,
                    replaced,
                })
            }
        })
        .await
    }

    /// Sets limits and retry policy of a step; what `tuning` does not set stays. Runs that are under
    /// way keep the limits that they began with; the policy counts from their end.
    pub async fn tune_step(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: &StepName,
        tuning: Tuning,
    ) -> Result<Arc<LiveStep>, CatalogError> {
        let (catalog, owner, name) = (self.clone(), workspace.clone(), name.clone());
        self.change(move || {
            let (catalog, owner, name, tuning) =
                (catalog.clone(), owner.clone(), name.clone(), tuning);
            async move {
                let old = catalog.step(&owner, &name)?;
                let (limits, retry) = tuned(Some(&old), &tuning)?;
                let step = Step {
                    limits,
                    retry,
                    updated: catalog.clock.now(),
                    ..Step::clone(&old.step)
                };
                catalog.set_step(owner, step).await
            }
        })
        .await
    }

    /// Puts a step whose component the store has in its place. Only within a change.
    async fn set_step(
        &self,
        owner: WorkspaceName,
        step: Step,
    ) -> Result<Arc<LiveStep>, CatalogError> {
        let workspace = self.workspace(&owner)?;
        let live = LiveStep::new(step.clone())?;
        self.manage(Manage::SetStep(owner, step)).await?;
        workspace.write().put_step(live.clone());
        Ok(live)
    }

    /// Deletes a step. A run of it that is under way comes to its end.
    pub async fn delete_step(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        name: &StepName,
    ) -> Result<(), CatalogError> {
        let (catalog, workspace, name) = (self.clone(), workspace.clone(), name.clone());
        self.change(move || {
            let (catalog, workspace, name) = (catalog.clone(), workspace.clone(), name.clone());
            async move {
                catalog.step(&workspace, &name)?;
                let change = Manage::DeleteStep(workspace.clone(), name.clone());
                catalog.manage(change).await?;
                catalog.workspace(&workspace)?.write().remove_step(&name);
                Ok(())
            }
        })
        .await
    }
}

/// What is to become a step.
enum Content<'a> {
    /// These bytes.
    Component(Bytes),
    /// A version that the store has, with what its bytes are taken from.
    Version(StepVersion, &'a Arc<Memory>),
}

fn gone(digest: &str, workspace: &WorkspaceName) -> CatalogError {
    CatalogError::not_found("version", digest, workspace)
}

/// The version whose digest begins with `to`, or the one that was in place before.
fn version<'s>(step: &'s Step, to: Option<&str>) -> Result<&'s StepVersion, CatalogError> {
    let Some(to) = to else {
        return step.versions.get(1).ok_or_else(|| CatalogError::NoVersion {
            step: step.name.clone(),
        });
    };
    let prefix = to.to_ascii_lowercase();
    let mut fitting = step
        .versions
        .iter()
        .filter(|version| !prefix.is_empty() && version.digest.starts_with(&prefix));
    match (fitting.next(), fitting.next()) {
        (Some(version), None) => Ok(version),
        (Some(_), Some(_)) => Err(CatalogError::Ambiguous { prefix }),
        (None, _) => Err(CatalogError::NoSuchVersion {
            step: step.name.clone(),
            prefix: to.chars().take(80).collect(),
        }),
    }
}

/// The limits and the policy of the stored step, or the default ones, with the change applied.
fn tuned(
    there: Option<&LiveStep>,
    tuning: &Tuning,
) -> Result<(StepLimits, RetryPolicy), CatalogError> {
    let (limits, retry) =
        there.map_or_else(Default::default, |live| (live.step.limits, live.step.retry));
    let (limits, retry) = tuning.over(limits, retry);
    check_tuning(limits, retry)?;
    Ok((limits, retry))
}
