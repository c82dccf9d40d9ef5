//! What a run's end comes to: the changes it made, and what the journal says of it.

use std::borrow::Cow;
use std::sync::Arc;

use super::advance::{self, RunEnd};
use super::eligible::Candidate;
use crate::domain::clock::Millis;
use crate::domain::data::{Change, Document};
use crate::domain::ids::StepName;
use crate::domain::journal::{Entry, RunEntry, SubtaskEntry};
use crate::domain::run::{Ended, RunOutput, StepFault, check_size};
use crate::domain::step::Step;
use crate::domain::subtask::NewSubtask;
use crate::domain::task::{TaskHead, TaskState};

/// Applies what a run wrote: the changes and, if there are any, the new text. A run that left too
/// much has failed, and its task with it: the data in memory is not looked at again.
fn apply(output: &mut RunOutput, data: &mut Arc<Document>) -> (Vec<Change>, Option<Arc<str>>) {
    let changes = match output.data.take() {
        Some(written) => written.apply_to(data),
        None => Vec::new(),
    };
    if changes.is_empty() {
        return (changes, None);
    }
    match check_size(data.text().len()) {
        Ok(()) => (changes, Some(data.text().clone())),
        Err(fault) => {
            fail(output, fault);
            (Vec::new(), None)
        }
    }
}

fn fail(output: &mut RunOutput, fault: StepFault) {
    output.ended = Ended::Fault(fault);
    output.closing = None;
    output.park = None;
    output.redo = false;
    output.retry_after = None;
    output.timeout = None;
    output.complete_on_expire = false;
    output.subtasks = Vec::new();
    output.name = None;
    output.tags = None;
}

/// Why a task waits that no step is eligible for.
pub(super) const FOR_SUBTASKS: &str = "its subtasks have not ended";

/// The journal says why a task went where its last run's end does not tell.
pub(super) fn reason_of(head: &TaskHead, now: Millis) -> Option<Entry> {
    let reason = match (head.state, &head.fault, &head.retrying) {
        (TaskState::Waiting, _, None) if head.wake_at.is_none() => FOR_SUBTASKS.to_owned(),
        (TaskState::Waiting, _, None) => "nextRetryAt".to_owned(),
        (TaskState::Error, Some(fault), _) if fault.starts_with("run limit") => fault.clone(),
        _ => return None,
    };
    Some(Entry::State {
        at: now,
        state: head.state,
        reason,
    })
}

/// What a run's journal entry says beside what the run did.
pub(super) struct RunFacts<'a> {
    pub(super) run: u32,
    pub(super) started: Millis,
    pub(super) step: &'a Step,
    pub(super) others: Vec<StepName>,
}

impl RunFacts<'_> {
    fn entry(
        self,
        attempt: u32,
        (retry_at, parked_until): (Option<Millis>, Option<Millis>),
        output: RunOutput,
        (changes, asked): (&[Change], &[NewSubtask]),
    ) -> RunEntry {
        RunEntry {
            run: self.run,
            attempt,
            step: self.step.name.clone(),
            digest: self.step.digest.clone(),
            at: self.started,
            ended: output.ended,
            // Changes are plain JSON: there is nothing in them that could fail to serialise.
            changes: serde_json::to_string(changes).unwrap_or_default(),
            logs: output.logs,
            fuel: output.fuel,
            duration_us: output.duration_us,
            alternatives: self.others,
            retry_at,
            parked_until,
            subtasks: asked
                .iter()
                .map(|new| SubtaskEntry {
                    task: new.id,
                    name: new.name.clone(),
                    into: new.into.clone(),
                    wait: new.wait,
                })
                .collect(),
        }
    }
}

/// A run's end as it is to be written down.
pub(super) struct RunOver {
    pub(super) attempt: u32,
    pub(super) entry: RunEntry,
    /// The data's new text, if it changed.
    pub(super) text: Option<Arc<str>>,
    /// The subtasks that it asked for.
    pub(super) asked: Vec<NewSubtask>,
    /// Until when the task waits by the run's own `nextRetryAt`, if the step is eligible again.
    pub(super) next_retry_at: Option<Millis>,
}

/// What decides where the task goes after a run.
fn run_end<'a>(
    candidate: &'a Candidate,
    step: &'a Step,
    output: &'a RunOutput,
    (now, random): (Millis, u64),
) -> RunEnd<'a> {
    RunEnd {
        candidate,
        policy: &step.retry,
        ended: &output.ended,
        closing: output.closing.as_ref(),
        park: output.park,
        redo: output.redo,
        retry_after: output.retry_after,
        subtasks: &output.subtasks,
        now,
        random,
    }
}

/// Moves head and data over what a run did. The head is left as [`advance::after_run`] leaves it, one
/// version on. `is_again` tells whether the run's step is eligible on a head and data; it is asked only
/// if the run left something by which nobody can tell when.
pub(super) fn end_run(
    head: &mut TaskHead,
    data: &mut Arc<Document>,
    (candidate, facts): (&Candidate, RunFacts<'_>),
    mut output: RunOutput,
    at: (Millis, u64),
    is_again: impl FnOnce(&TaskHead, &mut Arc<Document>) -> bool,
) -> RunOver {
    let retry_before = data.member(advance::NEXT_RETRY_AT).map(Cow::into_owned);
    let (mut changes, mut text) = apply(&mut output, data);
    let (next_retry_at, misread) = {
        let set = data.member(advance::NEXT_RETRY_AT);
        let retry = (retry_before.as_ref(), set.as_deref());
        let read = advance::next_retry_at(retry, true, at.0);
        read.map_or_else(|fault| (None, Some(fault)), |at| (at, None))
    };
    if let Some(fault) = misread {
        let mut after = head.clone();
        advance::after_run(&mut after, &run_end(candidate, facts.step, &output, at));
        if after.state == TaskState::Ready && is_again(&after, data) {
            fail(&mut output, fault);
            (changes, text) = (Vec::new(), None);
        }
    }
    let (attempt, retry_at) =
        advance::after_run(head, &run_end(candidate, facts.step, &output, at));
    head.version += 1;
    head.set_expiry(output.timeout, output.complete_on_expire);
    if let Some(name) = output.name.take() {
        head.name = Some(name);
    }
    if let Some(tags) = output.tags.take() {
        head.tags = tags;
    }
    let asked = std::mem::take(&mut output.subtasks);
    let parked_until = output.park.and(head.wake_at);
    let until = (retry_at, parked_until);
    RunOver {
        attempt,
        entry: facts.entry(attempt, until, output, (&changes, &asked)),
        text,
        asked,
        next_retry_at,
    }
}
