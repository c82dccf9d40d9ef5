//! The host on the other side of the world `step`: the same few functions that the mock has.

use bindings::stepwell::step::{blobs, connectors as raw, console, data, task, task_extras};
use bindings::wasi::io::poll as raw_poll;

use crate::connectors::{CallError, FetchError, Redirect, Response, UnderWay, request::Parts};
use crate::console::Level;
use crate::failure::Failure;
use crate::stdio;

/// What wit-bindgen makes of the world. Its code for the canonical ABI is `unsafe`.
#[allow(unsafe_code, missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "step",
        generate_all,
        pub_export_macro: true,
        runtime_path: "::stepwell_sdk::__private::wit_bindgen::rt",
        default_bindings_module: "::stepwell_sdk::__private",
    });
    pub use wit_bindgen;
}

pub use raw_poll::Pollable;

impl From<Failure> for bindings::Failure {
    fn from(failure: Failure) -> Self {
        let text = failure.text().to_owned();
        if let Some(after) = failure.after() {
            task::retry_after(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        }
        if failure.is_retry() {
            Self::Retry(text)
        } else {
            Self::Stop(text)
        }
    }
}

/// What the component's `run` gives back when the step's function has ended.
pub fn ran(ended: Result<(), Failure>) -> Result<(), bindings::Failure> {
    stdio::finish();
    ended.map_err(Into::into)
}

pub fn data_get(pointer: &str) -> Result<Option<String>, String> {
    data::get(pointer)
}

pub fn data_set(pointer: &str, json: &str) -> Result<(), String> {
    data::set(pointer, json)
}

pub fn data_remove(pointer: &str) -> Result<(), String> {
    data::remove(pointer)
}

pub fn task_id() -> String {
    task::id()
}

pub fn task_name() -> Option<String> {
    task::name()
}

pub fn task_set_name(name: &str) -> Result<(), String> {
    task::set_name(name)
}

pub fn task_tags() -> Vec<String> {
    task::tags()
}

pub fn task_set_tags(tags: &[String]) -> Result<(), String> {
    task::set_tags(tags)
}

pub fn task_config(key: &str) -> Option<String> {
    task::config(key)
}

pub fn task_complete(outcome: Option<&str>) -> Result<(), String> {
    task::complete(outcome)
}

pub fn task_ignore() {
    task::ignore();
}

pub fn task_park(milliseconds: u64) -> Result<(), String> {
    task::park(milliseconds)
}

pub fn task_subtask(
    name: &str,
    data: &str,
    into: Option<&str>,
    wait: bool,
) -> Result<String, String> {
    task::subtask(name, data, into, wait)
}

pub fn task_redo() {
    task::redo();
}

pub fn task_timeout(milliseconds: u64) -> Result<(), String> {
    task_extras::timeout(milliseconds)
}

pub fn task_complete_on_expire() {
    task_extras::complete_on_expire();
}

pub fn task_visualize(json: &str) -> Result<(), String> {
    task_extras::visualize(json)
}

pub fn task_respond(
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
) -> Result<bool, String> {
    task_extras::respond(&task_extras::Reply {
        status,
        headers,
        body,
    })
}

pub fn blob_size(digest: &str) -> Result<Option<u64>, String> {
    blobs::size(digest)
}

pub fn blob_read(digest: &str, offset: u64, length: u32) -> Result<Vec<u8>, String> {
    blobs::read(digest, offset, length)
}

pub fn console_write(level: Level, text: &str) {
    let level = match level {
        Level::Log => console::Level::Log,
        Level::Warn => console::Level::Warn,
        Level::Error => console::Level::Error,
        Level::Audit => console::Level::Audit,
    };
    console::write(level, text);
}

/// The host's clock through WASI. A clock before 1970 reads as 0.
pub fn now_millis() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| {
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        })
}

/// A call under way.
pub struct PendingResponse(raw::PendingResponse);

impl UnderWay for PendingResponse {
    type Result = Result<Response, FetchError>;

    fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }

    fn take(&self) -> Option<Self::Result> {
        let result = self.0.take()?;
        Some(match result {
            Ok(response) => Ok(Response {
                status: response.status,
                status_text: response.status_text,
                headers: response.headers,
                body: response.body,
                redirected_to: self.0.redirected_to(),
            }),
            Err(error) => Err(match error {
                raw::FetchError::Invalid(reason) => FetchError::Invalid(reason),
                raw::FetchError::Denied(reason) => FetchError::Denied(reason),
                raw::FetchError::Connection(reason) => FetchError::Connection(reason),
                raw::FetchError::Timeout(millis) => FetchError::Timeout(millis),
                raw::FetchError::TooLarge(bytes) => FetchError::TooLarge(bytes),
                raw::FetchError::Redirected(url) => FetchError::Redirected(url),
                raw::FetchError::TooMany(reason) => FetchError::TooMany(reason),
            }),
        })
    }
}

pub fn fetch(request: Parts) -> PendingResponse {
    PendingResponse(raw::fetch(&raw::Request {
        url: request.url,
        method: request.method,
        headers: request.headers,
        body: request.body,
        timeout_ms: request.timeout_ms,
        redirect: match request.redirect {
            Redirect::Follow => raw::Redirect::Follow,
            Redirect::Manual => raw::Redirect::Manual,
            Redirect::Error => raw::Redirect::Error,
        },
    }))
}

/// An operation or a pause under way.
pub struct PendingResult(raw::PendingResult);

impl UnderWay for PendingResult {
    type Result = Result<String, CallError>;

    fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }

    fn take(&self) -> Option<Self::Result> {
        let result = self.0.take()?;
        Some(result.map_err(|error| match error {
            raw::CallError::Unknown(text) => CallError::Unknown(text),
            raw::CallError::Invalid(text) => CallError::Invalid(text),
            raw::CallError::Refused(text) => CallError::Refused(text),
            raw::CallError::Failed(text) => CallError::Failed(text),
        }))
    }
}

pub fn call(connector: &str, operation: &str, argument: &str) -> PendingResult {
    PendingResult(raw::call(connector, operation, argument))
}

pub fn pause(milliseconds: u64) -> PendingResult {
    PendingResult(raw::pause(milliseconds))
}

/// Sleeps until at least one is ready; the indices of those that are.
pub fn poll(pollables: &[&Pollable]) -> Vec<u32> {
    raw_poll::poll(pollables)
}
