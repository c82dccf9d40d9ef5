//! Status, code and members of the refusals of a request's body.

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use stepwell_api::{Problem, SchemaViolation};

use super::kind::{Kind, at_position, kind, kind_with, max_bytes, store_kind};
use crate::domain::limits::FILES_PER_REQUEST;
use crate::ingest::accept::IngestError;
use crate::ingest::body::BodyError;
use crate::ingest::decode::DecodeError;
use crate::ingest::fit::Mismatch;
use crate::ingest::limits::{LimitError, seconds};
use crate::ingest::read::ReadError;
use crate::ingest::upload::UploadError;
use crate::ingest::verify::VerifyError;
use crate::store::BlobError;

/// Of a body that did not come in.
pub(super) fn read(error: &ReadError) -> Kind {
    use StatusCode as S;
    match error {
        ReadError::TooLarge { most: bytes } => {
            kind_with(S::PAYLOAD_TOO_LARGE, "body-too-large", max_bytes(*bytes))
        }
        ReadError::Slow { .. } => kind(S::REQUEST_TIMEOUT, "slow-body"),
        ReadError::Broken(_) => kind(S::BAD_REQUEST, "broken-body"),
        ReadError::Overloaded => kind(S::SERVICE_UNAVAILABLE, "overloaded"),
    }
}

/// Of a body that does not become data.
pub(super) fn kind_of(error: &IngestError) -> Kind {
    use StatusCode as S;
    match error {
        IngestError::NotJsonType(_) => kind(S::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"),
        IngestError::DataTooLarge(_) | IngestError::TogetherTooLarge(_) => {
            kind(S::PAYLOAD_TOO_LARGE, "body-too-large")
        }
        IngestError::Schema(mismatch) => schema(mismatch),
        IngestError::Decode(error) => decode(error),
        IngestError::Body(error) => body(error),
    }
}

fn schema(mismatch: &Mismatch) -> Kind {
    let errors = mismatch.violations.iter();
    let errors: Vec<SchemaViolation> = errors
        .map(|violation| SchemaViolation {
            instance: violation.instance.clone(),
            schema: violation.schema.clone(),
            message: violation.message.clone(),
        })
        .collect();
    let code = match errors.is_empty() {
        true => "schema-too-costly",
        false => "schema-mismatch",
    };
    let members = Problem {
        errors: Some(errors).filter(|errors| !errors.is_empty()),
        document: mismatch.document.map(|number| number as u64),
        ..Problem::default()
    };
    kind_with(StatusCode::UNPROCESSABLE_ENTITY, code, members)
}

fn decode(error: &DecodeError) -> Kind {
    use StatusCode as S;
    match error {
        DecodeError::UnknownCoding(_) | DecodeError::TooManyCodings(_) => {
            kind(S::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding")
        }
        DecodeError::BrokenCoding(_) => kind(S::BAD_REQUEST, "bad-encoding"),
        DecodeError::TooLarge { most: bytes } => {
            kind_with(S::PAYLOAD_TOO_LARGE, "body-too-large", max_bytes(*bytes))
        }
        DecodeError::TooMany => kind(S::PAYLOAD_TOO_LARGE, "body-too-large"),
        DecodeError::Form(_) => kind(S::BAD_REQUEST, "bad-form"),
        DecodeError::Event(_) => kind(S::BAD_REQUEST, "bad-cloudevent"),
        DecodeError::Body(error) => body(error),
    }
}

/// Of a form with files.
pub(super) fn upload(error: &UploadError) -> Kind {
    use StatusCode as S;
    let too_large = |bytes: u64| {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        kind_with(S::PAYLOAD_TOO_LARGE, "body-too-large", max_bytes(bytes))
    };
    match error {
        UploadError::TooLarge { most } => too_large(*most),
        UploadError::TextsTooLarge { most } => too_large(*most as u64),
        UploadError::TooManyFiles => too_large(FILES_PER_REQUEST as u64),
        UploadError::Blob(BlobError::WorkspaceFull { most: bytes }) => {
            let bytes = usize::try_from(*bytes).unwrap_or(usize::MAX);
            kind_with(S::INSUFFICIENT_STORAGE, "files-full", max_bytes(bytes))
        }
        UploadError::Blob(BlobError::Store(error)) => store_kind(error),
        UploadError::Read(error) => read(error),
        UploadError::Decode(error) => decode(error),
    }
}

fn body(error: &BodyError) -> Kind {
    let bad = StatusCode::BAD_REQUEST;
    match error {
        BodyError::TooDeep { line, column, .. } => {
            kind_with(bad, "too-deep", at_position(*line, *column))
        }
        BodyError::Empty => kind_with(bad, "bad-json", at_position(1, 1)),
        BodyError::NotJson { line, column, .. } => {
            kind_with(bad, "bad-json", at_position(*line, *column))
        }
        BodyError::NotUtf8 {
            offset,
            line,
            column,
        } => kind_with(
            bad,
            "bad-json",
            Problem {
                offset: Some(*offset as u64),
                ..at_position(*line, *column)
            },
        ),
    }
}

/// Of a request that its sender has not signed, or may not send.
pub(super) fn verify(error: &VerifyError) -> Kind {
    use StatusCode as S;
    match error {
        VerifyError::Address(_) => kind(S::FORBIDDEN, "address-refused"),
        VerifyError::NoChallenge { .. } => kind(S::FORBIDDEN, "challenge-refused"),
        VerifyError::KeyUnavailable => kind(S::SERVICE_UNAVAILABLE, "key-unavailable"),
        VerifyError::Unconfirmed => kind(S::SERVICE_UNAVAILABLE, "confirmation-failed"),
        // The codes are those of the crate `stepwell-signature`.
        VerifyError::Refused { refused, .. } => kind(S::UNAUTHORIZED, refused.code()),
    }
}

/// When the sender may try again, and what it may send (draft-ietf-httpapi-ratelimit-headers-10).
pub(super) fn limit_headers(error: &LimitError, headers: &mut HeaderMap) {
    let LimitError::Rate { whose, rate, wait } = error else {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return;
    };
    let wait = seconds(wait);
    let policy = format!("\"{whose}\";q={};w={}", rate.requests, rate.seconds);
    for (name, value) in [
        (RETRY_AFTER, wait.to_string()),
        (HeaderName::from_static("ratelimit-policy"), policy),
        (
            HeaderName::from_static("ratelimit"),
            format!("\"{whose}\";r=0;t={wait}"),
        ),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}
