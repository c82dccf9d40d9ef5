//! What came back.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::time;

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 599.
    pub status: u16,
    /// The reason phrase that the server wrote; over HTTP/2, which has none, the one that belongs to
    /// the status code.
    pub status_text: String,
    /// Headers with lower-case names, in the order they came; a name may repeat.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// The URL that it came from, without its fragment, if redirects were followed.
    pub redirected_to: Option<String>,
}

/// Why a response is of no use to the step.
#[derive(Debug, thiserror::Error)]
pub enum ResponseError {
    /// The status is not 2xx.
    #[error("the response is {status} {text}: {body}")]
    Status {
        /// Status code.
        status: u16,
        /// Its reason phrase.
        text: String,
        /// The beginning of the body.
        body: String,
    },
    /// The body is no JSON, or not of the type the step asked for.
    #[error("the response's body is not the JSON that the step expects: {body}")]
    Json {
        /// The beginning of the body.
        body: String,
        /// What was expected and what was found.
        #[source]
        source: serde_json::Error,
    },
}

impl Response {
    /// Whether the status is 2xx.
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name; the case of letters does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Every header of that name, in the order they came, e.g. each `Set-Cookie`.
    pub fn header_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The delay that the service asks for: its `Retry-After` (RFC 9110 §10.2.3), in seconds or
    /// as a time, which is counted from the run's clock. Of several, the first that is one of these. For
    /// [`Failure::retry_after`].
    ///
    /// [`Failure::retry_after`]: crate::Failure::retry_after
    pub fn retry_after(&self) -> Option<Duration> {
        let lines = self.headers.iter();
        lines
            .filter(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
            .find_map(|(_, line)| retry_after(line))
    }

    /// The body as JSON, whatever its content type says. A byte order mark before it is passed over
    /// (RFC 8259 §8.1).
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ResponseError> {
        serde_json::from_slice(without_mark(&self.body)).map_err(|source| ResponseError::Json {
            body: self.beginning(),
            source,
        })
    }

    /// The body as text, without a byte order mark; bytes that are no UTF-8 become `�`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(without_mark(&self.body)).into_owned()
    }

    /// This response if its status is 2xx, else an error, which `?` makes a failure that is retried.
    pub fn require_ok(self) -> Result<Self, ResponseError> {
        if self.ok() {
            return Ok(self);
        }
        Err(ResponseError::Status {
            status: self.status,
            body: self.beginning(),
            text: self.status_text,
        })
    }

    /// Enough of the body to recognise it by in an error.
    fn beginning(&self) -> String {
        const MOST: usize = 200;
        match self.body.get(..MOST) {
            Some(beginning) => format!("{}…", String::from_utf8_lossy(beginning)),
            None => self.text(),
        }
    }
}

/// What one `Retry-After` asks for. Of a list joined by commas it is the first that says something; a date
/// has a comma of its own.
fn retry_after(line: &str) -> Option<Duration> {
    seconds_or_date(line).or_else(|| {
        let parts: Vec<&str> = line.split(',').collect();
        (0..parts.len()).find_map(|at| {
            let date = parts.get(at..at + 2).map(|two| two.join(","));
            seconds_or_date(parts[at]).or_else(|| seconds_or_date(&date?))
        })
    })
}

/// Seconds, perhaps with a fraction, or a time.
fn seconds_or_date(text: &str) -> Option<Duration> {
    let text = text.trim();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if is_digits(seconds) && is_digits(fraction) {
        let part: f64 = format!("0.{fraction}").parse().ok()?;
        let seconds = Duration::from_secs(seconds.parse().unwrap_or(u64::MAX));
        return Some(seconds.saturating_add(Duration::from_secs_f64(part)));
    }
    let at = time::http_date(text)?;
    Some(Duration::from_millis(at.saturating_sub(time::now_millis())))
}

/// Without the mark that UTF-8 text may begin with.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            status_text: "Reason".to_owned(),
            headers: vec![("x-id".to_owned(), "7".to_owned())],
            body: body.as_bytes().to_vec(),
            redirected_to: None,
        }
    }

    #[test]
    fn only_2xx_is_ok() {
        for (status, ok) in [
            (199, false),
            (200, true),
            (204, true),
            (299, true),
            (300, false),
            (404, false),
        ] {
            assert_eq!(response(status, "").ok(), ok, "{status}");
            assert_eq!(response(status, "").require_ok().is_ok(), ok, "{status}");
        }
    }

    #[test]
    fn errors_show_what_came() {
        let error = response(503, "busy").require_ok().unwrap_err();
        assert_eq!(error.to_string(), "the response is 503 Reason: busy");
        let long = "é".repeat(150);
        let error = response(200, &long).json::<u8>().unwrap_err();
        assert!(error.to_string().ends_with("é…"), "{error}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_time() {
        let with = |text: &str| Response {
            headers: vec![("retry-after".to_owned(), text.to_owned())],
            ..response(429, "")
        };
        assert_eq!(with(" 120 ").retry_after(), Some(Duration::from_secs(120)));
        assert_eq!(
            with("99999999999999999999").retry_after(),
            Some(Duration::from_secs(u64::MAX))
        );
        // The machine's clock, outside of a run: the first is past, the second is far.
        let past = with("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(past.retry_after(), Some(Duration::ZERO));
        let far = with("Fri, 31 Dec 9999 23:59:59 GMT").retry_after();
        assert!(far.unwrap() > Duration::from_secs(1_000_000));
        for (list, seconds) in [
            ("120, 120", 120.0),
            ("5, 10", 5.0),
            ("soon, 7", 7.0),
            ("1.5", 1.5),
            ("Sun, 06 Nov 1994 08:49:37 GMT, 90", 0.0),
            ("soon, Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ] {
            let expected = Duration::from_secs_f64(seconds);
            assert_eq!(with(list).retry_after(), Some(expected), "{list}");
        }
        let mut two = with("soon");
        let second = ("Retry-After".to_owned(), "7".to_owned());
        two.headers.push(second);
        assert_eq!(two.retry_after(), Some(Duration::from_secs(7)));
        for none in ["", "-1", "1e3", "1.", ".5", "soon", "5 s", "soon, later"] {
            assert_eq!(with(none).retry_after(), None, "{none}");
        }
        assert_eq!(response(429, "").retry_after(), None);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_text_or_json() {
        let marked = response(200, "\u{feff}{\"a\":1}");
        assert_eq!(marked.text(), "{\"a\":1}");
        let value: serde_json::Value = marked.json().unwrap();
        assert_eq!(value["a"], 1);
        assert_eq!(
            marked.body[..3],
            [0xef, 0xbb, 0xbf],
            "the bytes are as they came"
        );
        assert_eq!(response(200, "a\u{feff}b").text(), "a\u{feff}b");
        assert_eq!(response(200, "\u{feff}").text(), "");
        response(200, "\u{feff}").json::<u8>().unwrap_err();
        response(200, "\u{feff}\u{feff}1").json::<u8>().unwrap_err();
    }

    #[test]
    fn a_header_that_repeats_is_given_each_time() {
        let mut both = response(200, "");
        both.headers = [
            ("set-cookie", "a=1"),
            ("x", "y"),
            ("set-cookie", "b=2; Path=/"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        assert!(both.header_all("Set-Cookie").eq(["a=1", "b=2; Path=/"]));
        assert_eq!(both.header_all("none").count(), 0);
    }

    #[test]
    fn header_names_have_no_case() {
        let response = response(200, "");
        assert_eq!(response.header("X-Id"), Some("7"));
        assert_eq!(response.header("x-other"), None);
    }
}
