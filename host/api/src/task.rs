//! Tasks: their data, runs and history.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::run::{Change, Run};
use crate::via::TaskData;
use crate::word::words;

// `T` is the type that a task of it is read as.
/// A page of a list, the newest task first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = TaskPage)]
pub struct TaskPage<T = TaskHead> {
    /// The tasks of the page. There may be none although there are more before them.
    #[schema(value_type = Vec<TaskHead>)]
    pub tasks: Vec<T>,
    /// The `before` of the next page; `null` if there is none.
    #[schema(required)]
    pub next: Option<String>,
}

// `R` is the type of its result: the server writes the text that it has stored.
/// A task without its data and journal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = TaskHead)]
pub struct TaskHead<R = Value> {
    /// A UUID of version 7.
    pub id: String,
    /// Where it stands.
    pub state: TaskState,
    /// Its name, if a step gave it one.
    #[schema(required)]
    pub name: Option<String>,
    /// Its tags.
    #[serde(default)]
    #[schema(required)]
    pub tags: Vec<String>,
    /// The webhook that it came in by.
    #[schema(required)]
    pub webhook: Option<String>,
    /// When it was accepted.
    #[serde(default)]
    #[schema(required, format = DateTime)]
    pub created: String,
    /// When it last moved.
    #[serde(default)]
    #[schema(required, format = DateTime)]
    pub updated: String,
    /// When a waiting task goes on; `null` if it waits for its subtasks alone.
    #[schema(required, format = DateTime)]
    pub wake_at: Option<String>,
    /// When the task's time is over, if a step gave it one.
    #[schema(required, format = DateTime)]
    pub expires_at: Option<String>,
    /// Why it is in `error`.
    #[schema(required)]
    pub fault: Option<String>,
    /// What `task.complete` was given.
    #[serde(default)]
    #[schema(value_type = Value, required)]
    #[serde(bound(deserialize = "R: Deserialize<'de>"))]
    pub result: Option<R>,
    /// Whose subtask it is.
    #[schema(required)]
    pub parent: Option<String>,
    /// Whether it is kept for ever, whatever the workspace's retention is.
    #[serde(default)]
    #[schema(required)]
    pub kept: bool,
    /// Its subtasks that have not ended, or whose result is not in its data yet.
    #[serde(default)]
    #[schema(required)]
    pub open_subtasks: Vec<String>,
    /// How many runs have ended, those included that were given up. All attempts of a run are one.
    #[serde(default)]
    #[schema(required)]
    pub runs: u32,
}

// `C` is the type of changes, `D` that of data: the server writes the text that it has stored.
/// A task with its data and what happened to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(bound(deserialize = "C: Deserialize<'de> + Default, D: Deserialize<'de> + Default"))]
#[schema(as = Task)]
pub struct Task<C = Vec<Change>, D = Value> {
    /// See [`TaskHead::id`].
    pub id: String,
    /// See [`TaskHead::state`].
    pub state: TaskState,
    /// See [`TaskHead::name`].
    #[schema(required)]
    pub name: Option<String>,
    /// See [`TaskHead::tags`].
    #[serde(default)]
    #[schema(required)]
    pub tags: Vec<String>,
    /// See [`TaskHead::webhook`].
    #[schema(required)]
    pub webhook: Option<String>,
    /// See [`TaskHead::created`].
    #[schema(format = DateTime)]
    pub created: String,
    /// See [`TaskHead::updated`].
    #[schema(format = DateTime)]
    pub updated: String,
    /// See [`TaskHead::wake_at`].
    #[schema(required, format = DateTime)]
    pub wake_at: Option<String>,
    /// See [`TaskHead::expires_at`].
    #[schema(required, format = DateTime)]
    pub expires_at: Option<String>,
    /// See [`TaskHead::fault`].
    #[schema(required)]
    pub fault: Option<String>,
    /// See [`TaskHead::result`].
    #[serde(default)]
    #[schema(value_type = Value, required)]
    pub result: Option<D>,
    /// See [`TaskHead::parent`].
    #[schema(required)]
    pub parent: Option<String>,
    /// See [`TaskHead::kept`].
    #[serde(default)]
    #[schema(required)]
    pub kept: bool,
    /// See [`TaskHead::open_subtasks`].
    #[serde(default)]
    #[schema(required)]
    pub open_subtasks: Vec<String>,
    /// See [`TaskHead::runs`].
    #[serde(default)]
    #[schema(required)]
    pub run_count: u32,
    /// Its runs that have ended, every attempt; one that was given up is not among them.
    #[serde(default)]
    #[schema(value_type = Vec<Run>, required)]
    pub runs: Vec<Run<C>>,
    /// Its data.
    #[serde(default)]
    #[schema(value_type = TaskData, required)]
    pub data: D,
    /// Where it went when it was not a run that moved it, and who did it.
    #[serde(default)]
    #[schema(value_type = Vec<HistoryEntry>, required)]
    pub history: Vec<HistoryEntry<C>>,
    /// The outcome of the last notice to the workspace's failure URL.
    #[schema(required)]
    pub notice: Option<Notice>,
    /// Results of subtasks, in the order in which they came into the data.
    #[serde(default)]
    #[schema(value_type = Vec<EndedSubtask>, required)]
    pub ended_subtasks: Vec<EndedSubtask<C>>,
    /// Finished calls of a run that has not ended yet, or that was given up.
    #[serde(default)]
    #[schema(required)]
    pub calls_under_way: Vec<OpenCall>,
    /// There are older entries, which this leaves out: ask with this as `before`. An answer has at most 8 MiB of
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub earlier: Option<u64>,
    /// Why a replay went no further, and how the data would differ; only in the answer to a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub replay: Option<Replay>,
}

words! {
    /// Where a task stands.
    TaskState {
        /// The engine is to look at it.
        Ready = "ready",
        /// It waits for a time, or for its subtasks.
        Waiting = "waiting",
        /// At least one step finished and none is eligible any more.
        Done = "done",
        /// No step ever matched.
        Unmatched = "unmatched",
        /// A run failed for good, or the run limit was reached.
        Error = "error",
        /// A step ended it with `task.ignore`.
        Ignored = "ignored",
        /// A person ended it.
        Cancelled = "cancelled",
    }
}

impl TaskState {
    /// Whether nothing will happen to the task by itself any more.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Ready | Self::Waiting)
    }
}

/// A move of a task that was not a run's.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = HistoryEntry)]
pub struct HistoryEntry<C = Vec<Change>> {
    /// See [`Run::seq`].
    #[serde(default)]
    #[schema(required)]
    pub seq: u64,
    /// When it moved.
    #[schema(format = DateTime)]
    pub at: String,
    /// The state that it moved to.
    pub state: TaskState,
    /// Why, and who did it.
    #[serde(default)]
    #[schema(required, nullable = false)]
    pub reason: Option<String>,
    /// What was changed of the data from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Change>>, nullable = false)]
    pub changes: Option<C>,
}

/// The notice to the workspace's failure URL, and how far it has come.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// Where it stands.
    pub state: NoticeState,
    /// Attempts that were made.
    #[serde(default)]
    #[schema(required)]
    pub attempts: u32,
    /// Why the last attempt failed.
    #[schema(required)]
    pub error: Option<String>,
    /// When it was delivered or given up.
    #[schema(required, format = DateTime)]
    pub at: Option<String>,
    /// When the next attempt is due.
    #[schema(required, format = DateTime)]
    pub next_at: Option<String>,
}

words! {
    /// Where a notice stands.
    NoticeState {
        /// It is to be delivered.
        Pending = "pending",
        /// The URL answered with success.
        Delivered = "delivered",
        /// The last attempt failed.
        GivenUp = "given-up",
    }
}

/// A subtask that a run made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeSubtask {
    /// Its id.
    pub task: String,
    /// Its name.
    pub name: String,
    /// Where in the data its result goes (RFC 6901).
    #[schema(required)]
    pub into: Option<String>,
    /// Whether the task waits for it.
    #[serde(default)]
    #[schema(required)]
    pub wait: bool,
}

/// A subtask whose result came into the data.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = EndedSubtask)]
pub struct EndedSubtask<C = Vec<Change>> {
    /// See [`Run::seq`].
    #[serde(default)]
    #[schema(required)]
    pub seq: u64,
    /// Its id.
    pub task: String,
    /// When its result came into the data.
    #[schema(format = DateTime)]
    pub at: String,
    /// What that changed.
    #[serde(default)]
    #[schema(value_type = Vec<Change>, required)]
    pub changes: C,
}

/// A finished call of a run that has not ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenCall {
    /// See [`Run::seq`].
    #[serde(default)]
    #[schema(required)]
    pub seq: u64,
    /// See [`Run::run`].
    pub run: u32,
    /// See [`Run::attempt`].
    pub attempt: u32,
    /// See [`Run::step`].
    pub step: String,
    /// See [`Run::digest`].
    pub digest: String,
    /// Its number in the run.
    pub call: u32,
    /// See [`Call::request`](crate::Call::request).
    pub request: String,
    /// The status of a fetch's response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<u16>,
    /// Why there was no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// When its result was there.
    #[schema(format = DateTime)]
    pub at: String,
}

/// The outcome of a dry replay.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    /// The first run that was run again.
    pub from: u32,
    /// Why it went no further; `null` if the task came to its end or would wait.
    #[schema(required)]
    pub stopped: Option<String>,
    /// How the data would differ from what the task has.
    pub changes: Vec<Change>,
}

/// How many tasks are in each state.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskCounts {
    /// The numbers.
    pub counts: StateCounts,
    /// Whether they are exact. If not, there may be more in some state: 100,000 tasks of one are
    /// counted, but of `done` all.
    pub exact: bool,
}

/// A number of tasks for each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateCounts {
    /// In state `ready`.
    #[serde(default)]
    #[schema(required)]
    pub ready: u64,
    /// In state `waiting`.
    #[serde(default)]
    #[schema(required)]
    pub waiting: u64,
    /// In state `done`.
    #[serde(default)]
    #[schema(required)]
    pub done: u64,
    /// In state `unmatched`.
    #[serde(default)]
    #[schema(required)]
    pub unmatched: u64,
    /// In state `error`.
    #[serde(default)]
    #[schema(required)]
    pub error: u64,
    /// In state `ignored`.
    #[serde(default)]
    #[schema(required)]
    pub ignored: u64,
    /// In state `cancelled`.
    #[serde(default)]
    #[schema(required)]
    pub cancelled: u64,
}

impl StateCounts {
    /// The tasks in all states.
    pub fn total(&self) -> u64 {
        let ended = self.done + self.unmatched + self.error + self.ignored + self.cancelled;
        self.ready + self.waiting + ended
    }
}
