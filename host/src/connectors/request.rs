//! From what a guest asked for to what may be sent: the checks that need no network and no policy.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use url::Url;

use super::{HEADER_BYTES, HEADERS, URL_BYTES};
use crate::domain::effect::FetchRequest;

/// The header that lets an upstream recognise a call that is made again
/// (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("stepwell/", env!("CARGO_PKG_VERSION")));
/// Characters of a foreign text that an error repeats.
const QUOTED: usize = 80;

/// One request to one server: the first, or what a redirect made of it.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub method: Method,
    /// http or https, with a host, without user, password and fragment.
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The guest itself has set an `Idempotency-Key`.
    pub has_own_key: bool,
}

impl Hop {
    /// Checks a guest's request.
    ///
    /// # Errors
    /// Says what is wrong and where.
    pub fn new(request: FetchRequest, key: &str, most: usize) -> Result<Self, String> {
        if request.body.len() > most {
            let size = request.body.len();
            return Err(format!(
                "the body has {size} bytes, and a request may have {most}"
            ));
        }
        let method = method(&request.method)?;
        let url = destination(&request.url)?;
        let mut headers = headers(&request.headers, request.body.len())?;
        let has_own_key = headers.contains_key(IDEMPOTENCY_KEY);
        if !has_own_key {
            let key = HeaderValue::from_str(key)
                .map_err(|_| format!("`{}` is no idempotency key", quoted(key)))?;
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        headers.entry(USER_AGENT).or_insert(AGENT);
        Ok(Self {
            method,
            url,
            headers,
            body: request.body.into(),
            has_own_key,
        })
    }

    /// Whether a second copy does no harm if the first may have been received: the idempotent methods
    /// (RFC 9110, 9.2.2), and any other if the guest says by an `Idempotency-Key` that the server
    /// knows what was repeated. The key that the server adds promises nothing of the kind.
    pub fn is_repeatable(&self) -> bool {
        self.has_own_key
            || matches!(
                self.method,
                Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
            )
    }

    /// The port that will be dialled.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(0)
    }
}

/// A foreign text for an error: cut, and without what a terminal would obey.
pub(super) fn quoted(text: &str) -> String {
    let mut clean: String = text
        .chars()
        .take(QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(QUOTED).is_some() {
        clean.push('…');
    }
    clean
}

/// The methods that the Fetch standard forbids are refused, and those that it normalises (and PATCH)
/// are taken in any case.
fn method(text: &str) -> Result<Method, String> {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if let Some(known) = KNOWN
        .into_iter()
        .find(|m| m.as_str().eq_ignore_ascii_case(text))
    {
        return Ok(known);
    }
    if ["CONNECT", "TRACE", "TRACK"]
        .iter()
        .any(|m| m.eq_ignore_ascii_case(text))
    {
        return Err(format!(
            "the method {} is not allowed",
            text.to_ascii_uppercase()
        ));
    }
    Method::from_bytes(text.as_bytes())
        .ok()
        .filter(|_| text.len() <= QUOTED)
        .ok_or_else(|| format!("`{}` is no HTTP method", quoted(text)))
}

/// Parses and checks an absolute URL.
fn destination(text: &str) -> Result<Url, String> {
    if text.len() > URL_BYTES {
        return Err(format!(
            "the URL has {} bytes, and it may have {URL_BYTES}",
            text.len()
        ));
    }
    let url = Url::parse(text)
        .map_err(|error| format!("`{}` is no absolute URL: {error}", quoted(text)))?;
    checked(url)
}

/// Checks a URL that a guest or a redirect named.
///
/// # Errors
/// Says which part of the URL is not allowed, without repeating a password.
pub(super) fn checked(mut url: Url) -> Result<Url, String> {
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = quoted(url.scheme());
        return Err(format!(
            "the URL's scheme is `{scheme}`, and it has to be `http` or `https`"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user or a password; send an `Authorization` header".into());
    }
    // Escapes and IDNA can make it longer than its text was.
    if url.as_str().len() > URL_BYTES {
        let size = url.as_str().len();
        return Err(format!(
            "the URL has {size} bytes, and it may have {URL_BYTES}"
        ));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Why a guest may not set a header, if it may not. A `Content-Length` is judged by its value.
fn reserved(name: &HeaderName) -> Option<&'static str> {
    match name.as_str() {
        "host" => Some("it is taken from the URL"),
        // RFC 9110 (7.6.1) and what came before it: these speak to the next hop, which is us.
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade"
        | "http2-settings" => Some("it belongs to the connection, which is the server's"),
        "expect" => Some("the body is always sent at once"),
        name if name.starts_with("proxy-") => Some("there is no proxy"),
        _ => None,
    }
}

/// `Content-Length` is dropped where it is right, because the client sets the same, and refused where
/// it is wrong, because a body that is shorter or longer than it says is how requests are smuggled.
fn headers(wanted: &[(String, String)], body: usize) -> Result<HeaderMap, String> {
    if wanted.len() > HEADERS {
        let count = wanted.len();
        return Err(format!(
            "there are {count} headers, and a request may have {HEADERS}"
        ));
    }
    let size: usize = wanted
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > HEADER_BYTES {
        return Err(format!(
            "the headers have {size} bytes, and they may have {HEADER_BYTES}"
        ));
    }
    let mut headers = HeaderMap::with_capacity(wanted.len() + 2);
    for (text, value) in wanted {
        let name = HeaderName::from_bytes(text.as_bytes())
            .map_err(|_| format!("`{}` is no header name", quoted(text)))?;
        if let Some(why) = reserved(&name) {
            return Err(format!("the header `{name}` may not be set: {why}"));
        }
        if name == CONTENT_LENGTH {
            if value.trim() != body.to_string() {
                let value = quoted(value);
                return Err(format!(
                    "`content-length` says `{value}`, and the body has {body} bytes"
                ));
            }
            continue;
        }
        let value = header_value(value)
            .map_err(|why| format!("the value of the header `{name}` has {why} in it"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A value as the Fetch standard (5.2) normalises it: without white space at its ends, which a token
/// that was read from a file often has. Within, a line end would begin another header.
fn header_value(text: &str) -> Result<HeaderValue, &'static str> {
    let value = text.trim_matches(|c| matches!(c, '\t' | '\n' | '\r' | ' '));
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        if value.contains(['\n', '\r']) {
            "a line end"
        } else {
            "a control character"
        }
    })
}

#[cfg(test)]
mod tests;
