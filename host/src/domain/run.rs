//! A run: one execution of one step on one task. Its input and its outcome.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Permit;
use super::clock::Millis;
use super::data::{Document, DraftWrites};
use super::ids::TaskId;
use super::limits::{self, StepLimits};
use super::subtask::{Family, NewSubtask, Reserved};

pub use super::config::Config;

/// Everything that a run may know. Equal inputs give equal runs: nothing else reaches the guest.
#[derive(Debug, Clone)]
pub struct RunInput {
    /// The task.
    pub task: TaskId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its data.
    pub data: Arc<Document>,
    /// The workspace's config.
    pub config: Arc<Config>,
    /// The time of the run's clock until its first connector call is answered.
    pub clock: Millis,
    /// The seed of the run's random numbers.
    pub seed: [u8; 32],
    /// The limits of the run.
    pub limits: StepLimits,
    /// How many generations below a task without a parent the task is, from 0.
    pub depth: u32,
    /// Subtasks of the task that have not ended, or whose results it does not have yet.
    pub subtasks: u32,
    /// All subtasks of the task that is none itself and that this one is, or is below of.
    pub family: Arc<Family>,
    /// Milliseconds of the run's time that went before its last long pause.
    pub spent_ms: u64,
    /// The budget that the run takes its memory from: linear memories, values of the data, answers of calls.
    pub memory: Arc<Permit>,
}

impl RunInput {
    /// How long the run may take from now on. At least a second, if its limit is no shorter: that is enough
    /// to come to its end, if nothing else is left to do after a long pause.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        let limit = self.limits.timeout_ms;
        let left = limit.saturating_sub(self.spent_ms).max(1_000);
        Duration::from_millis(left.min(limit))
    }
}

/// The outcome of an execution of a step.
#[derive(Debug, Clone)]
pub struct RunOutput {
    /// Whether the run ended, and how.
    pub outcome: RunOutcome,
    /// Its log lines, in order.
    pub logs: Vec<LogLine>,
    /// Fuel used.
    pub fuel: u64,
    /// Wall-clock time, in microseconds.
    pub duration_us: u64,
}

/// Whether a run ended.
#[derive(Debug, Clone)]
pub enum RunOutcome {
    /// It did.
    Ended(RunEnd),
    /// It pauses, and is to be begun again.
    Paused { until: Millis },
    /// The server had no memory left for it: it begins again when `needs` bytes can be set aside for it.
    NoRoom { needs: u64 },
}

/// How a run ended, with what counts of it then.
#[derive(Debug, Clone)]
pub enum RunEnd {
    /// It returned.
    Finished(Finished),
    /// It returned `failure.retry`: it is tried again by its step's policy.
    Retry {
        /// What it returned.
        message: String,
        /// In how many milliseconds, if the run said so by `task.retry-after`.
        after: Option<Millis>,
    },
    /// It returned `failure.stop`: trying again would not help.
    Stop(String),
    /// It did not return.
    Fault(StepFault),
    /// It computed until its time was over, and did not wait: it would do so again.
    Computed {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
}

/// The results of a run that returned.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What it wrote to the data.
    pub written: DraftWrites,
    /// The task's name, if the run set it.
    pub name: Option<String>,
    /// The task's tags, if the run set them.
    pub tags: Option<Vec<String>>,
    /// Whether its task goes on.
    pub directive: RunDirective,
    /// Whether the run called `task.redo`.
    pub redo: bool,
    /// In how many milliseconds the task's time is over, if the run called `task.timeout`.
    pub timeout: Option<Millis>,
    /// Whether the run called `task.complete-on-expire`.
    pub complete_on_expire: bool,
    /// Subtasks to be made.
    pub subtasks: Vec<NewSubtask>,
    /// As they count in their family; none if none was asked for.
    pub reserved: Option<Arc<Reserved>>,
}

/// Whether a finished run asked that its task goes on, waits or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunDirective {
    /// The next step runs, if there is one.
    Continue,
    /// `task.park`: it waits for so many milliseconds.
    Park(Millis),
    /// `task.complete(result?)`: done, with an optional result as JSON text.
    Complete(Option<String>),
    /// `task.ignore()`: of no interest.
    Ignore,
}

/// How a run ended, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It returned; its changes count.
    Finished,
    /// It returned `failure.retry`: it is tried again by its step's policy.
    Retry(String),
    /// It returned `failure.stop`: trying again would not help.
    Stop(String),
    /// It did not return.
    Fault(StepFault),
}

/// Why a run did not return. Data for the step author, not an error of the server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepFault {
    /// The guest trapped: a panic, an abort, division by zero, an unreachable instruction …
    #[error("the step trapped: {0}")]
    Trap(String),
    /// Out of fuel.
    #[error(
        "out of fuel: the step used its whole budget of {limit}: it computes more than that, or without an end; `step set NAME --fuel` gives it more"
    )]
    Fuel {
        /// The budget.
        limit: u64,
    },
    /// Out of memory.
    #[error(
        "out of memory: the step wanted more than its {limit} bytes; `step set NAME --memory` gives it more"
    )]
    Memory {
        /// The limit in bytes.
        limit: u64,
    },
    /// Too deep a recursion.
    #[error("stack overflow: the step recursed too deeply")]
    Stack,
    /// Over its wall-clock deadline.
    #[error(
        "deadline: the step was not done after {limit_ms} ms; `step set NAME --timeout` gives it more"
    )]
    Deadline {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// Too much through one host call, too many handles, or the like.
    #[error("limit: {0}")]
    Limit(String),
    /// A replay asked for another call than the journal has.
    #[error("{0}")]
    Nondeterministic(String),
    /// The server's own fault, not the step's.
    #[error("the server could not run the step: {0}")]
    Host(String),
    /// A run that had made calls cannot go on: the version that made them is no longer there.
    #[error(
        "version {digest:.12} of the step, which began this run, is no longer there: the step was deleted, or replaced too many times; the calls that it made are on the timeline, and were not made again"
    )]
    Gone {
        /// Its digest.
        digest: String,
    },
    /// A dry replay would have had to send something.
    #[error("{0}")]
    NotReplayed(String),
    /// Out of fuel in a run on a task's data.
    #[error(
        "out of fuel: the step used its whole budget of {limit}, on a task with {data_bytes} bytes of data: it computes more than that, or without an end; `step set NAME --fuel` gives it more"
    )]
    FuelOnData {
        /// The budget.
        limit: u64,
        /// What the data had as JSON text when the run began.
        data_bytes: u64,
    },
    /// The run left something in the data that the server is to go by and cannot.
    #[error("{0}")]
    Data(String),
}

impl StepFault {
    /// Whether the same input would end in the same way, so that trying again is of no use.
    pub fn is_deterministic(&self) -> bool {
        !matches!(self, Self::Deadline { .. } | Self::Host(_))
    }

    /// A stable word for programs: `trap`, `fuel`, `memory`, `stack`, `deadline`, `limit`,
    /// `nondeterministic`, `host`, `gone`, `not-replayed` or `data`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Fuel { .. } | Self::FuelOnData { .. } => "fuel",
            Self::Memory { .. } => "memory",
            Self::Stack => "stack",
            Self::Deadline { .. } => "deadline",
            Self::Limit(_) => "limit",
            Self::Nondeterministic(_) => "nondeterministic",
            Self::Host(_) => "host",
            Self::Gone { .. } => "gone",
            Self::NotReplayed(_) => "not-replayed",
            Self::Data(_) => "data",
        }
    }
}

impl Ended {
    /// A stable word for programs: `finished`, `retry`, `stop` or the fault's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Retry(_) => "retry",
            Self::Stop(_) => "stop",
            Self::Fault(fault) => fault.code(),
        }
    }

    /// The failure's text; `None` for a finished run.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Finished => None,
            Self::Retry(message) | Self::Stop(message) => Some(message.clone()),
            Self::Fault(fault) => Some(fault.to_string()),
        }
    }
}

impl RunEnd {
    /// As the journal keeps it.
    pub fn ended(&self) -> Ended {
        match self {
            Self::Finished(_) => Ended::Finished,
            Self::Retry { message, .. } => Ended::Retry(message.clone()),
            Self::Stop(message) => Ended::Stop(message.clone()),
            Self::Fault(fault) => Ended::Fault(fault.clone()),
            Self::Computed { limit_ms } => Ended::Fault(StepFault::Deadline {
                limit_ms: *limit_ms,
            }),
        }
    }
}

/// One line that a run printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How loud.
    pub level: LogLevel,
    /// The line, without its line feed.
    pub text: String,
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// `console.log`, standard output.
    Log,
    /// `console.warn`.
    Warn,
    /// `console.error`, standard error.
    Error,
    /// Records who did something on whose behalf.
    Audit,
    /// Something to be drawn: JSON text of an object.
    Visual,
}

impl LogLevel {
    /// `log`, `warn`, `error`, `audit` or `visual`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Audit => "audit",
            Self::Visual => "visual",
        }
    }
}

/// Refuses data of that many bytes, which a run has left and no task may have.
///
/// # Errors
/// [`StepFault::Limit`].
pub fn check_size(length: usize) -> Result<(), StepFault> {
    if length <= limits::DATA_BYTES {
        return Ok(());
    }
    Err(StepFault::Limit(format!(
        "the data grew to {length} bytes, and a task has at most {}",
        limits::DATA_BYTES
    )))
}

/// Refuses a journal of that many bytes, which a run would leave.
///
/// # Errors
/// [`StepFault::Limit`].
pub fn check_journal(bytes: u64) -> Result<(), StepFault> {
    if bytes <= limits::JOURNAL_BYTES {
        return Ok(());
    }
    Err(StepFault::Limit(format!(
        "the task's journal would have {bytes} bytes, and at most {} are kept: its runs change too much too often; make the changes smaller, or begin a new task",
        limits::JOURNAL_BYTES
    )))
}
