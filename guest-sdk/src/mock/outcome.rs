//! What a run did.

use std::time::Duration;

use serde_json::Value;

use super::host::{Closing, State};
use crate::connectors::Redirect;
use crate::console::Level;
use crate::failure::Failure;

/// What a run on a [`Mock`](super::Mock) did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// How the step ended.
    pub result: Result<(), Failure>,
    /// The data after the run; if the step failed, as it was before.
    pub data: Value,
    /// What was printed, in order. Kept of a failed run too.
    pub logs: Vec<Line>,
    /// The calls that were made, in order.
    pub calls: Vec<Call>,
    /// The operations of named connectors that were begun, in order.
    pub operations: Vec<OperationCall>,
    /// For how long the task is parked, if it is.
    pub parked: Option<Duration>,
    /// How much time the task is given, if the step said so.
    pub timeout: Option<Duration>,
    /// Whether the task is to be done when its time is over.
    pub complete_on_expire: bool,
    /// What the step gave to be drawn, in order. Kept of a failed run too.
    pub visuals: Vec<Value>,
    /// What the step replied to the sender of the request, if it did. Kept of a failed run too.
    pub replied: Option<SentReply>,
    /// Whether the step asked to be run once more.
    pub redo: bool,
    /// The subtasks that are made, in the order in which the step asked for them.
    pub subtasks: Vec<SubtaskCall>,
    /// The result of `task::complete_with`, or `null` of `task::complete`, if one was the last word.
    pub completed: Option<Value>,
    /// Whether `task::ignore` was the last word.
    pub ignored: bool,
    /// The task's name after the run.
    pub name: Option<String>,
    /// The task's tags after the run.
    pub tags: Vec<String>,
}

impl Outcome {
    pub(super) fn new(before: State, after: State, result: Result<(), Failure>) -> Self {
        let kept = if result.is_ok() { after.closing } else { None };
        let (data, name, tags) = if result.is_ok() {
            (after.data, after.name, after.tags)
        } else {
            (before.data, before.name, before.tags)
        };
        Self {
            data,
            logs: after.logs,
            calls: after.calls,
            operations: after.operation_calls,
            parked: if result.is_ok() { after.parked } else { None },
            timeout: after.timeout.filter(|_| result.is_ok()),
            complete_on_expire: result.is_ok() && after.complete_on_expire,
            visuals: after.visuals,
            replied: after.replied,
            redo: result.is_ok() && after.redo,
            subtasks: if result.is_ok() {
                after.subtasks
            } else {
                Vec::new()
            },
            ignored: kept == Some(Closing::Ignore),
            completed: match kept {
                Some(Closing::Complete(result)) => Some(result),
                _ => None,
            },
            name,
            tags,
            result,
        }
    }

    /// The failure of a step that is to fail.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn failure(self) -> Failure {
        match self.result {
            Err(failure) => failure,
            Ok(()) => panic!("the step did not fail; the data is {}", self.data),
        }
    }

    /// Whether a condition, given as JSON, matches the data after the run: whether another step
    /// would follow.
    ///
    /// # Panics
    /// If the server would refuse the condition.
    #[track_caller]
    pub fn matches(&self, condition: &Value) -> bool {
        super::matches(condition, &self.data)
    }
}

/// A reply to the sender of the request that made the task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentReply {
    /// The status.
    pub status: u16,
    /// Names and values of headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A printed line. It equals its text, so `logs` can be compared with an array of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// How loud.
    pub level: Level,
    /// The text.
    pub text: String,
}

impl PartialEq<&str> for Line {
    fn eq(&self, text: &&str) -> bool {
        self.text == *text
    }
}

impl PartialEq<str> for Line {
    fn eq(&self, text: &str) -> bool {
        self.text == text
    }
}

/// An operation of a named connector that was begun.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OperationCall {
    /// The connector, e.g. `slackCom`.
    pub connector: String,
    /// The operation, e.g. `send`.
    pub operation: String,
    /// Its argument.
    pub argument: Value,
}

/// A subtask that is made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SubtaskCall {
    /// The id that the step was given.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its data, without `$via`.
    pub data: Value,
    /// Where its result is to go.
    pub into: Option<String>,
    /// Whether the task waits for it.
    pub wait: bool,
}

/// A call that was made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Call {
    /// The HTTP method as the step gave it.
    pub method: String,
    /// The URL with its query.
    pub url: String,
    /// Headers as the step set them.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// The step's own time limit.
    pub timeout: Option<Duration>,
    /// What was to be done with a redirect.
    pub redirect: Redirect,
}

impl Call {
    /// The first header of that name; the case of letters does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body is no JSON ({error}): {}", self.text()),
        }
    }
}
