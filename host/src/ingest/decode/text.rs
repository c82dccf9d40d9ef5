//! Bodies that are neither JSON nor a form.

use bytes::Bytes;
use data_encoding::BASE64;
use encoding_rs::Encoding;
use serde::Serialize;

use super::media::parameter;
use crate::ingest::body;

#[derive(Serialize)]
struct Raw<'a> {
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

/// The document of a `text/plain`: the JSON object or array that it is, or its text as `body`.
pub(super) fn plain(body: &Bytes, content_type: &str) -> Bytes {
    if body::is_container(body) {
        return body.clone();
    }
    match decoded(body, content_type) {
        Some(text) => raw(&text, None),
        None => base64(body),
    }
}

/// The document of any other type: the body as a text if it is UTF-8, else in base64, and which of the two it is.
pub(super) fn other(body: &[u8]) -> Bytes {
    match std::str::from_utf8(body) {
        Ok(text) => raw(text, Some("utf8")),
        Err(_) => base64(body),
    }
}

fn base64(body: &[u8]) -> Bytes {
    raw(&BASE64.encode(body), Some("base64"))
}

fn raw(body: &str, encoding: Option<&'static str>) -> Bytes {
    let raw = Raw { body, encoding };
    serde_json::to_vec(&raw).unwrap_or_default().into()
}

/// A text in the encoding that its type names, or in UTF-8. `None` if it is not.
fn decoded(body: &[u8], content_type: &str) -> Option<String> {
    let named = parameter(content_type, "charset");
    let encoding = named.and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = encoding.unwrap_or(encoding_rs::UTF_8);
    let (text, is_damaged) = encoding.decode_with_bom_removal(body);
    (!is_damaged).then(|| text.into_owned())
}
