//! `stepwell:step/connectors`: calls that leave the sandbox, made and recorded by the implementation of
//! [`crate::domain::effect::Calls`].

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, subscribe};

use crate::domain::budget::Charge;
use crate::domain::effect::{
    Answer, CallFault, CallRequest, CallResult, FetchError as DomainError, FetchRequest,
    FetchResponse, FetchResult, Operation, OperationError, Redirect as DomainRedirect,
};
use crate::domain::limits;
use crate::sandbox::bindings::stepwell::step::connectors::{
    CallError, FetchError, Host, HostPendingResponse, HostPendingResult, Redirect, Request,
    Response,
};
use crate::sandbox::fault::LimitReached;
use crate::sandbox::pending::{Pending, PendingResponse, PendingResult};
use crate::sandbox::state::RunState;

impl RunState {
    /// Begins a call; `too_many` makes its result if too many are under way.
    fn begin(
        &mut self,
        request: CallRequest,
        too_many: impl FnOnce(String) -> CallResult,
    ) -> wasmtime::Result<Pending> {
        self.work.charge(request_bytes(&request))?;
        let call = self.calls.made;
        if call >= limits::CALLS_PER_RUN {
            return Err(LimitReached(format!(
                "a run makes at most {} connector calls",
                limits::CALLS_PER_RUN
            ))
            .into());
        }
        self.calls.made += 1;
        while self.calls.open.try_join_next().is_some() {}
        if self.calls.open.len() >= limits::CALLS_AT_ONCE {
            return Ok(Pending::refused(too_many(format!(
                "{} calls are under way, and that is the most; await some first",
                limits::CALLS_AT_ONCE
            ))));
        }
        let charge = Charge::new(self.memory.clone());
        charge.grow(request.bytes() as u64)?;
        let (sender, receiver) = oneshot::channel();
        let answering = self.calls.answerer.answer(call, request);
        let answers = self.calls.answers.clone();
        let in_flight = self.calls.in_flight.begin();
        self.calls.open.spawn(async move {
            answers.done(sender, answering.await);
            drop((in_flight, charge));
        });
        Ok(Pending::UnderWay(receiver))
    }
}

impl Pending {
    /// The error of a call that was refused before it was made; time has not moved.
    fn refused(result: CallResult) -> Self {
        Self::Done(Ok(Answer {
            result,
            at: 0,
            order: None,
            charge: None,
        }))
    }
}

/// Bytes that a call sends.
fn request_bytes(request: &CallRequest) -> usize {
    match request {
        CallRequest::Fetch(fetch) => {
            let headers = fetch.headers.iter();
            let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
            fetch.url.len() + headers + fetch.body.len()
        }
        CallRequest::Operation(operation) => operation.argument.len(),
        CallRequest::Pause(_) | CallRequest::LongPause { .. } => 0,
    }
}

fn failed(why: String) -> CallResult {
    CallResult::Operation(Err(OperationError::Failed(why)))
}

impl Host for RunState {
    fn fetch(&mut self, request: Request) -> wasmtime::Result<Resource<PendingResponse>> {
        let pending = self.begin(CallRequest::Fetch(from_guest(request)), |why| {
            CallResult::Fetch(Err(DomainError::TooMany(why)))
        })?;
        Ok(self.table.push(PendingResponse::new(pending))?)
    }

    fn call(
        &mut self,
        connector: String,
        operation: String,
        argument: String,
    ) -> wasmtime::Result<Resource<PendingResult>> {
        let operation = Operation {
            connector,
            operation,
            argument,
        };
        let pending = self.begin(CallRequest::Operation(operation), failed)?;
        Ok(self.table.push(PendingResult {
            pending,
            long: None,
        })?)
    }

    fn pause(&mut self, milliseconds: u64) -> wasmtime::Result<Resource<PendingResult>> {
        let mut long = None;
        let left = self.calls.deadline.duration_since(Instant::now());
        let pending = if Duration::from_millis(milliseconds) < left {
            self.begin(CallRequest::Pause(milliseconds), failed)?
        } else if milliseconds <= limits::PARK_MS {
            long = Some(self.calls.in_flight.clone());
            let until = self.clock.read().saturating_add(milliseconds);
            let request = CallRequest::LongPause {
                milliseconds,
                until,
            };
            self.begin(request, failed)?
        } else {
            Pending::refused(failed(format!(
                "a pause of {milliseconds} ms is longer than ten years ({} ms), the most there is",
                limits::PARK_MS
            )))
        };
        Ok(self.table.push(PendingResult { pending, long })?)
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
        self.work.charge(0)?;
        let own = self.table.get_mut(&pending)?;
        match own.pending.take(&self.clock, &self.calls.answers)? {
            None => Ok(None),
            Some(CallResult::Fetch(mut result)) => {
                if let Ok(response) = &result {
                    self.work.add_bytes(response.body.len());
                }
                own.landed = result.as_mut().ok().and_then(FetchResponse::take_landed);
                Ok(Some(to_guest(result)))
            }
            Some(CallResult::Operation(_)) => Err(wrong_kind().into()),
        }
    }

    fn redirected_to(
        &mut self,
        pending: Resource<PendingResponse>,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&pending)?.landed.clone())
    }

    fn drop(&mut self, pending: Resource<PendingResponse>) -> wasmtime::Result<()> {
        self.table.delete(pending)?;
        Ok(())
    }
}

impl HostPendingResult for RunState {
    fn subscribe(
        &mut self,
        pending: Resource<PendingResult>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(&mut self.table, pending)
    }

    fn take(
        &mut self,
        pending: Resource<PendingResult>,
    ) -> wasmtime::Result<Option<Result<String, CallError>>> {
        self.work.charge(0)?;
        let own = self.table.get_mut(&pending)?;
        own.pending.look();
        if own.paused_until().is_some() {
            return Ok(None);
        }
        match own.pending.take(&self.clock, &self.calls.answers)? {
            None => Ok(None),
            Some(CallResult::Operation(result)) => Ok(Some(result.map_err(|error| match error {
                OperationError::NotFound(text) => CallError::Unknown(text),
                OperationError::Invalid(text) => CallError::Invalid(text),
                OperationError::Refused(text) => CallError::Refused(text),
                OperationError::Failed(text) => CallError::Failed(text),
            }))),
            Some(CallResult::Fetch(_)) => Err(wrong_kind().into()),
        }
    }

    fn drop(&mut self, pending: Resource<PendingResult>) -> wasmtime::Result<()> {
        self.table.delete(pending)?;
        Ok(())
    }
}

/// The journal has a result of another kind for this call: its digest cannot have agreed.
fn wrong_kind() -> CallFault {
    CallFault::NotRecorded("the journal has an answer of another kind for this call".into())
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
