//! From a webhook's body, read whole and verified, to documents: the JSON texts that become tasks' data. The header
//! fields say what the body is; `docs/bodies.md` tells what happens to it.
//!
//! A JSON body is handed on as it came. Everything else is written as JSON here, and then held to the same bounds.

mod cloudevents;
mod coding;
mod document;
mod error;
mod fields;
mod form;
mod lines;
mod media;
mod text;

use bytes::Bytes;
use http::HeaderMap;

pub(super) use cloudevents::attributes;
pub use coding::{ACCEPTED, is_encoded, undo};
pub use document::{Decoded, Document};
pub use error::DecodeError;
pub(super) use fields::Fields;
use media::Kind;
pub use media::is_json;

/// The header fields that describe a request's body.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Its URL's query, undecoded.
    pub query: Option<&'a str>,
    /// The parameter of the query that holds the secret itself; it does not become data.
    pub secret_parameter: Option<&'a str>,
    /// Its header fields.
    pub headers: &'a HeaderMap,
}

/// Whether the body of a request with this method and `Content-Type` is a form that may have files. It is read by
/// [`super::upload`] and not here.
pub fn is_multipart(method: &str, content_type: Option<&str>) -> bool {
    // Nearly every request is none, and is not looked at any closer.
    let begins = |text: &str| {
        matches!(
            text.trim_ascii_start().as_bytes().first(),
            Some(b'm' | b'M')
        )
    };
    content_type.is_some_and(begins)
        && method != "GET"
        && media::kind(content_type) == Kind::Multipart
}

/// The documents that a body holds, after its content codings were undone ([`undo`]).
///
/// # Errors
/// The body is not what its header fields say, or cannot be data. JSON that is handed on as it came is not looked at.
pub fn documents(request: Request<'_>, body: Bytes) -> Result<Decoded, DecodeError> {
    if request.method == "GET" {
        let query = request.query.unwrap_or_default();
        let data = form::query(query.as_bytes(), request.secret_parameter)?;
        return Ok(Decoded::One(Document::new(data)));
    }
    let kind = media::kind(request.content_type);
    match kind {
        Kind::CloudEvent => return Ok(Decoded::One(cloudevents::structured(&body)?)),
        Kind::CloudEvents => return Ok(Decoded::Many(cloudevents::batch(&body)?)),
        _ => {}
    }
    let event = attributes(request.headers)?;
    let content_type = request.content_type.unwrap_or_default();
    let decoded = match kind {
        // An event may come without data.
        _ if event.is_some() && body.is_empty() => {
            Decoded::One(Document::new(Bytes::from_static(b"{}")))
        }
        Kind::Lines => Decoded::Many(lines::documents(&body)?),
        Kind::Form => Decoded::One(Document::new(form::document(&body)?)),
        Kind::Text => Decoded::One(Document::new(text::plain(&body, content_type))),
        Kind::Other | Kind::Multipart => Decoded::One(Document::new(text::other(&body))),
        Kind::Json | Kind::CloudEvent | Kind::CloudEvents => Decoded::One(Document::new(body)),
    };
    Ok(match event {
        Some(event) => decoded.with_event(&event),
        None => decoded,
    })
}

#[cfg(test)]
mod tests;
