//! A recorded connector call, as a journal entry has it: of version 1 of entries.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::parts::{Bytes, List, ShapeError, Text};
use crate::domain::effect::{
    CallResult, Effect, FetchError, FetchResponse, OperationError, RunOrigin,
};

#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct EffectV1<'a> {
    run: u32,
    attempt: u32,
    #[serde(borrow)]
    begun: BegunV1<'a>,
    call: u32,
    digest: [u8; 32],
    summary: Text<'a>,
    order: u32,
    at: u64,
    duration_us: u64,
    result: CallResultV1<'a>,
    body: Option<[u8; 32]>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BegunV1<'a> {
    #[serde(borrow)]
    step: Text<'a>,
    digest: Text<'a>,
    observed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum CallResultV1<'a> {
    #[serde(borrow)]
    Fetch(Result<FetchResponseV1<'a>, FetchErrorV1<'a>>),
    Operation(Result<Text<'a>, OperationErrorV1<'a>>),
}

#[derive(Debug, Serialize, Deserialize)]
struct FetchResponseV1<'a> {
    status: u16,
    #[serde(borrow)]
    status_text: Text<'a>,
    headers: List<'a, (String, String), HeaderV1<'a>>,
    body: Bytes<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HeaderV1<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    value: Text<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
enum FetchErrorV1<'a> {
    #[serde(borrow)]
    Invalid(Text<'a>),
    Denied(Text<'a>),
    Connection(Text<'a>),
    Timeout(u64),
    TooLarge(u64),
    Redirected(Text<'a>),
    TooMany(Text<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
enum OperationErrorV1<'a> {
    #[serde(borrow)]
    Unknown(Text<'a>),
    Invalid(Text<'a>),
    Refused(Text<'a>),
    Failed(Text<'a>),
}

impl<'a> From<&'a Effect> for EffectV1<'a> {
    fn from(effect: &'a Effect) -> Self {
        let Effect {
            run,
            attempt,
            begun,
            call,
            digest,
            summary,
            order,
            at,
            duration_us,
            result,
            body,
        } = effect;
        Self {
            run: *run,
            attempt: *attempt,
            begun: begun.into(),
            call: *call,
            digest: *digest,
            summary: summary.into(),
            order: *order,
            at: *at,
            duration_us: *duration_us,
            result: result.into(),
            body: *body,
        }
    }
}

impl TryFrom<EffectV1<'_>> for Effect {
    type Error = ShapeError;

    fn try_from(shape: EffectV1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            run: shape.run,
            attempt: shape.attempt,
            begun: RunOrigin {
                step: shape.begun.step.name()?,
                digest: shape.begun.digest.into(),
                observed: shape.begun.observed,
            },
            call: shape.call,
            digest: shape.digest,
            summary: shape.summary.into(),
            order: shape.order,
            at: shape.at,
            duration_us: shape.duration_us,
            result: shape.result.try_into()?,
            body: shape.body,
        })
    }
}

impl<'a> From<&'a RunOrigin> for BegunV1<'a> {
    fn from(begun: &'a RunOrigin) -> Self {
        let RunOrigin {
            step,
            digest,
            observed,
        } = begun;
        Self {
            step: step.into(),
            digest: digest.into(),
            observed: *observed,
        }
    }
}

impl<'a> From<&'a CallResult> for CallResultV1<'a> {
    fn from(result: &'a CallResult) -> Self {
        match result {
            CallResult::Fetch(Ok(response)) => Self::Fetch(Ok(response.into())),
            CallResult::Fetch(Err(error)) => Self::Fetch(Err(error.into())),
            CallResult::Operation(Ok(value)) => Self::Operation(Ok(value.into())),
            CallResult::Operation(Err(error)) => Self::Operation(Err(error.into())),
        }
    }
}

impl TryFrom<CallResultV1<'_>> for CallResult {
    type Error = ShapeError;

    fn try_from(shape: CallResultV1<'_>) -> Result<Self, ShapeError> {
        Ok(match shape {
            CallResultV1::Fetch(Ok(response)) => Self::Fetch(Ok(response.try_into()?)),
            CallResultV1::Fetch(Err(error)) => Self::Fetch(Err(error.into())),
            CallResultV1::Operation(Ok(value)) => Self::Operation(Ok(value.into())),
            CallResultV1::Operation(Err(error)) => Self::Operation(Err(error.into())),
        })
    }
}

impl<'a> From<&'a FetchResponse> for FetchResponseV1<'a> {
    fn from(response: &'a FetchResponse) -> Self {
        let FetchResponse {
            status,
            status_text,
            headers,
            body,
        } = response;
        Self {
            status: *status,
            status_text: status_text.into(),
            headers: List::Domain(headers),
            body: Bytes(Cow::Borrowed(body)),
        }
    }
}

impl TryFrom<FetchResponseV1<'_>> for FetchResponse {
    type Error = ShapeError;

    fn try_from(shape: FetchResponseV1<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            status: shape.status,
            status_text: shape.status_text.into(),
            headers: shape.headers.into_domain()?,
            body: shape.body.0.into_owned(),
        })
    }
}

impl<'a> From<&'a (String, String)> for HeaderV1<'a> {
    fn from((name, value): &'a (String, String)) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

impl From<HeaderV1<'_>> for (String, String) {
    fn from(shape: HeaderV1<'_>) -> Self {
        (shape.name.into(), shape.value.into())
    }
}

impl<'a> From<&'a FetchError> for FetchErrorV1<'a> {
    fn from(error: &'a FetchError) -> Self {
        match error {
            FetchError::Invalid(why) => Self::Invalid(why.into()),
            FetchError::Denied(why) => Self::Denied(why.into()),
            FetchError::Connection(why) => Self::Connection(why.into()),
            FetchError::Timeout(ms) => Self::Timeout(*ms),
            FetchError::TooLarge(bytes) => Self::TooLarge(*bytes),
            FetchError::Redirected(to) => Self::Redirected(to.into()),
            FetchError::TooMany(why) => Self::TooMany(why.into()),
        }
    }
}

impl From<FetchErrorV1<'_>> for FetchError {
    fn from(shape: FetchErrorV1<'_>) -> Self {
        match shape {
            FetchErrorV1::Invalid(why) => Self::Invalid(why.into()),
            FetchErrorV1::Denied(why) => Self::Denied(why.into()),
            FetchErrorV1::Connection(why) => Self::Connection(why.into()),
            FetchErrorV1::Timeout(ms) => Self::Timeout(ms),
            FetchErrorV1::TooLarge(bytes) => Self::TooLarge(bytes),
            FetchErrorV1::Redirected(to) => Self::Redirected(to.into()),
            FetchErrorV1::TooMany(why) => Self::TooMany(why.into()),
        }
    }
}

impl<'a> From<&'a OperationError> for OperationErrorV1<'a> {
    fn from(error: &'a OperationError) -> Self {
        match error {
            OperationError::NotFound(why) => Self::Unknown(why.into()),
            OperationError::Invalid(why) => Self::Invalid(why.into()),
            OperationError::Refused(why) => Self::Refused(why.into()),
            OperationError::Failed(why) => Self::Failed(why.into()),
        }
    }
}

impl From<OperationErrorV1<'_>> for OperationError {
    fn from(shape: OperationErrorV1<'_>) -> Self {
        match shape {
            OperationErrorV1::Unknown(why) => Self::NotFound(why.into()),
            OperationErrorV1::Invalid(why) => Self::Invalid(why.into()),
            OperationErrorV1::Refused(why) => Self::Refused(why.into()),
            OperationErrorV1::Failed(why) => Self::Failed(why.into()),
        }
    }
}
