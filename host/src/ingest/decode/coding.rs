//! The content codings of a request's body (RFC 9110, 8.4).

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::error::{DecodeError, short};
use crate::coding;
use crate::domain::limits::BODY_CODINGS;

/// The accepted codings, as `Accept-Encoding` in the refusal of another coding (RFC 9110, 12.5.3).
pub const ACCEPTED: &str = "gzip, deflate, br, zstd";

type Undo = fn(&[u8], usize) -> Result<Vec<u8>, coding::CodingError>;

/// The body without its codings, at most `most` bytes; `None` if it has none.
///
/// # Errors
/// A coding is unknown, the body is not what its codings say, or it is too large at any stage.
pub fn undo(headers: &HeaderMap, body: &Bytes, most: usize) -> Result<Option<Bytes>, DecodeError> {
    if !is_encoded(headers) {
        return Ok(None);
    }
    let names = names(headers);
    if names.len() > BODY_CODINGS {
        return Err(DecodeError::TooManyCodings(names.len()));
    }
    // Nothing was encoded, whatever the header says.
    if names.is_empty() || body.is_empty() {
        return Ok(None);
    }
    let undoing: Result<Vec<Undo>, _> = names.iter().map(|name| known(name)).collect();
    let mut decoded = Cow::Borrowed(&body[..]);
    // The last one named was applied last.
    for undo in undoing?.into_iter().rev() {
        let undone = undo(&decoded, most);
        decoded = Cow::Owned(undone.map_err(|error| DecodeError::of_coding(error, most))?);
    }
    Ok(Some(decoded.into_owned().into()))
}

/// Whether the headers name a content coding.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_ENCODING)
}

fn names(headers: &HeaderMap) -> Vec<String> {
    let mut names = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let listed = text.split(',').map(|name| name.trim().to_ascii_lowercase());
        names.extend(listed.filter(|name| !name.is_empty() && name != "identity"));
    }
    names
}

fn known(name: &str) -> Result<Undo, DecodeError> {
    Ok(match name {
        "gzip" | "x-gzip" => coding::gunzip,
        "deflate" => coding::inflate,
        "br" => coding::unbrotli,
        "zstd" => coding::unzstd,
        other => return Err(DecodeError::UnknownCoding(short(other))),
    })
}
