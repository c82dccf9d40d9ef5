//! Calls that a guest waits for: what its resources `pending-response` and `pending-result` hold.

use tokio::sync::oneshot;
use wasmtime_wasi::p2::Pollable;

use super::answer_order::AnswerOrder;
use super::in_flight::CallsInFlight;
use super::wasi::RunClock;
use crate::domain::clock::Millis;
use crate::domain::effect::{Answer, CallFault, CallResult};

/// A call under way, done, or taken.
pub enum Pending {
    UnderWay(oneshot::Receiver<Result<Answer, CallFault>>),
    Done(Result<Answer, CallFault>),
    Taken,
}

/// A fetch.
pub struct PendingResponse {
    pub(super) pending: Pending,
    /// Where redirects have led, once the response was taken.
    pub(super) landed: Option<String>,
}

impl PendingResponse {
    pub(super) fn new(pending: Pending) -> Self {
        Self {
            pending,
            landed: None,
        }
    }
}

/// An operation or a pause.
pub struct PendingResult {
    pub(super) pending: Pending,
    /// Of a long pause: the run's calls, as the run may end for it when none is in flight.
    pub(super) long: Option<CallsInFlight>,
}

impl PendingResult {
    /// When a long pause that is not over ends.
    pub(super) fn paused_until(&self) -> Option<Millis> {
        match (&self.long, &self.pending) {
            (Some(_), Pending::Done(Err(CallFault::Paused { until }))) => Some(*until),
            _ => None,
        }
    }
}

impl Pending {
    async fn ready(&mut self) {
        if let Self::UnderWay(receiver) = self {
            *self = Self::Done(receiver.await.unwrap_or_else(|_| {
                Err(CallFault::NotRecorded("the server is shutting down".into()))
            }));
        }
    }

    /// Sees whether it is done, without waiting for it.
    pub(super) fn look(&mut self) {
        if let Self::UnderWay(receiver) = self
            && let Ok(answer) = receiver.try_recv()
        {
            *self = Self::Done(answer);
        }
    }

    /// The answer, once. The run's clock moves to its time.
    pub(super) fn take(
        &mut self,
        clock: &RunClock,
        answers: &AnswerOrder,
    ) -> wasmtime::Result<Option<CallResult>> {
        self.look();
        match std::mem::replace(self, Self::Taken) {
            under_way @ Self::UnderWay(_) => {
                *self = under_way;
                Ok(None)
            }
            Self::Taken => Ok(None),
            Self::Done(Err(CallFault::NoMemory(exhausted))) => Err(exhausted.into()),
            Self::Done(Err(fault)) => Err(fault.into()),
            Self::Done(Ok(answer)) => {
                clock.advance(answer.at);
                if answer.order.is_some() {
                    answers.taken();
                }
                Ok(Some(answer.result))
            }
        }
    }
}

#[async_trait::async_trait]
impl Pollable for PendingResponse {
    async fn ready(&mut self) {
        self.pending.ready().await;
    }
}

#[async_trait::async_trait]
impl Pollable for PendingResult {
    async fn ready(&mut self) {
        self.pending.ready().await;
        if let (Some(in_flight), Some(until)) = (&self.long, self.paused_until()) {
            in_flight.long_pause(until).await;
        }
    }
}
