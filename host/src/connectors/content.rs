//! Content codings (RFC 9110, 8.4): what a response's body was put through on its way, and how that
//! is undone.
//!
//! `gzip`, its older name `x-gzip`, and `deflate` are undone, several in a row too. `deflate` is
//! zlib's format (RFC 1950), and raw deflate (RFC 1951) is taken as well: some servers send it, and
//! browsers take it. Any other coding is left: the guest is given the bytes as they are, with the
//! name of the coding in `content-encoding`.
//!
//! A body that is cut off, or damaged, is an error and never a shorter body. What stands behind the
//! last gzip member and does not begin as another is passed over, as gzip(1) and browsers do.

use std::io::Read;

use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};

/// Codings in a row. More than two are unheard of; each costs a pass over the body.
const CODINGS: usize = 5;
/// Members of one gzip body. Each costs the set-up of a decoder, some 20 times what its shortest
/// form of 20 bytes costs to read; a body of the largest size in blocks of 64 KiB has 64.
const MEMBERS: usize = 4096;
/// How a gzip member begins (RFC 1952, 2.3.1).
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// A coding that is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// What is to be undone of a body, outermost first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Codings {
    known: Vec<Coding>,
    /// Codings below them that are not known, as the header has them.
    left: Vec<String>,
}

/// Why a body cannot be decoded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// It would be larger than it may be.
    #[error("the decoded body is too large")]
    TooLarge,
    /// It is not what its header says.
    #[error("{0}")]
    Broken(String),
}

impl Codings {
    /// Those that the headers name.
    ///
    /// # Errors
    /// There are more than are undone.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, String> {
        let mut left: Vec<String> = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .flat_map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                text.split(',')
                    .map(|name| name.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
            .collect();
        if left.len() > CODINGS {
            let count = left.len();
            return Err(format!(
                "the response has {count} content codings, and it may have {CODINGS}"
            ));
        }
        let mut known = Vec::new();
        while let Some(coding) = left.last().and_then(|name| coding(name)) {
            known.push(coding);
            left.pop();
        }
        Ok(Self { known, left })
    }

    /// Whether nothing is to be undone.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes out of the headers what no longer holds of the decoded body.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        headers.remove(CONTENT_LENGTH);
        headers.remove(CONTENT_ENCODING);
        if let Ok(left) = HeaderValue::from_str(&self.left.join(", "))
            && !self.left.is_empty()
        {
            headers.insert(CONTENT_ENCODING, left);
        }
    }

    /// Undoes them, to at most `most` bytes.
    pub(super) fn undo(&self, body: Vec<u8>, most: usize) -> Result<Vec<u8>, DecodeError> {
        let inner = self.known.len().saturating_sub(1);
        self.known
            .iter()
            .zip(0..)
            .try_fold(body, |body, (coding, layer)| {
                let most = if layer < inner {
                    self.encoded_most(most)
                } else {
                    most
                };
                match coding {
                    Coding::Gzip => gunzip(&body, most),
                    Coding::Deflate => inflate(&body, most),
                }
            })
    }

    /// Bytes that a body may have before it is decoded, if it may have `most` afterwards: what does
    /// not compress becomes longer by some bytes in a thousand.
    pub(super) fn encoded_most(&self, most: usize) -> usize {
        if self.is_empty() {
            most
        } else {
            most.saturating_add(most / 64).saturating_add(64 * 1024)
        }
    }
}

fn coding(name: &str) -> Option<Coding> {
    if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
        return Some(Coding::Gzip);
    }
    name.eq_ignore_ascii_case("deflate")
        .then_some(Coding::Deflate)
}

fn gunzip(mut body: &[u8], most: usize) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    for _ in 0..MEMBERS {
        let mut member = GzDecoder::new(body);
        let room = (most - out.len()) as u64;
        let broken = |error| DecodeError::Broken(format!("the body is no whole gzip: {error}"));
        member
            .by_ref()
            .take(room + 1)
            .read_to_end(&mut out)
            .map_err(broken)?;
        if out.len() > most {
            return Err(DecodeError::TooLarge);
        }
        body = member.into_inner();
        if !body.starts_with(GZIP_MAGIC) {
            return Ok(out);
        }
    }
    Err(DecodeError::Broken(format!(
        "the body has more than {MEMBERS} gzip members"
    )))
}

fn inflate(body: &[u8], most: usize) -> Result<Vec<u8>, DecodeError> {
    let broken = |why: &str| DecodeError::Broken(format!("the body is no whole deflate: {why}"));
    let mut inflater = Decompress::new(is_zlib(body));
    let mut out = Vec::new();
    loop {
        if out.len() > most {
            return Err(DecodeError::TooLarge);
        }
        if out.len() == out.capacity() {
            let grown = (out.len() * 2).max(body.len() * 2).max(1024);
            out.reserve_exact(grown.min(most + 1) - out.len());
        }
        let rest = usize::try_from(inflater.total_in())
            .ok()
            .and_then(|taken| body.get(taken..))
            .unwrap_or_default();
        let (taken, given) = (inflater.total_in(), inflater.total_out());
        let status = inflater
            .decompress_vec(rest, &mut out, FlushDecompress::None)
            .map_err(|error| broken(&error.to_string()))?;
        let moved = inflater.total_in() > taken || inflater.total_out() > given;
        match status {
            Status::StreamEnd if out.len() > most => return Err(DecodeError::TooLarge),
            Status::StreamEnd => return Ok(out),
            _ if !moved && out.len() < out.capacity() => return Err(broken("it is cut off")),
            _ => {}
        }
    }
}

/// Whether it begins with the header of RFC 1950 (2.2). Raw deflate begins with one only by a stored
/// block whose unused bits are not zero, which no encoder writes.
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x0f == 8
                && method >> 4 <= 7
                && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
