//! What a step asks for.

use std::time::Duration;

use serde::Serialize;

/// What to do with a redirect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Redirect {
    /// Follow up to 10 hops, each checked against the egress policy.
    #[default]
    Follow,
    /// Give the 3xx response to the step.
    Manual,
    /// Fail with [`FetchError::Redirected`](super::FetchError::Redirected).
    Error,
}

/// An HTTP request. What is wrong with it is found when it is sent.
///
/// ```
/// use std::time::Duration;
/// use stepwell_sdk::connectors::{Redirect, Request};
/// use stepwell_sdk::json;
///
/// let request = Request::post("https://api.example/orders")
///     .header("X-Api-Key", "k")
///     .json(&json!({ "order": 7 }))
///     .timeout(Duration::from_secs(5))
///     .redirect(Redirect::Error);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is given to `connectors::fetch`"]
pub struct Request {
    parts: Parts,
    /// What kept the body from being written.
    fault: Option<String>,
}

/// A request as the host takes it.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) redirect: Redirect,
}

impl Request {
    /// A request of any method to an absolute http or https URL.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            parts: Parts {
                url: url.into(),
                method: method.into(),
                headers: Vec::new(),
                body: Vec::new(),
                timeout_ms: None,
                redirect: Redirect::default(),
            },
            fault: None,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A PUT request.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A PATCH request.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// A DELETE request.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header; a name may repeat. `Host` and hop-by-hop headers are the server's to set. White
    /// space at the ends of a value is left out, as the Fetch standard has it: a token that was read
    /// from a file often ends with a line end.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let value: String = value.into();
        let value = value.trim_matches(['\t', '\n', '\r', ' ']).to_owned();
        self.parts.headers.push((name.into(), value));
        self
    }

    /// Adds `Authorization: Bearer TOKEN`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.parts.body = body.into();
        self
    }

    /// Sets the body to `value` as JSON, and `Content-Type: application/json` unless a content type
    /// was set before.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.parts.body = body,
            Err(error) => self.fault = Some(format!("the body cannot be written as JSON: {error}")),
        }
        self.json_type()
    }

    /// Sets the body to a text that is JSON already: the very bytes that a signature was made of.
    pub fn json_text(mut self, json: impl Into<String>) -> Self {
        self.parts.body = json.into().into_bytes();
        self.json_type()
    }

    /// The longest the call may take; without it the server's own limit holds.
    pub fn timeout(mut self, longest: Duration) -> Self {
        self.parts.timeout_ms = Some(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// What to do with a redirect.
    pub fn redirect(mut self, redirect: Redirect) -> Self {
        self.parts.redirect = redirect;
        self
    }

    fn json_type(self) -> Self {
        let is_type = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        if self.parts.headers.iter().any(is_type) {
            return self;
        }
        self.header("Content-Type", "application/json")
    }

    pub(crate) fn into_parts(self) -> Result<Parts, String> {
        match self.fault {
            None => Ok(self.parts),
            Some(fault) => Err(fault),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn json_keeps_a_content_type_that_was_set() {
        let types = |request: Request| {
            let headers = request.into_parts().unwrap().headers;
            headers
                .into_iter()
                .map(|(_, value)| value)
                .collect::<Vec<_>>()
        };
        let request = || Request::post("http://a");
        assert_eq!(types(request().json(&1)), ["application/json"]);
        assert_eq!(
            types(
                request()
                    .header("content-type", "application/cloudevents+json")
                    .json(&1)
            ),
            ["application/cloudevents+json"]
        );
    }

    #[test]
    fn white_space_at_the_ends_of_a_value_is_left_out() {
        let values = |request: Request| request.into_parts().unwrap().headers.remove(0).1;
        for (given, sent) in [
            ("Bearer abc\n", "Bearer abc"),
            ("\r\n a\tb \t", "a\tb"),
            ("", ""),
            (" \n", ""),
            ("a\nb", "a\nb"),
            ("\u{a0}a", "\u{a0}a"),
        ] {
            assert_eq!(
                values(Request::get("http://a").header("X", given)),
                sent,
                "{given:?}"
            );
        }
        assert_eq!(
            values(Request::get("http://a").bearer("abc\r\n")),
            "Bearer abc"
        );
    }

    #[test]
    fn a_body_without_a_form_in_json_is_a_fault_of_the_request() {
        let body = BTreeMap::from([((1, 2), 3)]);
        let fault = Request::post("http://a")
            .json(&body)
            .into_parts()
            .unwrap_err();
        assert!(
            fault.starts_with("the body cannot be written as JSON"),
            "{fault}"
        );
    }
}
