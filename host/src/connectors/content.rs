//! Content codings (RFC 9110, 8.4): what a response's body was put through on its way, and how that
//! is undone.
//!
//! `gzip`, its older name `x-gzip`, and `deflate` are undone, several in a row too. `deflate` is
//! zlib's format (RFC 1950), and raw deflate (RFC 1951) is taken as well: some servers send it, and
//! browsers take it. Any other coding is left: the guest is given the bytes as they are, with the
//! name of the coding in `content-encoding`.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};

use crate::coding::{self, CodingError};

/// Codings in a row. More than two are unheard of; each costs a pass over the body.
const CODINGS: usize = 5;

/// A coding that is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// The codings of a body that are to be undone, the outermost first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Codings {
    known: Vec<Coding>,
    /// Codings below them that are not known, as the header has them.
    left: Vec<String>,
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
        while let Some(coding) = left.last().and_then(|name| named(name)) {
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
    pub(super) fn undo(&self, body: Vec<u8>, most: usize) -> Result<Vec<u8>, CodingError> {
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
                    Coding::Gzip => coding::gunzip(&body, most),
                    Coding::Deflate => coding::inflate(&body, most),
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

fn named(name: &str) -> Option<Coding> {
    if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
        return Some(Coding::Gzip);
    }
    name.eq_ignore_ascii_case("deflate")
        .then_some(Coding::Deflate)
}

#[cfg(test)]
mod tests;
