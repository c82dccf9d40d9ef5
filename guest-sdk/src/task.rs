//! The task that the step runs on, and the workspace's config.
//!
//! ```
//! use stepwell_sdk::prelude::*;
//!
//! #[step(condition = { newsletter: true })]
//! fn subscribe() -> Result {
//!     let list = task::require_config("NEWSLETTER_LIST")?;
//!     if data::get::<String>("/email")?.is_none() {
//!         task::ignore();
//!         return Ok(());
//!     }
//!     task::set_name("newsletter")?;
//!     task::complete_with(json!({ "list": list }))?;
//!     Ok(())
//! }
//! # use stepwell_sdk::mock::Mock;
//! # let mock = || Mock::new().config("NEWSLETTER_LIST", "weekly");
//! # assert!(mock().data(json!({"newsletter": true})).run(subscribe).ignored);
//! # let outcome = mock().data(json!({"newsletter": true, "email": "a@b.c"})).run(subscribe);
//! # assert_eq!(outcome.completed, Some(json!({"list": "weekly"})));
//! ```

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Final;
use crate::host;

/// Why the server did not do what the step asked of the task.
#[derive(Debug)]
pub enum TaskError {
    /// The config has no such key. A [`Failure`](crate::Failure) that is made of this error, or of one
    /// that has it as a source, is final: the next attempt would miss it, too.
    NoConfig {
        /// The key.
        key: String,
    },
    /// The task's result has no form in JSON.
    Unwritable(serde_json::Error),
    /// A subtask's data have no form in JSON.
    UnwritableData(serde_json::Error),
    /// What is to be drawn has no form in JSON.
    Undrawable(serde_json::Error),
    /// The server refused; the text says why.
    Refused(String),
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConfig { key } => write!(
                f,
                "the config has no `{key}`; set it with `stepwell config set {key} VALUE`"
            ),
            Self::Unwritable(_) => f.write_str("the task's result cannot be written as JSON"),
            Self::UnwritableData(_) => f.write_str("the subtask's data cannot be written as JSON"),
            Self::Undrawable(_) => f.write_str("what is to be drawn cannot be written as JSON"),
            Self::Refused(text) => f.write_str(text),
        }
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoConfig { .. } => Some(&Final),
            Self::Unwritable(error) | Self::UnwritableData(error) | Self::Undrawable(error) => {
                Some(error)
            }
            Self::Refused(_) => None,
        }
    }
}

/// The task's id, a UUID of version 7.
pub fn id() -> String {
    host::task_id()
}

/// The task's name, if it has one.
pub fn name() -> Option<String> {
    host::task_name()
}

/// Names the task, in 1 to 4096 bytes. Kept only if the run finishes.
pub fn set_name(name: &str) -> Result<(), TaskError> {
    host::task_set_name(name).map_err(TaskError::Refused)
}

/// The task's tags.
pub fn tags() -> Vec<String> {
    host::task_tags()
}

/// Replaces the task's tags: at most 32, of 1 to 4096 bytes each. Kept only if the run finishes.
pub fn set_tags<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> Result<(), TaskError> {
    let tags: Vec<String> = tags.into_iter().map(Into::into).collect();
    host::task_set_tags(&tags).map_err(TaskError::Refused)
}

/// The workspace's config value of that key, a secret or a plain value, if it is set.
pub fn config(key: &str) -> Option<String> {
    host::task_config(key)
}

/// The workspace's config value of that key; a key that is not set is an error.
pub fn require_config(key: &str) -> Result<String, TaskError> {
    config(key).ok_or_else(|| TaskError::NoConfig {
        key: key.to_owned(),
    })
}

/// Ends the task as `done` once this run has finished, whichever steps match. The last call of
/// this, [`complete_with`] and [`ignore`] counts.
pub fn complete() -> Result<(), TaskError> {
    host::task_complete(None).map_err(TaskError::Refused)
}

/// Like [`complete`], with a result that the task carries.
pub fn complete_with(result: impl Serialize) -> Result<(), TaskError> {
    let json = serde_json::to_string(&result).map_err(TaskError::Unwritable)?;
    host::task_complete(Some(&json)).map_err(TaskError::Refused)
}

/// Ends the task as `ignored` once this run has finished: it was of no interest.
pub fn ignore() {
    host::task_ignore();
}

/// Lets the task wait once this run has finished, for 1 ms to 10 years; then its steps are looked for
/// again.
pub fn park(duration: Duration) -> Result<(), TaskError> {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    host::task_park(milliseconds).map_err(TaskError::Refused)
}

/// Gives the task so much time from the end of this run on, 1 ms to 10 years. If it has not ended by then,
/// it ends: in `error`, or as `done` after [`complete_on_expire`]. A run that is under way then is let come
/// to its end. The last call of any run counts. Kept only if the run finishes.
pub fn timeout(duration: Duration) -> Result<(), TaskError> {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    host::task_timeout(milliseconds).map_err(TaskError::Refused)
}

/// Lets the task end as `done` when the time of [`timeout`] is over. Kept only if the run finishes.
pub fn complete_on_expire() {
    host::task_complete_on_expire();
}

/// Keeps something to be drawn with this run, an object such as
/// `{"type": "bar", "name": "Orders", "data": [..], "options": {..}}`: a line of the run's log, of the level
/// `visual`. An error if the log has no room for it.
pub fn visualize(visual: impl Serialize) -> Result<(), TaskError> {
    let json = serde_json::to_string(&visual).map_err(TaskError::Undrawable)?;
    host::task_visualize(&json).map_err(TaskError::Refused)
}

/// Replies to the sender of the request that made the task, at once, while the run goes on: if its webhook lets senders
/// wait, and to its repeats. The first reply of a task counts, also if the run fails; gives whether this is the one.
///
/// The status is 200 to 299, 301, 302, 303, 307 or 308 with the header `location`, or 400 to 599. At most 20 headers;
/// those of the connection, cookies, CORS and security policies cannot be set. The body has at most 64 KiB.
///
/// ```
/// use stepwell_sdk::prelude::*;
///
/// #[step(condition = { order: Object, accepted: null })]
/// fn accept() -> Result {
///     let body = json!({ "accepted": true }).to_string();
///     task::respond(202, &[("content-type", "application/json")], body)?;
///     data::set("/accepted", true)?;
///     Ok(())
/// }
/// # let outcome = stepwell_sdk::mock::Mock::new().data(json!({"order": {}})).run(accept);
/// # assert_eq!(outcome.replied.unwrap().status, 202);
/// ```
pub fn respond(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Result<bool, TaskError> {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    host::task_respond(status, headers.collect(), body.into()).map_err(TaskError::Refused)
}

/// Builds a subtask; see [`subtask`].
#[derive(Debug)]
#[must_use = "a subtask is made by `create`"]
pub struct Subtask {
    name: String,
    data: Result<String, serde_json::Error>,
    into: Option<String>,
    wait: bool,
}

/// Makes a task of this task, once this run has finished: one of the same workspace, with a name of 1
/// to 4096 bytes and these data, an object. Steps find it by its `$via`, which is
/// `{"type": "subtask", "name": …, "parent": …, "depth": …}`. At most 100 a run, 1000 a task, and 8
/// generations.
///
/// ```
/// use stepwell_sdk::prelude::*;
///
/// #[step(condition = { pages: Array, total: null })]
/// fn split() -> Result {
///     for (number, page) in (0..).zip(data::require::<Vec<Value>>("/pages")?) {
///         task::subtask("count words", json!({ "page": page }))
///             .result_into(&format!("/counts/page-{number}"))
///             .wait()
///             .create()?;
///     }
///     Ok(())
/// }
/// # let outcome = stepwell_sdk::mock::Mock::new().data(json!({"pages": ["a b", "c"]})).run(split);
/// # assert_eq!(outcome.subtasks[1].data, json!({"page": "c"}));
/// # assert_eq!(outcome.subtasks[1].into.as_deref(), Some("/counts/page-1"));
/// ```
pub fn subtask(name: &str, data: impl Serialize) -> Subtask {
    Subtask {
        name: name.to_owned(),
        data: serde_json::to_string(&data),
        into: None,
        wait: false,
    }
}

impl Subtask {
    /// Puts the subtask's result at this pointer of this task's data when it has ended: what it was
    /// completed with, or else its data without `$via`; `null` if it was ignored; `{"error": text}` if
    /// it failed, was cancelled, or matched no step. This task is not `done` before, and then its
    /// steps are looked for again.
    pub fn result_into(mut self, pointer: &str) -> Self {
        self.into = Some(pointer.to_owned());
        self
    }

    /// Lets this task rest until the subtask has ended, and every other that this run waits for;
    /// [`park`] limits the time.
    pub fn wait(mut self) -> Self {
        self.wait = true;
        self
    }

    /// Asks for it, and gives its id.
    pub fn create(self) -> Result<String, TaskError> {
        let data = self.data.map_err(TaskError::UnwritableData)?;
        host::task_subtask(&self.name, &data, self.into.as_deref(), self.wait)
            .map_err(TaskError::Refused)
    }
}

/// Lets this step run on the task once more after this run, if its condition still matches, though
/// nothing that the condition observes has changed.
pub fn redo() {
    host::task_redo();
}
