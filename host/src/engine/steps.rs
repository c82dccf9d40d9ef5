//! The steps that may run on a task, and their execution in the sandbox.
//!
//! A run that was cut short after it had made calls is begun again as what it was: the step that began
//! it, in the version that made the calls, whatever has become of the step since.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::blocking::FairPool;
use super::eligible::{Candidate, Eligible, eligible};
use super::matcher::{Matched, Matcher};
use crate::catalog::{Catalog, CatalogError, TooCostly};
use crate::domain::budget::Permit;
use crate::domain::data::Document;
use crate::domain::effect::{Calls, RunOrigin};
use crate::domain::ids::{StepName, TaskId, WorkspaceName};
use crate::domain::run::{RunEnd, RunInput, RunOutcome, RunOutput, StepFault};
use crate::domain::step::{RetryPolicy, Step, StepKind};
use crate::domain::subtask::Family;
use crate::domain::task::TaskHead;
use crate::sandbox::{Sandbox, not_run};

pub(super) struct Steps {
    catalog: Arc<Catalog>,
    matcher: Matcher,
    sandbox: Arc<Sandbox>,
    /// The store's secret, from which the seeds of runs are derived.
    secret: [u8; 32],
}

impl Steps {
    /// `pool` does matching that is done beside the runs.
    pub(super) fn new(
        catalog: Arc<Catalog>,
        sandbox: Arc<Sandbox>,
        secret: [u8; 32],
        pool: Arc<FairPool>,
    ) -> Self {
        Self {
            matcher: Matcher::new(catalog.clone(), pool),
            catalog,
            sandbox,
            secret,
        }
    }

    /// Whether there is such a step.
    pub(super) fn is_there(&self, workspace: &WorkspaceName, step: &StepName) -> bool {
        self.catalog.step(workspace, step).is_ok()
    }

    /// The steps that may run on a task now, the best first.
    ///
    /// # Errors
    /// It takes more work than it may to find them.
    pub(super) async fn eligible(
        &self,
        head: &TaskHead,
        data: &mut Arc<Document>,
    ) -> Result<Eligible, TooCostly> {
        let Matched { steps, units } = self.matcher.matching(&head.workspace, data).await;
        tracing::trace!(workspace.id = %head.workspace, task.id = %head.id, matching.units = units);
        let matching = steps?;
        let candidates: Vec<Candidate> = matching
            .iter()
            .map(|found| Candidate {
                name: found.step.step.name.clone(),
                leaves: found.step.pattern.leaves(),
                observed: found.observed,
            })
            .collect();
        Ok(Eligible {
            steps: eligible(head, &candidates)
                .into_iter()
                .map(|place| (candidates[place].clone(), matching[place].step.step.clone()))
                .collect(),
        })
    }

    /// Puts what began the run before all that is eligible today. Limits and retry policy are
    /// today's.
    pub(super) fn resume(
        &self,
        workspace: &WorkspaceName,
        begun: &RunOrigin,
        eligible: &mut Eligible,
    ) {
        let today = self.catalog.step(workspace, &begun.step);
        let step = match today {
            Ok(live) if live.step.digest == begun.digest => live.step.clone(),
            Ok(live) => Arc::new(Step {
                digest: begun.digest.clone(),
                ..Step::clone(&live.step)
            }),
            Err(_) => Arc::new(deleted(begun)),
        };
        let candidate = Candidate {
            name: begun.step.clone(),
            leaves: 0,
            observed: begun.observed,
        };
        eligible.steps.retain(|(other, _)| other.name != begun.step);
        eligible.steps.insert(0, (candidate, step));
    }

    /// What the run number `run` of a task is given.
    pub(super) fn input(
        &self,
        head: &TaskHead,
        data: &Arc<Document>,
        run: u32,
        step: &Step,
        (family, memory): (Arc<Family>, &Arc<Permit>),
    ) -> RunInput {
        RunInput {
            memory: memory.clone(),
            task: head.id,
            name: head.name.clone(),
            tags: head.tags.clone(),
            data: data.clone(),
            config: self.catalog.config(&head.workspace),
            clock: head.ready_at,
            seed: self.seed(head.id, run),
            limits: step.limits,
            depth: head.parent.as_ref().map_or(0, |parent| parent.depth),
            subtasks: head.children.len() as u32,
            family,
            spent_ms: head.paused().map_or(0, |paused| paused.spent_ms),
        }
    }

    /// Executes a step of a workspace. `is_resumed`: the run has made calls before; then a version that is no longer
    /// there is a fault of its own.
    pub(super) async fn execute(
        &self,
        (workspace, step): (&WorkspaceName, &Arc<Step>),
        input: RunInput,
        calls: Arc<dyn Calls>,
        is_resumed: bool,
    ) -> RunOutput {
        match self.catalog.component(workspace, step).await {
            Ok(component) => self.sandbox.run(&component, input, calls).await,
            Err(CatalogError::NotFound { .. }) if is_resumed => gone(step),
            Err(error) => not_run(error.to_string()),
        }
    }

    /// A digest of what a step's condition observes in the data; none if there is no such step.
    pub(super) fn observed(
        &self,
        workspace: &WorkspaceName,
        step: &StepName,
        data: &serde_json::Value,
    ) -> Option<u64> {
        let live = self.catalog.step(workspace, step).ok()?;
        Some(live.pattern.observed(data))
    }

    /// A run's seed: the same for every attempt and after every crash, and not computable without the
    /// store's secret.
    fn seed(&self, task: TaskId, run: u32) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.secret)
            .chain_update(task.as_bytes())
            .chain_update(run.to_be_bytes())
            .finalize()
            .into()
    }
}

/// The settings of a deleted step that tasks under way still need.
fn deleted(begun: &RunOrigin) -> Step {
    Step {
        name: begun.step.clone(),
        kind: StepKind::Component,
        digest: begun.digest.clone(),
        size: 0,
        condition: String::new(),
        limits: Default::default(),
        retry: RetryPolicy::default(),
        versions: Vec::new(),
        created: 0,
        updated: 0,
    }
}

/// The end of a run that cannot be begun again, as its version is no longer there.
fn gone(step: &Step) -> RunOutput {
    let fault = StepFault::Gone {
        digest: step.digest.clone(),
    };
    RunOutput {
        outcome: RunOutcome::Ended(RunEnd::Fault(fault)),
        ..not_run(String::new())
    }
}
