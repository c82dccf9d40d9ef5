//! How a task moves: which step is next, and what a run's end makes of the task. Pure decisions,
//! no I/O: `advancer.rs` carries them out.

use serde_json::Value;

use crate::catalog::TooCostly;
use crate::domain::clock::Millis;
use crate::domain::ids::StepName;
use crate::domain::limits;
use crate::domain::moment::moment;
use crate::domain::run::{Finished, RunDirective, RunEnd, StepFault};
use crate::domain::step::RetryPolicy;
use crate::domain::task::{Retrying, Standing, StepMemory, TaskHead, Wait};

use super::children;
use super::eligible::Candidate;
use super::retry;

/// The values that decide the state of a task after a run.
pub(super) struct Verdict<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) policy: &'a RetryPolicy,
    pub(super) end: &'a RunEnd,
    /// When it ended.
    pub(super) now: Millis,
    /// Uniform over all of u64, for the jitter.
    pub(super) random: u64,
}

/// Moves `head` over a run's end: memory, counters and, unless it is left [`TaskState::Ready`],
/// the state. Returns the attempt's number and when the next one is due.
pub(super) fn after_run(head: &mut TaskHead, run: &Verdict<'_>) -> (u32, Option<Millis>) {
    let attempt = attempt(head, &run.candidate.name);
    head.standing = Standing::ready();
    head.updated = run.now.max(head.updated);
    head.ready_at = head.updated;
    let next = match run.end {
        RunEnd::Finished(finished) => {
            remember(head, run.candidate, true, finished.redo);
            after_finished(head, finished);
            return (attempt, None);
        }
        RunEnd::Retry { after, .. } => retry::delay(run.policy, attempt, run.random, *after),
        RunEnd::Fault(fault) if !fault.is_deterministic() => {
            retry::delay(run.policy, attempt, run.random, None)
        }
        RunEnd::Fault(_) | RunEnd::Computed { .. } | RunEnd::Stop(_) => None,
    };
    remember(head, run.candidate, false, false);
    let next = next.map(|delay| head.updated.saturating_add(delay));
    match next {
        Some(at) => {
            let step = run.candidate.name.clone();
            let failed = attempt;
            let retrying = Retrying { step, failed };
            head.standing = Standing::Waiting(Wait::Retry { at, retrying });
        }
        None => {
            head.runs += 1;
            head.standing = Standing::Error(None);
            let message = run.end.ended().message().unwrap_or_default();
            head.fault = Some(match attempt {
                1 => format!("step `{}`: {message}", run.candidate.name),
                _ => format!(
                    "step `{}` failed {attempt} times, the last time: {message}",
                    run.candidate.name
                ),
            });
        }
    }
    (attempt, next)
}

/// Moves `head` to where a finished run leaves its task.
fn after_finished(head: &mut TaskHead, finished: &Finished) {
    head.runs += 1;
    children::remember(head, &finished.subtasks);
    let waits = finished.subtasks.iter().any(|new| new.wait);
    match &finished.directive {
        RunDirective::Complete(result) => {
            head.result.clone_from(result);
            head.standing = Standing::Done;
        }
        RunDirective::Ignore => head.standing = Standing::Ignored,
        RunDirective::Park(park) => {
            let until = head.updated.saturating_add(*park);
            head.standing = Standing::Waiting(Wait::Until(until));
        }
        RunDirective::Continue if waits => head.standing = Standing::Waiting(Wait::Subtasks),
        RunDirective::Continue => {}
    }
}

/// The attempt that a run of `step` would be now, from 1.
pub(super) fn attempt(head: &TaskHead, step: &StepName) -> u32 {
    match head.retrying() {
        Some(retrying) if retrying.step == *step => retrying.failed + 1,
        _ => 1,
    }
}

/// A run that was to be tried again counts as ended when another step runs in its place: the two
/// must not share a number, which idempotency keys are made of.
pub(super) fn give_up_others(head: &mut TaskHead, next: &StepName) {
    if head
        .retrying()
        .is_some_and(|retrying| retrying.step != *next)
    {
        head.standing.give_up_retrying();
        head.runs += 1;
    }
}

/// Why a run that was to be tried again never will be.
pub(super) fn never_again(retrying: &Retrying, step_is_there: bool) -> String {
    let times = match retrying.failed {
        1 => "once".to_owned(),
        failed => format!("{failed} times"),
    };
    let since = match step_is_there {
        true => "its condition no longer matches the data",
        false => "it was deleted before it was tried again",
    };
    format!("step `{}` failed {times}, and {since}", retrying.step)
}

/// Brings a task to rest for which no step is eligible. One whose last run failed and was to be tried
/// again has failed for good.
pub(super) fn rest(head: &mut TaskHead, reason: Option<String>) {
    match head.standing.give_up_retrying() {
        Some(_) => {
            head.runs += 1;
            head.standing = Standing::Error(None);
            head.fault = reason;
        }
        None => settle(head, None),
    }
}

/// Ends a task for whose data no step can be found. What its conditions or its data are changed to counts
/// when it is tried again.
pub(super) fn too_costly(head: &mut TaskHead, costly: &TooCostly) {
    if head.standing.give_up_retrying().is_some() {
        head.runs += 1;
    }
    head.standing = Standing::Error(None);
    head.fault = Some(costly.to_string());
}

fn remember(head: &mut TaskHead, candidate: &Candidate, finished: bool, redo: bool) {
    let memory = StepMemory {
        step: candidate.name.clone(),
        observed: candidate.observed,
        finished,
        redo: finished && redo,
    };
    match head
        .steps
        .iter_mut()
        .find(|known| known.step == memory.step)
    {
        Some(known) => *known = memory,
        None => head.steps.push(memory),
    }
}

/// The state of a ready task after its last run: it stays ready if a step is eligible.
pub(super) fn settle(head: &mut TaskHead, next: Option<&Candidate>) {
    match next {
        // What they brought may make a step eligible.
        None if children::can_land(head) => {}
        None if children::is_owed(head) => head.standing = Standing::Waiting(Wait::Subtasks),
        None if head.steps.iter().any(|memory| memory.finished) => head.standing = Standing::Done,
        None => head.standing = Standing::Unmatched,
        Some(step) if head.runs >= limits::RUNS_PER_TASK => {
            head.standing = Standing::Error(None);
            head.fault = Some(format!(
                "run limit: the task has had {} runs and step `{}` is eligible again; steps that change what each other's conditions observe never come to an end",
                limits::RUNS_PER_TASK,
                step.name
            ));
        }
        Some(_) => {}
    }
}

/// The member of the data that a step sets to be run again later.
pub(super) const NEXT_RETRY_AT: &str = "nextRetryAt";

/// Until when a run's own `nextRetryAt` parks its task, should its step be eligible again: the run set it to
/// a future time. What a run left as it was is not its own, whatever it is.
///
/// # Errors
/// What the run set is no time.
pub(super) fn next_retry_at(
    (before, after): (Option<&Value>, Option<&Value>),
    now: Millis,
) -> Result<Option<Millis>, StepFault> {
    let Some(set) = after.filter(|set| before != Some(set)) else {
        return Ok(None);
    };
    match moment(set, now) {
        Ok(at) => Ok(at.filter(|at| *at > now)),
        Err(wrong) => Err(StepFault::Data(format!("`data.{NEXT_RETRY_AT}` {wrong}"))),
    }
}

#[cfg(test)]
mod tests;
