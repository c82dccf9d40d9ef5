//! A task's journal: its append-only history. The timeline shows it; replay reads it.

use super::clock::Millis;
use super::effect::Effect;
use super::ids::{StepName, TaskId};
use super::run::{Ended, LogLine};
use super::task::TaskState;

/// One thing that happened to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The task was accepted. Always the first entry.
    Accepted { at: Millis },
    /// A connector call's result, recorded before its guest saw it.
    Effect(Effect),
    /// A run came to an end, well or not.
    Run(Box<RunEntry>),
    /// The task came to rest in another state than a run's end implies, or for a reason of its own.
    State {
        at: Millis,
        /// The new state.
        state: TaskState,
        /// Why, for people.
        reason: String,
    },
    /// The data was changed from outside, and the task became ready.
    Changed {
        at: Millis,
        /// Who, for people: it goes on from `changed by …`.
        by: String,
        /// What: JSON text of an array of `domain::data::Change`.
        changes: String,
    },
    /// The notice of the task's failure was delivered, or given up.
    Notice {
        at: Millis,
        /// Attempts that were made.
        tries: u32,
        /// Why it was given up; none if it was delivered.
        error: Option<String>,
    },
    /// A subtask has ended, and its result is in the data.
    Subtask {
        /// When it was put there.
        at: Millis,
        /// The subtask.
        task: TaskId,
        /// The changes that it made in the data, as in [`RunEntry::changes`].
        changes: String,
    },
}

impl Entry {
    /// Roughly the bytes that it takes.
    pub fn bytes(&self) -> usize {
        const FIXED: usize = 128;
        let rest = match self {
            Self::Effect(effect) => effect.bytes(),
            Self::Run(run) => {
                let logs = run.logs.iter().map(|line| line.text.len());
                run.changes.len() + logs.sum::<usize>()
            }
            Self::State { reason, .. } => reason.len(),
            Self::Changed { changes, .. } | Self::Subtask { changes, .. } => changes.len(),
            Self::Accepted { .. } | Self::Notice { .. } => 0,
        };
        FIXED + rest
    }
}

/// A run's entry in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEntry {
    /// The run, counted from 1 within the task. Attempts of one run share it.
    pub run: u32,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// The step.
    pub step: StepName,
    /// SHA-256 of the step's component, lower-case hex: the version that ran.
    pub digest: String,
    /// When it began: what its clock read.
    pub at: Millis,
    /// How it ended.
    pub ended: Ended,
    /// The changes that it made in the data: JSON text of an array of `domain::data::Change`.
    pub changes: String,
    /// Its log lines.
    pub logs: Vec<LogLine>,
    /// Fuel used.
    pub fuel: u64,
    /// Wall-clock time, in microseconds.
    pub duration_us: u64,
    /// The other steps that were eligible.
    pub alternatives: Vec<StepName>,
    /// When the next attempt is due, if there is one.
    pub retry_at: Option<Millis>,
    /// Until when the run parked its task, if it did.
    pub parked_until: Option<Millis>,
    /// Subtasks that it made.
    pub subtasks: Vec<SubtaskEntry>,
}

/// A subtask that a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtaskEntry {
    /// The subtask.
    pub task: TaskId,
    /// What kind of subtask it is.
    pub name: String,
    /// Where its result goes in the data.
    pub into: Option<String>,
    /// Whether the task waits for it.
    pub wait: bool,
}
