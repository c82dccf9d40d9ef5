//! Which steps may run on a task, and which of them is next. Pure decisions, no I/O.

use std::sync::Arc;

use crate::domain::ids::StepName;
use crate::domain::step::Step;
use crate::domain::task::TaskHead;

/// A step whose condition matches the task's data.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) name: StepName,
    /// Constrained leaves of its condition: how specific it is.
    pub(super) leaves: usize,
    /// A digest of what its condition observes in the data.
    pub(super) observed: u64,
}

/// The eligible candidates' places in `candidates`, best first: the run to be gone on with or tried
/// again, then
/// most constrained leaves, then by name.
pub(super) fn eligible(head: &TaskHead, candidates: &[Candidate]) -> Vec<usize> {
    let paused = head.paused().map(|paused| &paused.step);
    let retrying = head.retrying().map(|retrying| &retrying.step);
    let retried = paused.or(retrying);
    let mut places: Vec<usize> = (0..candidates.len())
        .filter(|place| is_eligible(head, &candidates[*place]))
        .collect();
    places.sort_by(|a, b| {
        let (a, b) = (&candidates[*a], &candidates[*b]);
        (retried == Some(&b.name))
            .cmp(&(retried == Some(&a.name)))
            .then(b.leaves.cmp(&a.leaves))
            .then(a.name.cmp(&b.name))
    });
    places
}

/// A step runs once per task, and again when what its condition observed has changed since it last
/// began, or when its run asked for it.
fn is_eligible(head: &TaskHead, candidate: &Candidate) -> bool {
    head.steps
        .iter()
        .find(|memory| memory.step == candidate.name)
        .is_none_or(|memory| {
            !memory.finished || memory.redo || memory.observed != candidate.observed
        })
}

/// The steps that match a task's data, best first, as far as they are eligible.
#[derive(Default)]
pub(super) struct Eligible {
    pub(super) steps: Vec<(Candidate, Arc<Step>)>,
}

impl Eligible {
    /// The names of those that are not the best.
    pub(super) fn others(&self) -> Vec<StepName> {
        let others = self.steps.iter().skip(1);
        others.map(|(other, _)| other.name.clone()).collect()
    }

    pub(super) fn has(&self, step: &StepName) -> bool {
        self.steps
            .iter()
            .any(|(candidate, _)| candidate.name == *step)
    }

    pub(super) fn best(&self) -> Option<&Candidate> {
        self.steps.first().map(|(candidate, _)| candidate)
    }
}
