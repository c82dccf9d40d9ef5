//! The functions of the world, on a state that belongs to the thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::document;
pub(crate) use super::extras::{
    blob_read, blob_size, task_complete_on_expire, task_respond, task_timeout, task_visualize,
};
use super::outcome::{Call, Line, OperationCall, SentReply, SubtaskCall};
use super::reply::Reply;
pub(crate) use super::subtask::task_subtask;
use crate::connectors::{CallError, FetchError, Response, UnderWay, request::Parts};
use crate::console::Level;

thread_local! {
    static RUN: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// A run's state: what the step sees and what it did.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub id: String,
    pub name: Option<String>,
    pub tags: Vec<String>,
    pub data: Value,
    pub config: BTreeMap<String, String>,
    pub now: u64,
    pub replies: Vec<Expected>,
    pub phase: Phase,
    pub logs: Vec<Line>,
    pub calls: Vec<Call>,
    /// How operations are answered, by connector and operation.
    pub operations: BTreeMap<(String, String), Result<Value, CallError>>,
    pub operation_calls: Vec<OperationCall>,
    pub under_way: Vec<Pending>,
    pub closing: Option<Closing>,
    pub parked: Option<Duration>,
    pub timeout: Option<Duration>,
    pub complete_on_expire: bool,
    pub visuals: Vec<Value>,
    pub replied: Option<SentReply>,
    pub redo: bool,
    pub subtasks: Vec<SubtaskCall>,
    /// Files by their digests.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What the mock is to do when a step's function is entered, and what it found.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// Only ask whether the condition matches.
    Ask,
    /// It was asked.
    Answered(bool),
    /// Run the step if the condition matches.
    Expect,
    /// It did not; this was the condition.
    Refused(Value),
    /// A step is being run; further functions are just called.
    Inside,
}

/// A reply and the calls it answers.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub method: String,
    pub url: String,
    pub reply: Reply,
}

/// A call under way: done once the clock reads `due`.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    due: u64,
    result: Option<Answer>,
}

/// The result of a call.
#[derive(Debug, Clone)]
enum Answer {
    Response(Result<Response, FetchError>),
    Value(Result<String, CallError>),
}

/// How the run asked its task to end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Closing {
    Complete(Value),
    Ignore,
}

/// Calls `run` with this state in place, and gives the state it left. The thread's former state
/// comes back even if `run` panics.
pub(super) fn with<R>(state: State, run: impl FnOnce() -> R) -> (R, State) {
    struct Restore(Option<State>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUN.set(self.0.take());
        }
    }
    let restore = Restore(RUN.replace(Some(state)));
    let result = run();
    let Some(state) = RUN.take() else {
        unreachable!("only `with` takes the state, and it puts back what it found")
    };
    drop(restore);
    (result, state)
}

#[track_caller]
pub(super) fn state<R>(work: impl FnOnce(&mut State) -> R) -> R {
    RUN.with_borrow_mut(|state| match state {
        Some(state) => work(state),
        None => panic!(
            "there is no task here: outside the server a step is run by `stepwell_sdk::mock::Mock::run`"
        ),
    })
}

/// Called first by every step's function. Whether its body is to be run.
pub fn enter(condition: &str) -> bool {
    RUN.with_borrow_mut(|state| {
        let Some(state) = state else { return true };
        if !matches!(state.phase, Phase::Ask | Phase::Expect) {
            return true;
        }
        let condition: Value = match serde_json::from_str(condition) {
            Ok(condition) => condition,
            Err(error) => panic!("the condition {condition} is no JSON: {error}"),
        };
        let matched = super::matches(&condition, &state.data);
        let ask = matches!(state.phase, Phase::Ask);
        state.phase = match (ask, matched) {
            (true, _) => Phase::Answered(matched),
            (false, true) => Phase::Inside,
            (false, false) => Phase::Refused(condition),
        };
        !ask && matched
    })
}

pub(crate) fn data_get(pointer: &str) -> Result<Option<String>, String> {
    state(|state| Ok(document::get(&state.data, pointer)?.map(Value::to_string)))
}

pub(crate) fn data_set(pointer: &str, json: &str) -> Result<(), String> {
    let value = serde_json::from_str(json)
        .map_err(|error| format!("the value for `{pointer}` is not JSON: {error}"))?;
    state(|state| document::set(&mut state.data, pointer, value))
}

pub(crate) fn data_remove(pointer: &str) -> Result<(), String> {
    state(|state| document::remove(&mut state.data, pointer))
}

pub(crate) fn task_id() -> String {
    state(|state| state.id.clone())
}

pub(crate) fn task_name() -> Option<String> {
    state(|state| state.name.clone())
}

pub(crate) fn task_set_name(name: &str) -> Result<(), String> {
    text("the task's name", name)?;
    state(|state| state.name = Some(name.to_owned()));
    Ok(())
}

pub(crate) fn task_tags() -> Vec<String> {
    state(|state| state.tags.clone())
}

pub(crate) fn task_set_tags(tags: &[String]) -> Result<(), String> {
    const MOST: usize = 32;
    if tags.len() > MOST {
        return Err(format!(
            "a task has at most {MOST} tags, and these are {}",
            tags.len()
        ));
    }
    for tag in tags {
        text("a tag", tag)?;
    }
    state(|state| state.tags = tags.to_vec());
    Ok(())
}

pub(super) fn text(what: &str, text: &str) -> Result<(), String> {
    const MOST: usize = 4096;
    if text.is_empty() || text.len() > MOST {
        return Err(format!(
            "{what} has 1 to {MOST} bytes, and this has {}",
            text.len()
        ));
    }
    Ok(())
}

pub(crate) fn task_config(key: &str) -> Option<String> {
    state(|state| state.config.get(key).cloned())
}

pub(crate) fn task_complete(outcome: Option<&str>) -> Result<(), String> {
    let outcome = serde_json::from_str(outcome.unwrap_or("null"))
        .map_err(|error| format!("the task's result is not JSON: {error}"))?;
    state(|state| state.closing = Some(Closing::Complete(outcome)));
    Ok(())
}

pub(crate) fn task_ignore() {
    state(|state| state.closing = Some(Closing::Ignore));
}

pub(crate) fn task_park(milliseconds: u64) -> Result<(), String> {
    const MOST: u64 = 10 * 366 * 24 * 3_600_000;
    if !(1..=MOST).contains(&milliseconds) {
        return Err(format!(
            "a task waits 1 to {MOST} milliseconds (ten years), not {milliseconds}"
        ));
    }
    state(|state| state.parked = Some(Duration::from_millis(milliseconds)));
    Ok(())
}

pub(crate) fn task_redo() {
    state(|state| state.redo = true);
}

/// Outside of a run a line is printed, so that a helper which logs can be tested by itself.
pub(crate) fn console_write(level: Level, text: &str) {
    RUN.with_borrow_mut(|state| match state {
        Some(state) => state.logs.push(Line {
            level,
            text: text.to_owned(),
        }),
        None => println!("{text}"),
    });
}

/// The run's clock; outside of a run the machine's.
pub(crate) fn now_millis() -> u64 {
    RUN.with_borrow(|state| match state {
        Some(state) => state.now,
        None => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, millis),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A fetch under way: its place in the state.
#[derive(Debug)]
pub struct PendingResponse(usize);

/// An operation or a pause under way: its place in the state.
#[derive(Debug)]
pub struct PendingResult(usize);

/// What becomes ready when the call is done.
#[derive(Debug)]
pub struct Pollable(usize);

impl UnderWay for PendingResponse {
    type Result = Result<Response, FetchError>;

    fn subscribe(&self) -> Pollable {
        Pollable(self.0)
    }

    fn take(&self) -> Option<Self::Result> {
        match take(self.0)? {
            Answer::Response(result) => Some(result),
            Answer::Value(_) => None,
        }
    }
}

impl UnderWay for PendingResult {
    type Result = Result<String, CallError>;

    fn subscribe(&self) -> Pollable {
        Pollable(self.0)
    }

    fn take(&self) -> Option<Self::Result> {
        match take(self.0)? {
            Answer::Value(result) => Some(result),
            Answer::Response(_) => None,
        }
    }
}

fn take(place: usize) -> Option<Answer> {
    state(|state| {
        let call = state.under_way.get_mut(place)?;
        if call.due > state.now {
            return None;
        }
        call.result.take()
    })
}

fn begin(state: &mut State, result: Answer, delay: u64) -> usize {
    state.under_way.push(Pending {
        due: state.now.saturating_add(delay),
        result: Some(result),
    });
    state.under_way.len() - 1
}

#[track_caller]
pub(crate) fn call(connector: &str, operation: &str, argument: &str) -> PendingResult {
    state(|state| {
        let place = (connector.to_owned(), operation.to_owned());
        let Some(result) = state.operations.get(&place).cloned() else {
            panic!(
                "the step calls {connector}.{operation}, and the mock has no answer for it; add `.operation({connector:?}, {operation:?}, Ok(json!(…)))`"
            );
        };
        state.operation_calls.push(OperationCall {
            connector: place.0,
            operation: place.1,
            argument: serde_json::from_str(argument).unwrap_or_default(),
        });
        let result = result.map(|value| value.to_string());
        PendingResult(begin(state, Answer::Value(result), 0))
    })
}

pub(crate) fn pause(milliseconds: u64) -> PendingResult {
    state(|state| {
        let over = Answer::Value(Ok("null".into()));
        PendingResult(begin(state, over, milliseconds))
    })
}

#[track_caller]
pub(crate) fn fetch(request: Parts) -> PendingResponse {
    state(|state| {
        let (result, delay) = answer(state, &request);
        let (result, delay) = match request.timeout_ms {
            Some(limit) if limit < delay => (Err(FetchError::Timeout(limit)), limit),
            _ => (result, delay),
        };
        state.calls.push(Call {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            timeout: request.timeout_ms.map(Duration::from_millis),
            redirect: request.redirect,
        });
        PendingResponse(begin(state, Answer::Response(result), delay))
    })
}

fn answer(state: &mut State, request: &Parts) -> (Result<Response, FetchError>, u64) {
    let url = &request.url;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let reason = format!("`{url}` is not an absolute http or https URL");
        return (Err(FetchError::Invalid(reason)), 0);
    }
    let fits =
        |expected: &Expected| expected.method == request.method && expected.url == request.url;
    let mut places = (0..state.replies.len()).filter(|&place| fits(&state.replies[place]));
    let Some(place) = places.next() else {
        panic!(
            "the step calls {method} {url}, and the mock has no reply for it; add `.reply({method:?}, {url:?}, Reply::…)`",
            method = request.method
        );
    };
    let reply = if places.next().is_some() {
        state.replies.remove(place).reply
    } else {
        state.replies[place].reply.clone()
    };
    (reply.result, millis(reply.after))
}

/// Moves the clock to when the first of these calls is done; the indices of those that are done
/// then.
pub(crate) fn poll(pollables: &[&Pollable]) -> Vec<u32> {
    state(|state| {
        let due = |state: &State, pollable: &Pollable| state.under_way[pollable.0].due;
        if let Some(first) = pollables.iter().map(|&p| due(state, p)).min() {
            state.now = state.now.max(first);
        }
        let done = (0u32..).zip(pollables);
        let done = done.filter(|&(_, &pollable)| due(state, pollable) <= state.now);
        done.map(|(index, _)| index).collect()
    })
}
