//! Reads one HTTP/1.1 response out of a buffer: status, content length, body; and a task's id out
//! of that body. It knows nothing of sockets, and no more of HTTP than the servers measured here
//! send: it is on the path of every request, on the same cores as the server.

use std::ops::Range;

use uuid::Uuid;

/// The largest head that is waited for, in bytes: a response that has not ended its head by then
/// is no answer of the servers under measurement.
const HEAD_BYTES: usize = 8 * 1024;

/// A whole response, as places in the buffer it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Where the body is. The response ends where the body ends.
    pub body: Range<usize>,
}

/// Why a buffer is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    /// The first line is not `HTTP/1.1 NNN …`.
    #[error("the response does not begin with an HTTP/1.1 status line")]
    StatusLine,
    /// No content length, or one that is no number.
    #[error("the response has no usable Content-Length")]
    Length,
    /// The head does not end.
    #[error("the response's head is longer than {HEAD_BYTES} bytes")]
    Head,
}

/// The response at the start of `bytes`, or none while it is incomplete.
pub fn parse(bytes: &[u8]) -> Result<Option<Response>, BadResponse> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES {
            Err(BadResponse::Head)
        } else {
            Ok(None)
        };
    };
    let status = match bytes.get(..12) {
        Some(
            [
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                b'1',
                b'.',
                b'1',
                b' ',
                digits @ ..,
            ],
        ) => number(digits).and_then(|status| u16::try_from(status).ok()),
        _ => None,
    }
    .ok_or(BadResponse::StatusLine)?;
    let length = bytes[..head]
        .split(|byte| *byte == b'\n')
        .find_map(content_length)
        .ok_or(BadResponse::Length)?;
    let start = head + 4;
    let end = start.checked_add(length).ok_or(BadResponse::Length)?;
    Ok((bytes.len() >= end).then_some(Response {
        status,
        body: start..end,
    }))
}

/// The id in `{"task":"<uuid>"}`; none if there is none, or if it is no UUID of version 7.
pub fn task_id(body: &[u8]) -> Option<u128> {
    const KEY: &[u8] = b"\"task\"";
    let key = body.windows(KEY.len()).position(|word| word == KEY)? + KEY.len();
    let rest = body.get(key..)?;
    let quote = rest.iter().position(|byte| *byte == b'"')? + 1;
    let id = Uuid::try_parse_ascii(rest.get(quote..quote + 36)?).ok()?;
    (id.get_version_num() == 7 && rest.get(quote + 36) == Some(&b'"')).then(|| id.as_u128())
}

fn content_length(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    name.eq_ignore_ascii_case(NAME)
        .then(|| number(value.trim_ascii()))
        .flatten()
}

fn number(digits: &[u8]) -> Option<usize> {
    str::from_utf8(digits).ok()?.parse().ok()
}
