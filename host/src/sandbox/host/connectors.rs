//! `stepwell:step/connectors`: calls that leave the sandbox, made and recorded by whoever answers
//! [`crate::domain::effect::Calls`].

use tokio::sync::oneshot;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::domain::effect::{
    Answer, CallFault, FetchError as DomainError, FetchRequest, FetchResult,
    Redirect as DomainRedirect,
};
use crate::domain::limits;
use crate::sandbox::bindings::stepwell::step::connectors::{
    FetchError, Host, HostPendingResponse, Redirect, Request, Response,
};
use crate::sandbox::fault::LimitReached;
use crate::sandbox::state::RunState;

/// A call under way, done, or taken.
pub enum PendingResponse {
    UnderWay(oneshot::Receiver<Result<Answer, CallFault>>),
    Done(Result<Answer, CallFault>),
    Taken,
}

#[async_trait::async_trait]
impl Pollable for PendingResponse {
    async fn ready(&mut self) {
        if let Self::UnderWay(receiver) = self {
            *self = Self::Done(receiver.await.unwrap_or_else(|_| {
                Err(CallFault::NotRecorded("the server is shutting down".into()))
            }));
        }
    }
}

impl Host for RunState {
    fn fetch(&mut self, request: Request) -> wasmtime::Result<Resource<PendingResponse>> {
        let call = self.calls.made;
        if call >= limits::CALLS_PER_RUN {
            return Err(LimitReached(format!(
                "a run makes at most {} connector calls",
                limits::CALLS_PER_RUN
            ))
            .into());
        }
        self.calls.made += 1;
        self.calls.open.retain(|call| !call.is_finished());
        let pending = if self.calls.open.len() >= limits::CALLS_AT_ONCE {
            let refused = DomainError::TooMany(format!(
                "{} calls are under way, and that is the most; await some first",
                limits::CALLS_AT_ONCE
            ));
            PendingResponse::Done(Ok(Answer {
                result: Err(refused),
                at: 0,
            }))
        } else {
            let (sender, receiver) = oneshot::channel();
            let answering = self.calls.answerer.answer(call, from_guest(request));
            let under_way = tokio::spawn(async move {
                // A guest that dropped the call does not wait for it.
                let _ = sender.send(answering.await);
            });
            self.calls.open.push(under_way.abort_handle());
            PendingResponse::UnderWay(receiver)
        };
        Ok(self.table.push(pending)?)
    }
}

impl HostPendingResponse for RunState {
    fn subscribe(
        &mut self,
        pending: Resource<PendingResponse>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(&mut self.table, pending)
    }

    fn take(
        &mut self,
        pending: Resource<PendingResponse>,
    ) -> wasmtime::Result<Option<Result<Response, FetchError>>> {
        let pending = self.table.get_mut(&pending)?;
        if let PendingResponse::UnderWay(receiver) = pending
            && let Ok(answer) = receiver.try_recv()
        {
            *pending = PendingResponse::Done(answer);
        }
        match std::mem::replace(pending, PendingResponse::Taken) {
            under_way @ PendingResponse::UnderWay(_) => {
                *pending = under_way;
                Ok(None)
            }
            PendingResponse::Taken => Ok(None),
            PendingResponse::Done(Err(fault)) => Err(fault.into()),
            PendingResponse::Done(Ok(answer)) => {
                self.clock.advance(answer.at);
                Ok(Some(to_guest(answer.result)))
            }
        }
    }

    fn drop(&mut self, pending: Resource<PendingResponse>) -> wasmtime::Result<()> {
        self.table.delete(pending)?;
        Ok(())
    }
}

fn from_guest(request: Request) -> FetchRequest {
    FetchRequest {
        url: request.url,
        method: request.method,
        headers: request.headers,
        body: request.body,
        timeout_ms: request.timeout_ms,
        redirect: match request.redirect {
            Redirect::Follow => DomainRedirect::Follow,
            Redirect::Manual => DomainRedirect::Manual,
            Redirect::Error => DomainRedirect::Error,
        },
    }
}

fn to_guest(result: FetchResult) -> Result<Response, FetchError> {
    match result {
        Ok(response) => Ok(Response {
            status: response.status,
            status_text: response.status_text,
            headers: response.headers,
            body: response.body,
        }),
        Err(error) => Err(match error {
            DomainError::Invalid(text) => FetchError::Invalid(text),
            DomainError::Denied(text) => FetchError::Denied(text),
            DomainError::Connection(text) => FetchError::Connection(text),
            DomainError::Timeout(ms) => FetchError::Timeout(ms),
            DomainError::TooLarge(bytes) => FetchError::TooLarge(bytes),
            DomainError::Redirected(url) => FetchError::Redirected(url),
            DomainError::TooMany(text) => FetchError::TooMany(text),
        }),
    }
}
