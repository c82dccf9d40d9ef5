//! A request as it arrived.

use std::borrow::Cow;

/// A request as the sender sent it. What is verified are these bytes: a body that was parsed and
/// written again does not verify.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The whole URL as the sender saw it, with scheme, host and query: behind a proxy, the public
    /// one. Some providers sign it.
    pub url: &'a str,
    /// Names and values in the order in which they arrived. Names are compared without regard to case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The raw body, before any decompression.
    pub body: &'a [u8],
}

/// Why a value cannot be read, although something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It stands there more than once: two readers could take different ones.
    Doubled,
    /// It is not UTF-8.
    NotText,
}

impl<'a> Request<'a> {
    /// The header's only value, or none if it is absent or empty.
    pub(crate) fn header(&self, name: &str) -> Result<Option<&'a str>, Unreadable> {
        let mut values = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let Some((_, value)) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Unreadable::Doubled);
        }
        let text = std::str::from_utf8(value).map_err(|_| Unreadable::NotText)?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The parameter's only value, decoded, or none if it is absent or empty.
    pub(crate) fn query(&self, name: &str) -> Result<Option<Cow<'a, str>>, Unreadable> {
        let without_fragment = self.url.split('#').next().unwrap_or_default();
        let query = without_fragment
            .split_once('?')
            .map_or("", |(_, query)| query);
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(n, _)| n == name);
        let Some((_, value)) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Unreadable::Doubled);
        }
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    /// Whether the body is an HTML form without files.
    pub(crate) fn is_form(&self) -> bool {
        let Ok(Some(kind)) = self.header("content-type") else {
            return false;
        };
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }
}
