//! From the domain's types to those of the contract (`stepwell_api`): tasks here, what tenants have set
//! up in `setup`.

mod delivery;
mod setup;
mod token;
mod webhook;

use std::collections::HashMap;

use serde_json::value::RawValue;
use stepwell_api as contract;

use super::problem::ApiError;
use crate::domain::clock::{Millis, rfc3339};
use crate::domain::data::Change;
use crate::domain::effect::{CallResult, Effect};
use crate::domain::journal::{Entry, RunEntry};
use crate::domain::run::LogLine;
use crate::domain::task::{Standing, StoredTask, TaskHead, TaskState};
pub(super) use delivery::{delivery, delivery_body};
pub(super) use setup::{put_change, schedule, step, version, workspace};
pub(super) use token::{admin_token, token};
pub(super) use webhook::{provider, webhook};

/// A task whose changes are the text that is stored.
pub(super) type Shown = contract::Task<Box<RawValue>, Box<RawValue>>;
type Moved = contract::HistoryEntry<Box<RawValue>>;

/// A task without its data and journal.
pub(super) fn head(head: &TaskHead) -> contract::TaskHead<Box<RawValue>> {
    contract::TaskHead {
        id: head.id.to_string(),
        state: state(head.state()),
        name: head.name.clone(),
        tags: head.tags.clone(),
        webhook: head.webhook.as_ref().map(ToString::to_string),
        created: rfc3339(head.created),
        updated: rfc3339(head.updated),
        wake_at: match head.standing {
            Standing::Waiting(_) => head.wake_at().map(rfc3339),
            _ => None,
        },
        expires_at: head.expires_at().map(rfc3339),
        fault: head.fault.clone(),
        result: head.result.as_deref().and_then(result),
        parent: head.parent.as_ref().map(|parent| parent.task.to_string()),
        kept: head.kept,
        open_subtasks: head
            .children
            .iter()
            .map(|child| child.id.to_string())
            .collect(),
        runs: head.runs,
    }
}

/// A task's result as it is stored: its values would take a hundred times its text. The sandbox has checked that it is
/// JSON; other text is shown as a string.
fn result(text: &str) -> Option<Box<RawValue>> {
    let stored = RawValue::from_string(text.to_owned());
    stored
        .or_else(|_| serde_json::value::to_raw_value(text))
        .ok()
}

/// The word of a state.
pub(super) fn state(state: TaskState) -> contract::TaskState {
    state.as_str().into()
}

/// Lines that were printed.
fn logs(logs: &[LogLine]) -> Vec<contract::LogLine> {
    logs.iter()
        .map(|line| contract::LogLine {
            level: line.level.as_str().into(),
            text: line.text.clone(),
        })
        .collect()
}

/// One difference of a task's data.
pub(super) fn change(change: Change) -> contract::Change {
    use contract::ChangeKind as Kind;
    let (op, path, old, value) = match change {
        Change::Add { path, value } => (Kind::Add, path, None, Some(value)),
        Change::Remove { path, old } => (Kind::Remove, path, Some(old), None),
        Change::Replace { path, old, value } => (Kind::Replace, path, Some(old), Some(value)),
    };
    contract::Change {
        op,
        path,
        old,
        value,
    }
}

/// Puts a task together from its head, data and entries of its journal, each with its place.
pub(super) fn task<'a>(
    task: &StoredTask,
    journal: impl IntoIterator<Item = (u64, &'a Entry)>,
) -> Result<Shown, ApiError> {
    let damaged = |what| ApiError::Damaged {
        task: task.head.id,
        what,
    };
    let mut effects: HashMap<(u32, u32), Vec<(u64, &Effect)>> = HashMap::new();
    let mut runs = Vec::new();
    let mut history = Vec::new();
    let mut notice = None;
    let mut ended_subtasks = Vec::new();
    for (seq, entry) in journal {
        match entry {
            Entry::Accepted { at } => {
                history.push(moved(seq, *at, TaskState::Ready, "accepted".into()));
            }
            Entry::Effect(effect) => effects
                .entry((effect.run, effect.attempt))
                .or_default()
                .push((seq, effect)),
            Entry::Run(ended) => {
                let made = effects
                    .remove(&(ended.run, ended.attempt))
                    .unwrap_or_default();
                runs.push(run(seq, ended, made).ok_or_else(|| damaged("a run's changes"))?);
            }
            Entry::State { at, state, reason } => {
                history.push(moved(seq, *at, *state, reason.clone()));
            }
            Entry::Changed { at, by, changes } => {
                let changes = RawValue::from_string(changes.clone())
                    .map_err(|_| damaged("a change of its data"))?;
                history.push(Moved {
                    changes: Some(changes),
                    ..moved(seq, *at, TaskState::Ready, format!("changed by {by}"))
                });
            }
            Entry::Notice { at, tries, error } => {
                notice = Some(contract::Notice {
                    state: match error {
                        None => contract::NoticeState::Delivered,
                        Some(_) => contract::NoticeState::GivenUp,
                    },
                    attempts: *tries,
                    error: error.clone(),
                    at: Some(rfc3339(*at)),
                    next_at: None,
                });
            }
            Entry::Subtask { at, task, changes } => ended_subtasks.push(contract::EndedSubtask {
                seq,
                task: task.to_string(),
                at: rfc3339(*at),
                changes: RawValue::from_string(changes.clone())
                    .map_err(|_| damaged("what a subtask changed"))?,
            }),
        }
    }
    if let Some(owed) = task.head.notice() {
        notice = Some(contract::Notice {
            state: contract::NoticeState::Pending,
            attempts: owed.tries,
            error: owed.error.clone(),
            at: None,
            next_at: Some(rfc3339(owed.due)),
        });
    }
    let mut open: Vec<(u64, &Effect)> = effects.into_values().flatten().collect();
    open.sort_unstable_by_key(|(_, effect)| (effect.run, effect.attempt, effect.call));
    let data = RawValue::from_string(task.data.to_string()).map_err(|_| damaged("its data"))?;
    let head = head(&task.head);
    Ok(Shown {
        id: head.id,
        state: head.state,
        name: head.name,
        tags: head.tags,
        webhook: head.webhook,
        created: head.created,
        updated: head.updated,
        wake_at: head.wake_at,
        expires_at: head.expires_at,
        fault: head.fault,
        result: head.result,
        parent: head.parent,
        kept: head.kept,
        open_subtasks: head.open_subtasks,
        run_count: head.runs,
        runs,
        data,
        history,
        notice,
        ended_subtasks,
        calls_under_way: open.into_iter().map(open_call).collect(),
        earlier: None,
        replay: None,
    })
}

fn moved(seq: u64, at: Millis, to: TaskState, reason: String) -> Moved {
    Moved {
        seq,
        at: rfc3339(at),
        state: state(to),
        reason: Some(reason),
        changes: None,
    }
}

fn run(
    seq: u64,
    run: &RunEntry,
    mut effects: Vec<(u64, &Effect)>,
) -> Option<contract::Run<Box<RawValue>>> {
    effects.sort_unstable_by_key(|(_, effect)| effect.call);
    Some(contract::Run {
        seq,
        run: run.run,
        attempt: run.attempt,
        step: run.step.to_string(),
        digest: run.digest.clone(),
        at: rfc3339(run.at),
        outcome: run.ended.code().into(),
        error: run.ended.message(),
        fuel: run.fuel,
        duration_us: run.duration_us,
        changes: RawValue::from_string(run.changes.clone()).ok()?,
        logs: logs(&run.logs),
        alternatives: run.alternatives.iter().map(ToString::to_string).collect(),
        retry_at: run.retry_at.map(rfc3339),
        parked_until: run.parked_until.map(rfc3339),
        subtasks: run
            .subtasks
            .iter()
            .map(|made| contract::MadeSubtask {
                task: made.task.to_string(),
                name: made.name.clone(),
                into: made.into.clone(),
                wait: made.wait,
            })
            .collect(),
        calls: effects
            .into_iter()
            .map(|(_, effect)| call(effect))
            .collect(),
    })
}

fn call(effect: &Effect) -> contract::Call {
    let (status, error) = match &effect.result {
        CallResult::Fetch(Ok(response)) => (Some(response.status), None),
        CallResult::Fetch(Err(error)) => (None, Some(error.to_string())),
        CallResult::Operation(Ok(_)) => (None, None),
        CallResult::Operation(Err(error)) => (None, Some(error.to_string())),
    };
    contract::Call {
        call: effect.call,
        request: effect.summary.clone(),
        status,
        error,
        duration_us: effect.duration_us,
        at: rfc3339(effect.at),
    }
}

fn open_call((seq, effect): (u64, &Effect)) -> contract::OpenCall {
    let call = call(effect);
    contract::OpenCall {
        seq,
        run: effect.run,
        attempt: effect.attempt,
        step: effect.begun.step.to_string(),
        digest: effect.begun.digest.clone(),
        call: call.call,
        request: call.request,
        status: call.status,
        error: call.error,
        duration_us: call.duration_us,
        at: call.at,
    }
}
