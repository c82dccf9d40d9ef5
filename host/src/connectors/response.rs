//! From what an upstream answered to what a guest is given: bounded, decoded, and without the headers
//! that spoke to us only.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::ext::ReasonPhrase;
use tokio::sync::oneshot;

use super::content::Codings;
use super::pace::{LARGE, Paced};
use super::payer::Payer;
use super::transport::reason;
use super::{HEADER_BYTES, HEADERS};
use crate::coding::CodingError;
use crate::domain::blocking::BlockingPool;
use crate::domain::budget::Charge;
use crate::domain::effect::{FetchError, FetchResponse, FetchResult};
use crate::domain::ids::WorkspaceName;

/// A body is there twice while it is decoded, and the guest has one of its own.
const COPIES: u64 = 2;

/// Reads a response whose body may have `most` bytes, decoded. `landed` is the URL to which redirects
/// have led, if there were any.
pub(super) async fn read(
    response: Response<Incoming>,
    most: usize,
    landed: Option<&str>,
    (caller, payer): (&WorkspaceName, Payer<'_>),
) -> FetchResult {
    let memory = payer.memory;
    let too_large = || FetchError::TooLarge(most as u64);
    let (mut head, body) = response.into_parts();
    bounded(&head.headers)?;
    let status_text = phrase(head.status, head.extensions.get::<ReasonPhrase>());
    let codings = Codings::of(&head.headers).map_err(FetchError::Connection)?;
    let mut intake = Intake {
        caller,
        pace: payer.pace,
        admitted: LARGE,
    };
    let encoded_most = codings.encoded_most(most);
    let read = collect(body, encoded_most, &too_large, (memory, &mut intake)).await?;
    // A response to HEAD, a 204 or a 304 has no body whatever its headers say, and its headers keep
    // what they say of the body that there would be.
    let body = if read.is_empty() || codings.is_empty() {
        read
    } else {
        codings.strip(&mut head.headers);
        let decoded = decode(codings, read, most, (caller, payer.pool)).await?;
        // Charged first: it is in memory while it waits.
        memory.wait_to_grow(COPIES * decoded.len() as u64).await;
        // It came in small, and is stored as it is now.
        intake.admit(decoded.len(), decoded.len()).await;
        decoded
    };
    if body.len() > most {
        return Err(too_large());
    }
    let mut headers = plain(&head.headers);
    if let Some(url) = landed {
        headers.push((FetchResponse::LANDED.to_owned(), url.to_owned()));
    }
    Ok(FetchResponse {
        status: head.status.as_u16(),
        status_text,
        headers,
        body,
    })
}

/// How much of an answer the caller may have taken in.
struct Intake<'a> {
    caller: &'a WorkspaceName,
    pace: &'a Paced,
    admitted: usize,
}

impl Intake<'_> {
    /// Waits until `bytes` of the answer may be taken in, and if there is a wait, then for `expected` at once: the calls
    /// of a workspace end one after the other, and not all together at last.
    async fn admit(&mut self, bytes: usize, expected: usize) {
        if bytes <= self.admitted {
            return;
        }
        let next = expected.max(bytes).max(self.admitted + LARGE);
        self.pace.wait(self.caller, next - self.admitted).await;
        self.admitted = next;
    }
}

/// Reads a body of at most `most` bytes; one with more is the error `too_large`.
async fn collect(
    mut body: Incoming,
    most: usize,
    too_large: &impl Fn() -> FetchError,
    (memory, intake): (&Charge, &mut Intake<'_>),
) -> Result<Vec<u8>, FetchError> {
    let announced = body.size_hint().exact().unwrap_or(0);
    let announced = usize::try_from(announced).map_err(|_| too_large())?;
    if announced > most {
        return Err(too_large());
    }
    let mut read = Vec::new();
    // Of how many bytes the answer may be before there must be more memory for it.
    let mut room = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::Connection(reason(&error)))?;
        let chunk: Bytes = frame.into_data().unwrap_or_default();
        if read.len() + chunk.len() > most {
            return Err(too_large());
        }
        let length = read.len() + chunk.len();
        intake.admit(length, announced).await;
        if length > room {
            // Charged as it is reserved, which may be memory that others have written to before. All of a large body at
            // once: calls that each have a part of theirs would wait for each other.
            let next = match announced {
                announced if announced >= length && length > LARGE => announced,
                _ => (2 * room).clamp(length, most.max(length)),
            };
            memory.wait_to_grow(COPIES * (next - room) as u64).await;
            read.reserve_exact(next - read.len());
            room = next;
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read)
}

/// Decodes beside the threads that serve calls, as the workspace's time: the largest body takes tens of milliseconds.
async fn decode(
    codings: Codings,
    body: Vec<u8>,
    most: usize,
    (caller, pool): (&WorkspaceName, &dyn BlockingPool),
) -> Result<Vec<u8>, FetchError> {
    let (sender, decoded) = oneshot::channel();
    let work = move || drop(sender.send(codings.undo(body, most)));
    pool.run(caller, Box::new(work)).await;
    match decoded.await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(CodingError::TooLarge)) => Err(FetchError::TooLarge(most as u64)),
        Ok(Err(error)) => Err(FetchError::Connection(error.to_string())),
        Err(error) => Err(FetchError::Connection(error.to_string())),
    }
}

/// The phrase that the server wrote after the status (RFC 9112, 4); over HTTP/2, which has none, the
/// one that belongs to the status.
fn phrase(status: StatusCode, written: Option<&ReasonPhrase>) -> String {
    match written {
        Some(written) => text(written.as_bytes()),
        // The HTTP client keeps it only where it is another than this.
        None => status.canonical_reason().unwrap_or_default().to_owned(),
    }
}

/// # Errors
/// The headers are more than a guest is given.
fn bounded(headers: &HeaderMap) -> Result<(), FetchError> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > HEADER_BYTES || headers.len() > HEADERS {
        return Err(FetchError::Connection(format!(
            "the response has {} headers of {size} bytes, and it may have {HEADERS} of {HEADER_BYTES}",
            headers.len()
        )));
    }
    Ok(())
}

/// The headers for the guest, without those that spoke to us only.
fn plain(headers: &HeaderMap) -> Vec<(String, String)> {
    let is_hop = |name: &HeaderName| {
        name == TRANSFER_ENCODING
            || matches!(
                name.as_str(),
                "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "upgrade"
            )
    };
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), text(value.as_bytes()))
    };
    headers
        .iter()
        .filter(|(name, _)| !is_hop(name))
        .map(pair)
        .collect()
}

/// Bytes of a head as text. Bytes that are not UTF-8 are read as Latin-1, as RFC 9110 (5.5) says of old ones.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}
