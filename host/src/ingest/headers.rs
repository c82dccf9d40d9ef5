//! The header fields that a task keeps: `$via.headers`, an object of texts by names in lower case.

use http::HeaderMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::catalog::Verifier;
use crate::domain::intake::Intake;
use crate::domain::limits::{KEPT_HEADER_BYTES, KEPT_HEADERS_BYTES};

/// The header fields of a request that its webhook keeps. They are serialised without a copy of all of them.
pub(super) struct KeptHeaders<'a> {
    /// The webhook's choice.
    pub(super) intake: &'a Intake,
    /// Its verifier: the field that vouches for a request is never kept.
    pub(super) verifier: Option<&'a Verifier>,
    /// The request's header fields.
    pub(super) headers: &'a HeaderMap,
}

impl Serialize for KeptHeaders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut left = KEPT_HEADERS_BYTES;
        for name in self.headers.keys() {
            let name = name.as_str();
            let is_secret = |verifier: &Verifier| verifier.reads_secret(name);
            if !self.intake.keeps(name) || self.verifier.is_some_and(is_secret) {
                continue;
            }
            let value = value(self.headers, name);
            let Some(rest) = left.checked_sub(name.len() + value.len()) else {
                continue;
            };
            left = rest;
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

/// A field's lines, joined by commas (RFC 9110, section 5.2), cut at its bound. Bytes that are not UTF-8 are replaced.
fn value(headers: &HeaderMap, name: &str) -> String {
    let mut text = String::new();
    for (index, line) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&String::from_utf8_lossy(line.as_bytes()));
        if text.len() > KEPT_HEADER_BYTES {
            text.truncate(text.floor_char_boundary(KEPT_HEADER_BYTES));
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::*;

    fn kept(named: &[&str], fields: &[(&'static str, &[u8])]) -> Value {
        let intake = Intake::of(None, named).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        let kept = KeptHeaders {
            intake: &intake,
            verifier: None,
            headers: &headers,
        };
        serde_json::to_value(kept).unwrap()
    }

    #[test]
    fn lines_are_joined_and_bounded() {
        assert_eq!(kept(&[], &[]), json!({}));
        let fields: &[(&str, &[u8])] = &[
            ("x-tenant", b"a"),
            ("authorization", b"Bearer x"),
            ("x-tenant", b"b\xff"),
            ("x-github-event", b"push"),
        ];
        assert_eq!(
            kept(&["X-Tenant"], fields),
            json!({"x-tenant": "a, b\u{fffd}", "x-github-event": "push"})
        );
        assert_eq!(kept(&[], fields), json!({"x-github-event": "push"}));
        let long = "é".repeat(1000);
        let cut = kept(&["a"], &[("a", long.as_bytes())]);
        assert_eq!(cut["a"].as_str().unwrap().len(), KEPT_HEADER_BYTES);
    }

    #[test]
    fn all_together_are_bounded() {
        let long = vec![b'x'; 2000];
        let names = [
            "a-event", "b-event", "c-event", "d-event", "e-event", "f-event", "g-event", "h-event",
            "i-event",
        ];
        let mut fields: Vec<(&'static str, &[u8])> = names.map(|name| (name, &long[..])).to_vec();
        fields.push(("z-event", b"short"));
        let kept = kept(&[], &fields);
        assert_eq!(kept.as_object().unwrap().len(), 8, "{kept}");
        assert_eq!(kept["z-event"], "short");
    }
}
