//! What the API shows of webhooks, steps and tasks: the shapes that clients rely on.

mod setup;

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::problem::ApiError;
use crate::domain::clock::{Millis, rfc3339};
use crate::domain::effect::{CallResult, Effect};
use crate::domain::ids::{StepName, WebhookName};
use crate::domain::journal::{Entry, RunEntry};
use crate::domain::run::LogLine;
use crate::domain::task::{Standing, StoredTask, TaskHead, TaskState};
pub(super) use setup::{AddedView, StepView, VersionView, WebhookView};

/// A task's head. `runs` is their number in a list, and the runs themselves where one task is shown.
#[derive(Serialize)]
pub(super) struct HeadView<'a, R> {
    id: String,
    state: TaskState,
    name: Option<&'a str>,
    tags: &'a [String],
    webhook: Option<&'a WebhookName>,
    created: String,
    updated: String,
    /// When a waiting task goes on.
    wake_at: Option<String>,
    /// When the task's time is over, if a step said so.
    expires_at: Option<String>,
    fault: Option<&'a str>,
    result: Option<Value>,
    /// Whose subtask it is.
    parent: Option<String>,
    /// Whether it is kept for ever, whatever the workspace's retention is.
    kept: bool,
    /// Its subtasks that have not ended, and those whose result is not in the data yet.
    open_subtasks: Vec<String>,
    runs: R,
}

impl<'a, R> HeadView<'a, R> {
    pub(super) fn of(head: &'a TaskHead, runs: R) -> Self {
        Self {
            id: head.id.to_string(),
            state: head.state(),
            name: head.name.as_deref(),
            tags: &head.tags,
            webhook: head.webhook.as_ref(),
            created: rfc3339(head.created),
            updated: rfc3339(head.updated),
            wake_at: match head.standing {
                Standing::Waiting(_) => head.wake_at().map(rfc3339),
                _ => None,
            },
            expires_at: head.expires_at().map(rfc3339),
            fault: head.fault.as_deref(),
            // The sandbox has checked that it is JSON; what is not is shown as the text it is.
            result: head.result.as_ref().map(|text| {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }),
            parent: head.parent.as_ref().map(|parent| parent.task.to_string()),
            kept: head.kept,
            open_subtasks: head
                .children
                .iter()
                .map(|child| child.id.to_string())
                .collect(),
            runs,
        }
    }
}

/// A task with its data and what happened to it.
#[derive(Serialize)]
pub(super) struct TaskView<'a> {
    #[serde(flatten)]
    head: HeadView<'a, Vec<RunView<'a>>>,
    data: Value,
    history: Vec<HistoryView<'a>>,
    /// What became of the last notice to the workspace's failure URL.
    notice: Option<NoticeView<'a>>,
    /// Results of subtasks, in the order in which they came into the data.
    ended_subtasks: Vec<EndedView>,
    /// Calls of a run that has not ended yet.
    calls_under_way: Vec<OpenCallView<'a>>,
}

#[derive(Serialize)]
struct RunView<'a> {
    /// Where its end stands in the task's journal, as in the other lists: what caused it is before it.
    seq: usize,
    run: u32,
    attempt: u32,
    step: &'a StepName,
    digest: &'a str,
    at: String,
    outcome: &'static str,
    error: Option<String>,
    fuel: u64,
    duration_us: u64,
    changes: Box<RawValue>,
    logs: &'a [LogLine],
    alternatives: &'a [StepName],
    retry_at: Option<String>,
    parked_until: Option<String>,
    subtasks: Vec<SubtaskView<'a>>,
    calls: Vec<CallView<'a>>,
}

/// A subtask that a run made.
#[derive(Serialize)]
struct SubtaskView<'a> {
    task: String,
    name: &'a str,
    into: Option<&'a str>,
    wait: bool,
}

/// A subtask whose result was put into the data.
#[derive(Serialize)]
struct EndedView {
    seq: usize,
    task: String,
    at: String,
    changes: Box<RawValue>,
}

#[derive(Serialize)]
struct CallView<'a> {
    call: u32,
    request: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    duration_us: u64,
    at: String,
}

#[derive(Serialize)]
struct OpenCallView<'a> {
    run: u32,
    attempt: u32,
    step: &'a StepName,
    digest: &'a str,
    #[serde(flatten)]
    call: CallView<'a>,
}

#[derive(Serialize)]
struct NoticeView<'a> {
    state: &'static str,
    attempts: u32,
    /// Why the last attempt failed.
    error: Option<&'a str>,
    /// When it was delivered or given up.
    at: Option<String>,
    /// When the next attempt is due.
    next_at: Option<String>,
}

#[derive(Serialize)]
struct HistoryView<'a> {
    seq: usize,
    at: String,
    state: TaskState,
    reason: Cow<'a, str>,
    /// What was changed from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Box<RawValue>>,
}

impl<'a> HistoryView<'a> {
    fn of(seq: usize, at: Millis, state: TaskState, reason: impl Into<Cow<'a, str>>) -> Self {
        Self {
            seq,
            at: rfc3339(at),
            state,
            reason: reason.into(),
            changes: None,
        }
    }
}

impl<'a> TaskView<'a> {
    /// Puts a task together from its head, data and journal.
    pub(super) fn of(task: &'a StoredTask, journal: &'a [Entry]) -> Result<Self, ApiError> {
        let damaged = |what| ApiError::Damaged {
            task: task.head.id,
            what,
        };
        let mut effects: HashMap<(u32, u32), Vec<&Effect>> = HashMap::new();
        let mut runs = Vec::new();
        let mut history = Vec::new();
        let mut notice = None;
        let mut ended_subtasks = Vec::new();
        for (seq, entry) in journal.iter().enumerate() {
            match entry {
                Entry::Accepted { at } => {
                    history.push(HistoryView::of(seq, *at, TaskState::Ready, "accepted"));
                }
                Entry::Effect(effect) => effects
                    .entry((effect.run, effect.attempt))
                    .or_default()
                    .push(effect),
                Entry::Run(run) => {
                    let made = effects.remove(&(run.run, run.attempt)).unwrap_or_default();
                    let view =
                        RunView::of(seq, run, made).ok_or_else(|| damaged("a run's changes"))?;
                    runs.push(view);
                }
                Entry::State { at, state, reason } => {
                    history.push(HistoryView::of(seq, *at, *state, reason));
                }
                Entry::Changed { at, by, changes } => {
                    let changes = RawValue::from_string(changes.clone())
                        .map_err(|_| damaged("a change of its data"))?;
                    history.push(HistoryView {
                        changes: Some(changes),
                        ..HistoryView::of(seq, *at, TaskState::Ready, format!("changed by {by}"))
                    });
                }
                Entry::Notice { at, tries, error } => {
                    notice = Some(NoticeView {
                        state: match error {
                            None => "delivered",
                            Some(_) => "given-up",
                        },
                        attempts: *tries,
                        error: error.as_deref(),
                        at: Some(rfc3339(*at)),
                        next_at: None,
                    });
                }
                Entry::Subtask { at, task, changes } => ended_subtasks.push(EndedView {
                    seq,
                    task: task.to_string(),
                    at: rfc3339(*at),
                    changes: RawValue::from_string(changes.clone())
                        .map_err(|_| damaged("what a subtask changed"))?,
                }),
            }
        }
        if let Some(owed) = task.head.notice() {
            notice = Some(NoticeView {
                state: "pending",
                attempts: owed.tries,
                error: owed.error.as_deref(),
                at: None,
                next_at: Some(rfc3339(owed.due)),
            });
        }
        let mut open: Vec<&Effect> = effects.into_values().flatten().collect();
        open.sort_unstable_by_key(|effect| (effect.run, effect.attempt, effect.call));
        Ok(Self {
            head: HeadView::of(&task.head, runs),
            data: serde_json::from_str(&task.data).map_err(|_| damaged("its data"))?,
            history,
            notice,
            ended_subtasks,
            calls_under_way: open
                .into_iter()
                .map(|effect| OpenCallView {
                    run: effect.run,
                    attempt: effect.attempt,
                    step: &effect.begun.step,
                    digest: &effect.begun.digest,
                    call: CallView::of(effect),
                })
                .collect(),
        })
    }
}

impl<'a> RunView<'a> {
    fn of(seq: usize, run: &'a RunEntry, mut effects: Vec<&'a Effect>) -> Option<Self> {
        effects.sort_unstable_by_key(|effect| effect.call);
        Some(Self {
            seq,
            run: run.run,
            attempt: run.attempt,
            step: &run.step,
            digest: &run.digest,
            at: rfc3339(run.at),
            outcome: run.ended.code(),
            error: run.ended.message(),
            fuel: run.fuel,
            duration_us: run.duration_us,
            changes: RawValue::from_string(run.changes.clone()).ok()?,
            logs: &run.logs,
            alternatives: &run.alternatives,
            retry_at: run.retry_at.map(rfc3339),
            parked_until: run.parked_until.map(rfc3339),
            subtasks: run
                .subtasks
                .iter()
                .map(|made| SubtaskView {
                    task: made.task.to_string(),
                    name: &made.name,
                    into: made.into.as_deref(),
                    wait: made.wait,
                })
                .collect(),
            calls: effects.into_iter().map(CallView::of).collect(),
        })
    }
}

impl<'a> CallView<'a> {
    fn of(effect: &'a Effect) -> Self {
        let (status, error) = match &effect.result {
            CallResult::Fetch(Ok(response)) => (Some(response.status), None),
            CallResult::Fetch(Err(error)) => (None, Some(error.to_string())),
            CallResult::Operation(Ok(_)) => (None, None),
            CallResult::Operation(Err(error)) => (None, Some(error.to_string())),
        };
        Self {
            call: effect.call,
            request: &effect.summary,
            status,
            error,
            duration_us: effect.duration_us,
            at: rfc3339(effect.at),
        }
    }
}
