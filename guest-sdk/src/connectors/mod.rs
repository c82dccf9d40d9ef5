//! HTTP calls that leave the sandbox.
//!
//! The server makes the call, if its egress policy allows the destination, and writes the result
//! into the task's journal before the step sees it. After a crash the step is run again and given
//! the same results, so a call is not made twice.
//!
//! ```
//! use stepwell_sdk::prelude::*;
//!
//! #[step(condition = { customer: { created: true } })]
//! async fn sync_customer() -> Result {
//!     let customer: Value = data::require("/customer")?;
//!     let request = Request::post("https://crm.example/customers")
//!         .bearer(&task::require_config("CRM_TOKEN")?)
//!         .json(&customer);
//!     let response = connectors::fetch(request).await?.require_ok()?;
//!     data::set("/customer/crmId", response.json::<Value>()?["id"].clone())?;
//!     Ok(())
//! }
//! # use stepwell_sdk::mock::{Mock, Reply};
//! # let outcome = Mock::new().data(json!({"customer": {"created": true}})).config("CRM_TOKEN", "t")
//! #     .reply("POST", "https://crm.example/customers", Reply::json(201, json!({"id": 7})))
//! #     .run(sync_customer);
//! # assert_eq!(outcome.data["customer"]["crmId"], 7);
//! # assert_eq!(outcome.calls[0].header("authorization"), Some("Bearer t"));
//! ```

mod operation;
pub(crate) mod request;
mod response;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

pub use operation::{CallError, Operation, Pause, call, pause};
pub use request::{Redirect, Request};
pub use response::{Response, ResponseError};

use crate::executor::{Registration, block_on};
use crate::host;

/// Why there is no response. A status that is not 2xx is a response, not an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The request is wrong; the text says what.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// The egress policy refuses the destination; the text names it and the rule.
    #[error("refused by the egress policy: {0}")]
    Denied(String),
    /// No connection, or a broken one.
    #[error("connection failed: {0}")]
    Connection(String),
    /// Not done in time, in milliseconds.
    #[error("timed out after {0} ms")]
    Timeout(u64),
    /// The response is larger than so many bytes.
    #[error("the response is larger than {0} bytes")]
    TooLarge(u64),
    /// A redirect came to this URL, and the request said [`Redirect::Error`].
    #[error("redirected to {0}, and the request said not to follow")]
    Redirected(String),
    /// More calls than a run may make, or may have under way at once.
    #[error("too many calls: {0}")]
    TooMany(String),
}

/// Begins a call. It is under way at once, before it is awaited, so several may overlap:
/// [`join_all`](crate::join_all) waits for all of them.
pub fn fetch(request: Request) -> Fetch {
    Pending::new(match request.into_parts() {
        Ok(parts) => State::Pending(host::fetch(parts)),
        Err(reason) => State::Settled(Err(FetchError::Invalid(reason))),
    })
}

/// A fetch under way.
pub type Fetch = Pending<host::PendingResponse>;

/// A call under way: await it, or [`wait`](Pending::wait) for it in a step that is no `async fn`.
#[must_use = "the call is under way, but its result is lost unless awaited"]
pub struct Pending<P: UnderWay> {
    // In this order: the host wants a pollable dropped before the call it belongs to.
    registration: Option<Registration>,
    pollable: Option<Rc<host::Pollable>>,
    state: State<P>,
}

/// What the host has under way for the step.
#[doc(hidden)]
pub trait UnderWay: Unpin {
    /// Its result.
    type Result: Unpin;
    /// Ready when it is done.
    fn subscribe(&self) -> host::Pollable;
    /// Its outcome, once.
    fn take(&self) -> Option<Self::Result>;
}

enum State<P: UnderWay> {
    Pending(P),
    Settled(P::Result),
    Taken,
}

impl<P: UnderWay> Pending<P> {
    fn new(state: State<P>) -> Self {
        Self {
            registration: None,
            pollable: None,
            state,
        }
    }

    /// Waits until the call is done.
    pub fn wait(self) -> P::Result {
        block_on(self)
    }
}

impl<P: UnderWay> Future for Pending<P> {
    type Output = P::Result;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let State::Pending(pending) = &this.state {
            match pending.take() {
                Some(result) => {
                    this.registration = None;
                    this.pollable = None;
                    this.state = State::Settled(result);
                }
                None => {
                    let pollable = this
                        .pollable
                        .get_or_insert_with(|| Rc::new(pending.subscribe()));
                    this.registration = Some(Registration::new(pollable, context.waker()));
                    return Poll::Pending;
                }
            }
        }
        match std::mem::replace(&mut this.state, State::Taken) {
            State::Settled(result) => Poll::Ready(result),
            _ => panic!("a finished call was polled again"),
        }
    }
}
