//! The outcome of a run: the changes that it made, and its journal entry.

use std::borrow::Cow;
use std::sync::Arc;

use super::advance::{self, Verdict};
use super::eligible::Candidate;
use crate::domain::clock::Millis;
use crate::domain::data::Document;
use crate::domain::ids::StepName;
use crate::domain::journal::{Entry, RunEntry, SubtaskEntry};
use crate::domain::run::{
    Ended, LogLine, RunDirective, RunEnd, RunOutcome, RunOutput, check_journal, check_size,
};
use crate::domain::step::Step;
use crate::domain::subtask::{NewSubtask, Reserved};
use crate::domain::task::{Standing, TaskHead, Wait};

/// The data after a run.
struct Applied {
    /// JSON text.
    changes: String,
    /// The new text, if there are any.
    text: Option<Arc<str>>,
}

impl Default for Applied {
    fn default() -> Self {
        Self {
            changes: "[]".to_owned(),
            text: None,
        }
    }
}

/// Applies what a run wrote. A run that left too much, in the data or in its `journal` bytes, has failed,
/// and its task with it: the data in memory is not looked at again.
fn apply(end: &mut RunEnd, data: &mut Arc<Document>, journal: u64) -> Applied {
    let RunEnd::Finished(finished) = end else {
        return Applied::default();
    };
    let changes = std::mem::take(&mut finished.written).apply_to(data);
    if changes.is_empty() {
        return Applied::default();
    }
    // Changes are plain JSON: there is nothing in them that could fail to serialise.
    let changes = serde_json::to_string(&changes).unwrap_or_default();
    let checked = check_size(data.text().len())
        .and_then(|()| check_journal(journal.saturating_add(changes.len() as u64)));
    match checked {
        Ok(()) => Applied {
            changes,
            text: Some(data.text().clone()),
        },
        Err(fault) => {
            *end = RunEnd::Fault(fault);
            Applied::default()
        }
    }
}

/// Why a task waits that no step is eligible for.
pub(super) const FOR_SUBTASKS: &str = "its subtasks have not ended";

/// Whether a task failed by what no run's end tells.
fn is_of_no_run(fault: &str) -> bool {
    fault.starts_with("run limit") || fault.starts_with("condition too costly")
}

/// The journal says why a task went where its last run's end does not tell.
pub(super) fn reason_of(head: &TaskHead, now: Millis) -> Option<Entry> {
    let reason = match (&head.standing, &head.fault) {
        (Standing::Waiting(Wait::Subtasks), _) => FOR_SUBTASKS.to_owned(),
        (Standing::Waiting(Wait::Until(_)), _) => "nextRetryAt".to_owned(),
        (Standing::Error(_), Some(fault)) if is_of_no_run(fault) => fault.clone(),
        _ => return None,
    };
    Some(Entry::State {
        at: now,
        state: head.state(),
        reason,
    })
}

/// What a run's journal entry says beside what the run did.
pub(super) struct RunFacts<'a> {
    pub(super) run: u32,
    pub(super) started: Millis,
    pub(super) step: &'a Step,
    pub(super) others: Vec<StepName>,
    /// Bytes of the task's journal.
    pub(super) journal: u64,
}

impl RunFacts<'_> {
    fn entry(
        self,
        attempt: u32,
        (retry_at, parked_until): (Option<Millis>, Option<Millis>),
        (ended, printed): (Ended, RunReport),
        (changes, asked): (String, &[NewSubtask]),
    ) -> RunEntry {
        RunEntry {
            run: self.run,
            attempt,
            step: self.step.name.clone(),
            digest: self.step.digest.clone(),
            at: self.started,
            ended,
            changes,
            logs: printed.logs,
            fuel: printed.fuel,
            duration_us: printed.duration_us,
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
    /// The subtasks that it asked for, and as they count in their family.
    pub(super) asked: Vec<NewSubtask>,
    pub(super) reserved: Option<Arc<Reserved>>,
    /// Until when the task waits by the run's own `nextRetryAt`, should the step be eligible again.
    pub(super) next_retry_at: Option<Millis>,
}

/// The logs and the cost of a run, however it ended.
pub(super) struct RunReport {
    logs: Vec<LogLine>,
    fuel: u64,
    pub(super) duration_us: u64,
}

impl RunReport {
    /// Takes an execution's output apart.
    pub(super) fn of(output: RunOutput) -> (RunOutcome, Self) {
        let printed = Self {
            logs: output.logs,
            fuel: output.fuel,
            duration_us: output.duration_us,
        };
        (output.outcome, printed)
    }
}

/// Moves head and data over a run's end. The head is left as [`advance::after_run`] leaves it, one
/// version on. A run that set `nextRetryAt` to a value that is no time has failed.
pub(super) fn end_run(
    head: &mut TaskHead,
    data: &mut Arc<Document>,
    (candidate, facts): (&Candidate, RunFacts<'_>),
    (mut end, printed): (RunEnd, RunReport),
    (now, random): (Millis, u64),
) -> RunOver {
    let retry_before = data.member(advance::NEXT_RETRY_AT).map(Cow::into_owned);
    let mut applied = apply(&mut end, data, facts.journal);
    let read = {
        let set = data.member(advance::NEXT_RETRY_AT);
        advance::next_retry_at((retry_before.as_ref(), set.as_deref()), now)
    };
    let next_retry_at = read.unwrap_or_else(|fault| {
        end = RunEnd::Fault(fault);
        applied = Applied::default();
        None
    });
    let verdict = Verdict {
        candidate,
        policy: &facts.step.retry,
        end: &end,
        now,
        random,
    };
    let (attempt, retry_at) = advance::after_run(head, &verdict);
    head.version += 1;
    let ended = end.ended();
    let mut reserved = None;
    let (asked, parked_until) = match end {
        RunEnd::Finished(finished) => {
            head.set_expiry(finished.timeout, finished.complete_on_expire);
            if let Some(name) = finished.name {
                head.name = Some(name);
            }
            if let Some(tags) = finished.tags {
                head.tags = tags;
            }
            let parked = matches!(finished.directive, RunDirective::Park(_));
            reserved = finished.reserved;
            (finished.subtasks, head.goes_on_at().filter(|_| parked))
        }
        RunEnd::Retry { .. } | RunEnd::Stop(_) | RunEnd::Fault(_) | RunEnd::Computed { .. } => {
            (Vec::new(), None)
        }
    };
    let until = (retry_at, parked_until);
    RunOver {
        attempt,
        entry: facts.entry(attempt, until, (ended, printed), (applied.changes, &asked)),
        text: applied.text,
        asked,
        reserved,
        next_retry_at,
    }
}
