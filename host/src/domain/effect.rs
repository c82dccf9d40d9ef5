//! Effects: connector calls as a step makes them and as the journal remembers them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::budget::{Charge, Exhausted};
use super::clock::Millis;
use super::ids::StepName;
use super::reply::HttpReply;

/// An HTTP request as a guest asked for it, before any policy was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// Absolute http or https URL.
    pub url: String,
    /// Method token, upper case by convention, e.g. `POST`.
    pub method: String,
    /// Header names and values in the guest's order; a name may repeat.
    pub headers: Vec<(String, String)>,
    /// The body's bytes; empty for none.
    pub body: Vec<u8>,
    /// The longest the call may take in milliseconds, connection included; `None` leaves it to the
    /// server.
    pub timeout_ms: Option<u64>,
    /// How to handle a redirect.
    pub redirect: Redirect,
}

/// How to handle a redirect (the `redirect` member of the Fetch standard's request).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Redirect {
    /// Follow up to 10 hops, each checked against the egress policy.
    #[default]
    Follow,
    /// Hand the 3xx response to the guest.
    Manual,
    /// Fail with [`FetchError::Redirected`].
    Error,
}

/// An HTTP response as the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse {
    /// Status code, 100 to 599. A status that is not 2xx is a response, not an error.
    pub status: u16,
    /// The reason phrase that the server wrote; over HTTP/2, which has none, the one that belongs to
    /// the status code.
    pub status_text: String,
    /// Header names in lower case with their values, in the order they came; and, where redirects
    /// were followed, the URL under [`FetchResponse::LANDED`].
    pub headers: Vec<(String, String)>,
    /// The decompressed body.
    pub body: Vec<u8>,
}

impl FetchResponse {
    /// The name under which `headers` holds the URL that redirects have led to, so that records of
    /// earlier versions, which have no such place, stay readable. No header can have this name: RFC
    /// 9110 (5.6.2) has no colon in one.
    pub const LANDED: &str = ":url";

    /// Takes the URL that redirects have led to out of the headers; none if none was followed.
    pub fn take_landed(&mut self) -> Option<String> {
        let at = self
            .headers
            .iter()
            .position(|(name, _)| name == Self::LANDED)?;
        Some(self.headers.remove(at).1)
    }
}

/// Why a connector call brought no response. The text is for the step author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The request itself is wrong: URL, method, header, size.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// The egress policy refuses the destination.
    #[error("refused by the egress policy: {0}")]
    Denied(String),
    /// No connection, a broken connection, or a response that is no HTTP.
    #[error("connection failed: {0}")]
    Connection(String),
    /// Nothing (or not everything) came in time.
    #[error("timed out after {0} ms")]
    Timeout(u64),
    /// The response is larger than is allowed.
    #[error("the response is larger than {0} bytes")]
    TooLarge(u64),
    /// A redirect came and the request forbade it.
    #[error("redirected to {0}, and the request said not to follow")]
    Redirected(String),
    /// More calls than a run may make, or may have under way.
    #[error("too many calls: {0}")]
    TooMany(String),
}

/// The result of a connector call.
pub type FetchResult = Result<FetchResponse, FetchError>;

/// An operation of a named connector as a guest asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The connector's name in the workspace, e.g. `slackCom`.
    pub connector: String,
    /// The operation, e.g. `send`.
    pub operation: String,
    /// Its argument, JSON text.
    pub argument: String,
}

/// Why an operation brought no result. The text is for the step author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// There is no such connector or operation.
    #[error("{0}")]
    NotFound(String),
    /// The argument or the connector's configuration is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The service was asked and said no.
    #[error("{0}")]
    Refused(String),
    /// The service could not be asked.
    #[error("{0}")]
    Failed(String),
}

/// One call of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallRequest {
    /// `connectors.fetch`.
    Fetch(FetchRequest),
    /// `connectors.call`.
    Operation(Operation),
    /// `connectors.pause`, in milliseconds.
    Pause(u64),
    /// A pause that is longer than a run may take.
    LongPause {
        /// Its length in milliseconds.
        milliseconds: u64,
        /// When it is over, by the run's clock.
        until: Millis,
    },
}

impl CallRequest {
    /// Roughly the bytes that it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Fetch(request) => {
                let headers = request.headers.iter();
                let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
                request.url.len() + headers + request.body.len()
            }
            Self::Operation(operation) => operation.argument.len(),
            Self::Pause(_) | Self::LongPause { .. } => 0,
        }
    }
}

/// The result of a call, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallResult {
    /// Of a fetch.
    Fetch(FetchResult),
    /// Of an operation (its result is JSON text) or a pause (`null`).
    Operation(Result<String, OperationError>),
}

/// The origin of a run: enough to begin it again as the same, even if its step has been replaced
/// meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOrigin {
    /// The step.
    pub step: StepName,
    /// SHA-256 of its component or script, lower-case hex.
    pub digest: String,
    /// A digest of what its condition observed; see `StepMemory::observed`.
    pub observed: u64,
}

/// One finished connector call as the journal keeps it, written before the guest sees the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The run it belongs to, counted from 1 within the task.
    pub run: u32,
    /// The attempt of that run, counted from 1. Another attempt makes its calls anew.
    pub attempt: u32,
    /// The origin of the run.
    pub begun: RunOrigin,
    /// The call within the attempt, counted from 0 in the order the guest made them.
    pub call: u32,
    /// SHA-256 of the request as the guest made it.
    pub digest: [u8; 32],
    /// Method and URL without query, for people.
    pub summary: String,
    /// Its place among the attempt's calls by when they were done, from 0. A call that was done later
    /// and recorded earlier may not have been seen by the guest.
    pub order: u32,
    /// When the result was there; a run's clock moves to it.
    pub at: Millis,
    /// How long the call took, in microseconds.
    pub duration_us: u64,
    /// Its result, without the response's body if that is kept elsewhere.
    pub result: CallResult,
    /// The SHA-256 of the response's body, if that is too large for the journal and kept by digest.
    pub body: Option<[u8; 32]>,
}

impl Effect {
    /// Roughly the bytes that it takes.
    pub fn bytes(&self) -> usize {
        let result = match &self.result {
            CallResult::Fetch(Ok(response)) => {
                let headers = response.headers.iter();
                let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
                headers + response.body.len()
            }
            CallResult::Operation(Ok(text)) => text.len(),
            _ => 0,
        };
        self.summary.len() + result
    }

    /// Drops what a guest was given and people are not shown: the response's headers and body, or the result.
    pub fn without_answer(mut self) -> Self {
        match &mut self.result {
            CallResult::Fetch(Ok(response)) => {
                response.headers = Vec::new();
                response.body = Vec::new();
            }
            CallResult::Operation(Ok(text)) => *text = String::new(),
            _ => {}
        }
        self
    }
}

/// A call that was answered: the result and the time at which a run's clock stands after it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What the guest is given.
    pub result: CallResult,
    /// See [`Effect::at`].
    pub at: Millis,
    /// When its turn is among the run's answers, from 0 without a gap; none if it is not made to
    /// wait.
    pub order: Option<u32>,
    /// What the result has of the run's memory, until the guest has taken it.
    pub charge: Option<Arc<Charge>>,
}

/// A call that was refused because the run no longer does what its journal says it did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFault {
    /// A replayed run asked for something else than it had asked for before.
    #[error(
        "nondeterministic: call {call} was `{recorded}` when it was recorded and is `{asked}` now"
    )]
    Nondeterministic {
        /// The call's index.
        call: u32,
        /// What the journal has.
        recorded: String,
        /// What the guest asks for now.
        asked: String,
    },
    /// The run pauses for long: it must end here and be begun again then.
    #[error("the run pauses until {}", super::clock::rfc3339(*until))]
    Paused {
        /// When the pause is over.
        until: Millis,
    },
    /// A dry replay asked for something that was not recorded; nothing was sent.
    #[error(
        "not replayed: it would call `{asked}`, for which nothing was recorded; a replay sends nothing"
    )]
    NotReplayed {
        /// What the guest asks for.
        asked: String,
    },
    /// The task's journal is full; nothing was sent.
    #[error("the task's journal has {bytes} bytes, and at most {most} are kept: the task has made too many calls, or had too large answers or changes", most = super::limits::JOURNAL_BYTES)]
    JournalFull {
        /// What it has.
        bytes: u64,
    },
    /// There is no memory for a recorded answer: the run must end here and be run again.
    #[error(transparent)]
    NoMemory(Exhausted),
    /// A file of the task could not be read.
    #[error("a file of the task could not be read: {0}")]
    FileUnreadable(String),
    /// The result could not be made durable; the run must end here and be run again.
    #[error("the call's result could not be recorded: {0}")]
    NotRecorded(String),
}

/// Answers the connector calls of one run: from the journal if they are there, else by making
/// them and recording the results. The sandbox knows connectors only by this.
pub trait Calls: Send + Sync + 'static {
    /// Answers call number `call` (from 0, in the order the guest made them). The result is
    /// durable when the future resolves.
    fn answer(
        &self,
        call: u32,
        request: CallRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, CallFault>> + Send>>;

    /// Replies to the sender of the request that made the run's task. `false` if the task has another reply already, or,
    /// as here, no sender. The reply is durable when the future resolves.
    fn respond(
        &self,
        _reply: HttpReply,
    ) -> Pin<Box<dyn Future<Output = Result<bool, CallFault>> + Send>> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// At most `length` bytes of the task's file with this SHA-256, from `offset` on; none if it has no such file. Unlike a
    /// call it is not recorded: a file never changes.
    fn file(
        &self,
        _digest: [u8; 32],
        _offset: u64,
        _length: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Option<FilePart>, CallFault>> + Send>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The size of the whole file, in bytes.
    pub size: u64,
    /// The requested bytes, as far as the file goes.
    pub bytes: Vec<u8>,
}
