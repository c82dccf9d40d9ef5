//! A run that was cut short after it had made calls is begun again as what it was: the step that
//! began it, in the version that made the calls, whatever has become of the step since.

use std::sync::Arc;

use super::Engine;
use super::eligible::{Candidate, Eligible};
use crate::domain::effect::Begun;
use crate::domain::ids::WorkspaceName;
use crate::domain::run::{RunEnd, RunOutcome, RunOutput, StepFault};
use crate::domain::step::{RetryPolicy, Step, StepKind};
use crate::sandbox::not_run;

impl Engine {
    /// Puts what began the run before all that is eligible today. Limits and retry policy are
    /// today's.
    pub(super) fn resume(&self, workspace: &WorkspaceName, begun: &Begun, eligible: &mut Eligible) {
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
}

/// What is still known of a step that has been deleted.
fn deleted(begun: &Begun) -> Step {
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
pub(super) fn gone(step: &Step) -> RunOutput {
    let fault = StepFault::Gone {
        digest: step.digest.clone(),
    };
    RunOutput {
        outcome: RunOutcome::Ended(RunEnd::Fault(fault)),
        ..not_run(String::new())
    }
}
