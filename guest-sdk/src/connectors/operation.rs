//! Operations of named connectors, and pauses.
//!
//! ```
//! use stepwell_sdk::prelude::*;
//!
//! #[step(condition = { alert: String })]
//! async fn alert() -> Result {
//!     let text: String = data::require("/alert")?;
//!     let sent = connectors::call("slackCom", "send", json!({ "channel": "#ops", "text": text })).await?;
//!     data::set("/sentAt", &sent["ts"])?;
//!     Ok(())
//! }
//! # use stepwell_sdk::mock::Mock;
//! # let outcome = Mock::new().data(json!({"alert": "down"}))
//! #     .operation("slackCom", "send", Ok(json!({"ok": true, "ts": "1.5"}))).run(alert);
//! # assert_eq!(outcome.data["sentAt"], "1.5");
//! # assert_eq!(outcome.operations[0].argument["text"], "down");
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Pending, State};
use crate::host;

/// Why an operation brought no result. Each text is the server's or the service's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no such connector or operation; the text says which there are.
    #[error("{0}")]
    Unknown(String),
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

/// Begins an operation of a connector that the workspace has by this name. The server adds address
/// and credentials; the step never sees them.
pub fn call(connector: &str, operation: &str, argument: impl Serialize) -> Operation {
    Operation(Pending::new(match serde_json::to_string(&argument) {
        Ok(argument) => State::Pending(host::call(connector, operation, &argument)),
        Err(error) => State::Settled(Err(CallError::Invalid(format!(
            "the argument of {connector}.{operation} cannot be written as JSON: {error}"
        )))),
    }))
}

/// Begins a pause, after which the run's clock reads the time at its end. One that is longer than a run
/// may take, up to ten years, outlives the run's instance and the server: when it is over the run is
/// begun again, and what it was given before is given again. [`task::park`](crate::task::park) waits
/// between runs, which costs less.
pub fn pause(duration: Duration) -> Pause {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Pause(Pending::new(State::Pending(host::pause(milliseconds))))
}

/// An operation under way.
#[must_use = "the operation is under way, but its result is lost unless awaited"]
pub struct Operation(Pending<host::PendingResult>);

impl Operation {
    /// Waits until it is done.
    pub fn wait(self) -> Result<Value, CallError> {
        value(self.0.wait())
    }
}

impl Future for Operation {
    type Output = Result<Value, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(value(result))
    }
}

/// A pause under way.
#[must_use = "a pause that is not awaited holds nothing up"]
pub struct Pause(Pending<host::PendingResult>);

impl Pause {
    /// Waits until it is over.
    pub fn wait(self) -> Result<(), CallError> {
        self.0.wait().map(drop)
    }
}

impl Future for Pause {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(result.map(drop))
    }
}

fn value(result: Result<String, CallError>) -> Result<Value, CallError> {
    let text = result?;
    serde_json::from_str(&text)
        .map_err(|error| CallError::Failed(format!("the operation's result is not JSON: {error}")))
}
