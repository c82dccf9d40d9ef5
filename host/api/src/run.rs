//! Runs of steps: what each changed, printed and called.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::task::MadeSubtask;
use crate::word::words;

// `C` is the type of its changes: the server writes the text that it has stored.
/// One attempt of one run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Run)]
pub struct Run<C = Vec<Change>> {
    /// The place of its end in the task's journal. `runs`, `history` and `ended_subtasks`, merged, are
    /// in order by it: a cause stands before its effect. It grows, and there are gaps.
    #[serde(default)]
    #[schema(required)]
    pub seq: u64,
    /// Its number, from 1.
    pub run: u32,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// The step that ran.
    pub step: String,
    /// The version of the step that ran.
    #[serde(default)]
    #[schema(required)]
    pub digest: String,
    /// When it began: what its clock read.
    #[schema(format = DateTime)]
    pub at: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The failure's text.
    #[serde(default)]
    #[schema(required)]
    pub error: Option<String>,
    /// Fuel used.
    #[serde(default)]
    #[schema(required)]
    pub fuel: u64,
    /// How long it took, in microseconds, without the time in which other workspaces had the processors.
    #[serde(default)]
    #[schema(required)]
    pub duration_us: u64,
    /// The changes that it made in the data.
    #[serde(default)]
    #[schema(value_type = Vec<Change>, required)]
    pub changes: C,
    /// Its log lines.
    #[serde(default)]
    #[schema(required)]
    pub logs: Vec<LogLine>,
    /// Other steps that were eligible.
    #[serde(default)]
    #[schema(required)]
    pub alternatives: Vec<String>,
    /// When the next attempt is due.
    #[serde(default)]
    #[schema(required, format = DateTime)]
    pub retry_at: Option<String>,
    /// Until when `task.park` lets the task wait.
    #[serde(default)]
    #[schema(required, format = DateTime)]
    pub parked_until: Option<String>,
    /// Subtasks that it made.
    #[serde(default)]
    #[schema(required)]
    pub subtasks: Vec<MadeSubtask>,
    /// Connector calls that it made.
    #[serde(default)]
    #[schema(required)]
    pub calls: Vec<Call>,
}

words! {
    /// How a run ended.
    Outcome {
        /// It ended normally.
        Finished = "finished",
        /// It asked to be tried again.
        Retry = "retry",
        /// It gave up for good.
        Stop = "stop",
        /// Its code trapped, or a script threw.
        Trap = "trap",
        /// It used more fuel than it may.
        Fuel = "fuel",
        /// It used more memory than it may.
        Memory = "memory",
        /// Its stack was too deep.
        Stack = "stack",
        /// It took longer than it may.
        Deadline = "deadline",
        /// It passed another limit.
        Limit = "limit",
        /// It made other calls than before a crash.
        Nondeterministic = "nondeterministic",
        /// The server failed.
        Host = "host",
        /// The version that began the run is no longer there.
        Gone = "gone",
        /// Only in a replay: it would make a call that was not recorded.
        NotReplayed = "not-replayed",
        /// It left data that is too large or too deep.
        Data = "data",
    }
}

/// One difference of the data: an operation of RFC 6902 that also has what was there before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What was done.
    pub op: ChangeKind,
    /// Where, as an RFC 6901 pointer.
    pub path: String,
    /// What was there; absent for `add`.
    #[serde(
        default,
        deserialize_with = "there",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Value, required = false)]
    pub old: Option<Value>,
    /// What is there now; absent for `remove`.
    #[serde(
        default,
        deserialize_with = "there",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Value, required = false)]
    pub value: Option<Value>,
}

/// Tells a `null` that is there from a member that is not.
fn there<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

words! {
    /// What a change did.
    ChangeKind {
        /// There was nothing.
        Add = "add",
        /// There is nothing any more.
        Remove = "remove",
        /// There was another value.
        Replace = "replace",
    }
}

/// A line that a run printed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// How loud.
    pub level: LogLevel,
    /// The line, without its line feed.
    pub text: String,
}

words! {
    /// How loud a log line is.
    LogLevel {
        /// `console.log`, standard output.
        Log = "log",
        /// `console.warn`.
        Warn = "warn",
        /// `console.error`, standard error.
        Error = "error",
        /// For the record: what was done on whose behalf.
        Audit = "audit",
        /// Something to be drawn: JSON text of an object.
        Visual = "visual",
    }
}

/// A connector call.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// Its number in the run.
    #[serde(default)]
    #[schema(required)]
    pub call: u32,
    /// Method and URL of a fetch, `slackCom.send` for an operation of a named connector,
    /// `pause 150 ms` for a pause.
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
    #[serde(default)]
    #[schema(required)]
    pub duration_us: u64,
    /// When its result was there.
    #[serde(default)]
    #[schema(required, format = DateTime)]
    pub at: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_its_text() {
        for text in [
            r#"{"op":"add","path":"/a","value":null}"#,
            r#"{"op":"remove","path":"/a","old":1.50}"#,
            r#"{"op":"replace","path":"/a","old":null,"value":{"z":1,"a":1.10}}"#,
        ] {
            let change: Change = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&change).unwrap(), text);
        }
    }
}
