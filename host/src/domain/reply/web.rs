//! Parts of HTTP that a webhook's owner writes: header fields, URLs and origins. What could end a header field, speak
//! for the whole server or break its connection is refused.

use url::Url;

use super::error::ReplyError;
use crate::domain::limits;

/// Header fields that cannot be set: those of the connection (RFC 9110, section 7.6.1) and of the message's length and
/// coding, which are the server's; and those by which a page or sender would take the reply of one webhook for the
/// word of the whole server, such as cookies.
const RESERVED: [&str; 32] = [
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "content-length",
    "content-encoding",
    "content-range",
    "accept-ranges",
    "date",
    "server",
    "age",
    "via",
    "host",
    "expect",
    "set-cookie",
    "set-cookie2",
    "cookie",
    "clear-site-data",
    "strict-transport-security",
    "public-key-pins",
    "expect-ct",
    "alt-svc",
    "service-worker-allowed",
    "www-authenticate",
    "authentication-info",
    "origin-agent-cluster",
    "nel",
    "report-to",
    "reporting-endpoints",
];
const RESERVED_PREFIXES: [&str; 8] = [
    "access-control-",
    "content-security-policy",
    "cross-origin-",
    "proxy-",
    "sec-",
    "x-content-type-options",
    "x-frame-options",
    "x-stepwell",
];

/// A header field's name in lower case.
pub(super) fn header_name(name: &str) -> Result<String, ReplyError> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    let length = 1..=limits::HEADER_NAME_BYTES;
    if !length.contains(&name.len()) || !name.bytes().all(is_token) {
        return Err(ReplyError::HeaderName(shown(name)));
    }
    let name = name.to_ascii_lowercase();
    let is_reserved = RESERVED.contains(&name.as_str())
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
    match is_reserved {
        true => Err(ReplyError::Reserved(name)),
        false => Ok(name),
    }
}

/// A header field's value, without white space around it.
pub(super) fn header_value(name: &str, value: &str) -> Result<String, ReplyError> {
    let value = value.trim_matches([' ', '\t']);
    if value.len() > limits::REPLY_HEADER_BYTES {
        let (name, found) = (name.to_owned(), value.len());
        return Err(ReplyError::LongHeader { name, found });
    }
    let is_right = value.bytes().all(|c| matches!(c, b' '..=b'~' | b'\t'));
    match is_right && !value.is_empty() {
        true => Ok(value.to_owned()),
        false => Err(ReplyError::HeaderValue(name.to_owned())),
    }
}

/// A URL that a browser can be led to, as a header field can have it.
///
/// # Errors
/// [`ReplyError::Redirect`].
pub fn redirect(text: &str) -> Result<String, ReplyError> {
    let wrong = || ReplyError::Redirect(shown(text));
    if text.len() > limits::URL_BYTES {
        return Err(wrong());
    }
    let url = Url::parse(text).map_err(|_| wrong())?;
    let has_login = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || has_login {
        return Err(wrong());
    }
    let url = String::from(url);
    match url.len() <= limits::URL_BYTES && url.bytes().all(|c| c.is_ascii_graphic()) {
        true => Ok(url),
        false => Err(wrong()),
    }
}

/// An origin as browsers write it (RFC 6454, section 6.2): scheme, host, and the port if it is not the scheme's; or
/// `*`.
///
/// # Errors
/// [`ReplyError::Origin`].
pub fn origin(text: &str) -> Result<String, ReplyError> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let wrong = || ReplyError::Origin(shown(text));
    let url = Url::parse(text).map_err(|_| wrong())?;
    let origin = url.origin().ascii_serialization();
    // A path, a query, a user: it is more than an origin. A URL without a path is given `/`.
    let is_bare = url.as_str().strip_suffix('/') == Some(&origin) && !text.ends_with('/');
    match matches!(url.scheme(), "http" | "https") && is_bare && text.len() <= limits::URL_BYTES {
        true => Ok(origin),
        false => Err(wrong()),
    }
}

fn shown(text: &str) -> String {
    let text = text.chars().take(80);
    text.map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
