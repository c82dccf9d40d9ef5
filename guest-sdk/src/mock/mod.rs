//! A host for tests: `cargo test` runs a step without Wasm and without a server.
//!
//! ```
//! use stepwell_sdk::mock::{Mock, Reply};
//! use stepwell_sdk::prelude::*;
//!
//! #[step(condition = { "$via": { "name": "Orders" }, total: { "$gt": 1000 } })]
//! async fn high_value() -> Result {
//!     let total: f64 = data::require("/total")?;
//!     let url = task::require_config("ALERT_URL")?;
//!     let response = connectors::fetch(Request::post(url).json(&json!({ "total": total }))).await?;
//!     console::log!("the alert was answered {}", response.status);
//!     data::set("/alerted", response.ok())?;
//!     Ok(())
//! }
//!
//! let order = |total| Mock::new().webhook("Orders").data(json!({ "total": total }));
//! assert!(!order(1000).matches(high_value));
//!
//! let outcome = order(1200)
//!     .config("ALERT_URL", "https://alerts.example/")
//!     .reply("POST", "https://alerts.example/", Reply::status(202))
//!     .run(high_value);
//! assert_eq!(outcome.result, Ok(()));
//! assert_eq!(outcome.data["alerted"], true);
//! assert_eq!(outcome.logs, ["the alert was answered 202"]);
//! assert_eq!(outcome.calls[0].json(), json!({ "total": 1200.0 }));
//! ```
//!
//! What the mock does not do: limits of fuel, memory, time, log lines and numbers of calls, the
//! egress policy, retries, and further steps. Its state belongs to the thread, so tests may run side
//! by side; a step that starts threads of its own would not find it.

mod document;
mod extras;
pub(crate) mod host;
mod outcome;
mod reply;
mod subtask;

use std::collections::BTreeMap;
use std::future::Future;

use serde_json::{Value, json};
use stepwell_condition::Pattern;

use crate::connectors::CallError;
use crate::executor::finish_async;
use crate::failure::{Ending, Failure, finish};

pub use outcome::{Call, Line, OperationCall, Outcome, SentReply, SubtaskCall};
pub use reply::Reply;

use host::{Phase, State};

/// What the mock's clock reads unless [`Mock::clock`] sets it: 2026-01-01T00:00:00.000Z.
pub const CLOCK: u64 = 1_767_225_600_000;

/// A task, a config and the replies of the outside world, on which a step is run.
#[derive(Debug, Clone)]
#[must_use = "a mock does nothing until a step is `run` on it"]
pub struct Mock {
    state: State,
    via: Option<Value>,
}

impl Default for Mock {
    fn default() -> Self {
        Self::new()
    }
}

impl Mock {
    /// A task with the data `{}`, without a name, tags, config or replies.
    pub fn new() -> Self {
        Self {
            state: State {
                id: "019b7705-8c00-7000-8000-000000000001".to_owned(),
                name: None,
                tags: Vec::new(),
                data: json!({}),
                config: BTreeMap::new(),
                now: CLOCK,
                replies: Vec::new(),
                operations: BTreeMap::new(),
                phase: Phase::Inside,
                logs: Vec::new(),
                calls: Vec::new(),
                operation_calls: Vec::new(),
                under_way: Vec::new(),
                closing: None,
                parked: None,
                timeout: None,
                complete_on_expire: false,
                visuals: Vec::new(),
                replied: None,
                redo: false,
                subtasks: Vec::new(),
                files: BTreeMap::new(),
            },
            via: None,
        }
    }

    /// The task's data.
    ///
    /// # Panics
    /// If it is no object.
    #[track_caller]
    pub fn data(mut self, data: Value) -> Self {
        assert!(
            data.is_object(),
            "a task's data is a JSON object, and this is {data}"
        );
        self.state.data = data;
        self
    }

    /// Adds the `$via` that the server adds to what comes in by the webhook of that name.
    pub fn webhook(mut self, name: &str) -> Self {
        self.via = Some(json!({
            "type": "webhook",
            "id": "mock",
            "name": name,
            "method": "POST",
            "contentType": "application/json",
        }));
        self
    }

    /// Sets a key of the workspace's config.
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.state.config.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a file to the task, and gives its digest, which is 64 hex digits but not the SHA-256 that the server has.
    pub fn file(mut self, bytes: &[u8]) -> (Self, String) {
        let digest = format!("{:064x}", self.state.files.len() + 1);
        self.state.files.insert(digest.clone(), bytes.to_vec());
        (self, digest)
    }

    /// The task's name.
    pub fn name(mut self, name: &str) -> Self {
        self.state.name = Some(name.to_owned());
        self
    }

    /// The task's tags.
    pub fn tags(mut self, tags: &[&str]) -> Self {
        self.state.tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        self
    }

    /// What the run's clock reads, in milliseconds since the Unix epoch; else [`CLOCK`].
    pub fn clock(mut self, millis: u64) -> Self {
        self.state.now = millis;
        self
    }

    /// How a call is answered. Several replies for one method and URL answer one call each, in
    /// order; the last answers all further ones.
    pub fn reply(mut self, method: &str, url: &str, reply: Reply) -> Self {
        self.state.replies.push(host::Expected {
            method: method.to_owned(),
            url: url.to_owned(),
            reply,
        });
        self
    }

    /// How an operation of a named connector is answered, each time.
    pub fn operation(
        mut self,
        connector: &str,
        operation: &str,
        result: Result<Value, CallError>,
    ) -> Self {
        let place = (connector.to_owned(), operation.to_owned());
        self.state.operations.insert(place, result);
        self
    }

    /// Whether the step's condition matches the data. Nothing of the step is run.
    pub fn matches<Kind>(&self, step: impl Step<Kind>) -> bool {
        let (_, state) = host::with(self.prepared(Phase::Ask), || step.run());
        matches!(state.phase, Phase::Answered(true))
    }

    /// Runs the step as the server would.
    ///
    /// # Panics
    /// If the condition does not match the data, because the server would not run the step then; if
    /// the step makes a call for which there is no reply; and if the step itself panics.
    #[track_caller]
    pub fn run<Kind>(&self, step: impl Step<Kind>) -> Outcome {
        let before = self.prepared(Phase::Expect);
        let (result, after) = host::with(before.clone(), || step.run());
        if let Phase::Refused(condition) = &after.phase {
            panic!(
                "the condition does not match the data, so the server would not run this step\ncondition: {condition}\n     data: {}",
                after.data
            );
        }
        Outcome::new(before, after, result)
    }

    fn prepared(&self, phase: Phase) -> State {
        let mut state = self.state.clone();
        if let (Some(via), Some(data)) = (&self.via, state.data.as_object_mut()) {
            let mut via = via.clone();
            via["received"] = state.now.into();
            data.insert("$via".to_owned(), via);
        }
        state.phase = phase;
        state
    }
}

/// A step's function, or a closure that calls one. `Kind` tells plain ones from `async` ones and is
/// always inferred.
#[diagnostic::on_unimplemented(
    message = "this is no step",
    label = "must be a function without arguments that returns `()` or `Result<(), E>`, or an `async fn`"
)]
pub trait Step<Kind> {
    /// Calls the function and waits for it.
    fn run(self) -> Result<(), Failure>;
}

/// The kind of a step that is a plain function.
#[derive(Debug)]
pub enum Plain {}

/// The kind of a step that is an `async fn`.
#[derive(Debug)]
pub enum Async {}

impl<F, R> Step<Plain> for F
where
    F: FnOnce() -> R,
    R: Ending,
{
    fn run(self) -> Result<(), Failure> {
        finish(self())
    }
}

impl<F, R> Step<Async> for F
where
    F: FnOnce() -> R,
    R: Future<Output: Ending>,
{
    fn run(self) -> Result<(), Failure> {
        finish_async(self())
    }
}

/// Whether a condition, given as JSON, matches the data.
#[track_caller]
fn matches(condition: &Value, data: &Value) -> bool {
    match Pattern::parse(condition) {
        Ok(pattern) => pattern.matches(data),
        Err(error) => panic!("the condition {condition} cannot be used: {error}"),
    }
}
