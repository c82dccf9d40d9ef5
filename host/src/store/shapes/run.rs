//! A run's end, as a journal entry has it: of version 1 of entries.

use serde::{Deserialize, Serialize};

use super::parts::{Id, List, ShapeError, Text, text};
use crate::domain::ids::StepName;
use crate::domain::journal::{RunEntry, SubtaskEntry};
use crate::domain::run::{Ended, LogLevel, LogLine, StepFault};

#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct RunV1<'a> {
    run: u32,
    attempt: u32,
    #[serde(borrow)]
    step: Text<'a>,
    digest: Text<'a>,
    at: u64,
    ended: EndedV1<'a>,
    changes: Text<'a>,
    logs: List<'a, LogLine, LogLineV1<'a>>,
    fuel: u64,
    duration_us: u64,
    alternatives: List<'a, StepName, Text<'a>>,
    retry_at: Option<u64>,
    parked_until: Option<u64>,
    subtasks: List<'a, SubtaskEntry, SubtaskV1<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum EndedV1<'a> {
    Finished,
    #[serde(borrow)]
    Retry(Text<'a>),
    Stop(Text<'a>),
    Fault(FaultV1<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
enum FaultV1<'a> {
    #[serde(borrow)]
    Trap(Text<'a>),
    Fuel {
        limit: u64,
    },
    Memory {
        limit: u64,
    },
    Stack,
    Deadline {
        limit_ms: u64,
    },
    Limit(Text<'a>),
    Nondeterministic(Text<'a>),
    Host(Text<'a>),
    Gone {
        digest: Text<'a>,
    },
    NotReplayed(Text<'a>),
    FuelOnData {
        limit: u64,
        data_bytes: u64,
    },
    Data(Text<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
struct LogLineV1<'a> {
    level: LevelV1,
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum LevelV1 {
    Log,
    Warn,
    Error,
    Audit,
    Visual,
}

#[derive(Debug, Serialize, Deserialize)]
struct SubtaskV1<'a> {
    task: Id,
    #[serde(borrow)]
    name: Text<'a>,
    into: Option<Text<'a>>,
    wait: bool,
}

impl<'a> From<&'a RunEntry> for RunV1<'a> {
    fn from(entry: &'a RunEntry) -> Self {
        let RunEntry {
            run,
            attempt,
            step,
            digest,
            at,
            ended,
            changes,
            logs,
            fuel,
            duration_us,
            alternatives,
            retry_at,
            parked_until,
            subtasks,
        } = entry;
        Self {
            run: *run,
            attempt: *attempt,
            step: step.into(),
            digest: digest.into(),
            at: *at,
            ended: ended.into(),
            changes: changes.into(),
            logs: List::Domain(logs),
            fuel: *fuel,
            duration_us: *duration_us,
            alternatives: List::Domain(alternatives),
            retry_at: *retry_at,
            parked_until: *parked_until,
            subtasks: List::Domain(subtasks),
        }
    }
}

impl TryFrom<RunV1<'_>> for RunEntry {
    type Error = ShapeError;

    fn try_from(shape: RunV1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            run: shape.run,
            attempt: shape.attempt,
            step: shape.step.name()?,
            digest: shape.digest.into(),
            at: shape.at,
            ended: shape.ended.into(),
            changes: shape.changes.into(),
            logs: shape.logs.into_domain()?,
            fuel: shape.fuel,
            duration_us: shape.duration_us,
            alternatives: shape.alternatives.into_domain()?,
            retry_at: shape.retry_at,
            parked_until: shape.parked_until,
            subtasks: shape.subtasks.into_domain()?,
        })
    }
}

impl<'a> From<&'a Ended> for EndedV1<'a> {
    fn from(ended: &'a Ended) -> Self {
        match ended {
            Ended::Finished => Self::Finished,
            Ended::Retry(why) => Self::Retry(why.into()),
            Ended::Stop(why) => Self::Stop(why.into()),
            Ended::Fault(fault) => Self::Fault(fault.into()),
        }
    }
}

impl From<EndedV1<'_>> for Ended {
    fn from(shape: EndedV1<'_>) -> Self {
        match shape {
            EndedV1::Finished => Self::Finished,
            EndedV1::Retry(why) => Self::Retry(why.into()),
            EndedV1::Stop(why) => Self::Stop(why.into()),
            EndedV1::Fault(fault) => Self::Fault(fault.into()),
        }
    }
}

impl<'a> From<&'a StepFault> for FaultV1<'a> {
    fn from(fault: &'a StepFault) -> Self {
        match fault {
            StepFault::Trap(why) => Self::Trap(why.into()),
            StepFault::Fuel { limit } => Self::Fuel { limit: *limit },
            StepFault::Memory { limit } => Self::Memory { limit: *limit },
            StepFault::Stack => Self::Stack,
            StepFault::Deadline { limit_ms } => Self::Deadline {
                limit_ms: *limit_ms,
            },
            StepFault::Limit(why) => Self::Limit(why.into()),
            StepFault::Nondeterministic(why) => Self::Nondeterministic(why.into()),
            StepFault::Host(why) => Self::Host(why.into()),
            StepFault::Gone { digest } => Self::Gone {
                digest: digest.into(),
            },
            StepFault::NotReplayed(why) => Self::NotReplayed(why.into()),
            StepFault::FuelOnData { limit, data_bytes } => Self::FuelOnData {
                limit: *limit,
                data_bytes: *data_bytes,
            },
            StepFault::Data(why) => Self::Data(why.into()),
        }
    }
}

impl From<FaultV1<'_>> for StepFault {
    fn from(shape: FaultV1<'_>) -> Self {
        match shape {
            FaultV1::Trap(why) => Self::Trap(why.into()),
            FaultV1::Fuel { limit } => Self::Fuel { limit },
            FaultV1::Memory { limit } => Self::Memory { limit },
            FaultV1::Stack => Self::Stack,
            FaultV1::Deadline { limit_ms } => Self::Deadline { limit_ms },
            FaultV1::Limit(why) => Self::Limit(why.into()),
            FaultV1::Nondeterministic(why) => Self::Nondeterministic(why.into()),
            FaultV1::Host(why) => Self::Host(why.into()),
            FaultV1::Gone { digest } => Self::Gone {
                digest: digest.into(),
            },
            FaultV1::NotReplayed(why) => Self::NotReplayed(why.into()),
            FaultV1::FuelOnData { limit, data_bytes } => Self::FuelOnData { limit, data_bytes },
            FaultV1::Data(why) => Self::Data(why.into()),
        }
    }
}

impl<'a> From<&'a LogLine> for LogLineV1<'a> {
    fn from(LogLine { level, text }: &'a LogLine) -> Self {
        let level = match level {
            LogLevel::Log => LevelV1::Log,
            LogLevel::Warn => LevelV1::Warn,
            LogLevel::Error => LevelV1::Error,
            LogLevel::Audit => LevelV1::Audit,
            LogLevel::Visual => LevelV1::Visual,
        };
        Self {
            level,
            text: text.into(),
        }
    }
}

impl From<LogLineV1<'_>> for LogLine {
    fn from(shape: LogLineV1<'_>) -> Self {
        let level = match shape.level {
            LevelV1::Log => LogLevel::Log,
            LevelV1::Warn => LogLevel::Warn,
            LevelV1::Error => LogLevel::Error,
            LevelV1::Audit => LogLevel::Audit,
            LevelV1::Visual => LogLevel::Visual,
        };
        Self {
            level,
            text: shape.text.into(),
        }
    }
}

impl<'a> From<&'a SubtaskEntry> for SubtaskV1<'a> {
    fn from(entry: &'a SubtaskEntry) -> Self {
        let SubtaskEntry {
            task,
            name,
            into,
            wait,
        } = entry;
        Self {
            task: Id(*task),
            name: name.into(),
            into: text(into),
            wait: *wait,
        }
    }
}

impl From<SubtaskV1<'_>> for SubtaskEntry {
    fn from(shape: SubtaskV1<'_>) -> Self {
        Self {
            task: shape.task.0,
            name: shape.name.into(),
            into: shape.into.map(String::from),
            wait: shape.wait,
        }
    }
}
