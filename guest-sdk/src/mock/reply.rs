//! How the mock answers a call.

use std::time::Duration;

use serde_json::Value;

use crate::connectors::{FetchError, Response};

/// How a call is answered.
///
/// ```
/// use std::time::Duration;
/// use stepwell_sdk::connectors::FetchError;
/// use stepwell_sdk::json;
/// use stepwell_sdk::mock::Reply;
///
/// let created = Reply::json(201, json!({ "id": 7 })).header("Location", "/orders/7");
/// let slow = Reply::text(200, "at last").after(Duration::from_secs(3));
/// let down = Reply::error(FetchError::Connection("refused".into()));
/// ```
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) result: Result<Response, FetchError>,
    pub(super) after: Duration,
}

impl Reply {
    /// A response without a body.
    pub fn status(status: u16) -> Self {
        Self::text(status, "")
    }

    /// A response with a JSON body.
    pub fn json(status: u16, body: Value) -> Self {
        Self::text(status, body.to_string()).header("Content-Type", "application/json")
    }

    /// A response with any body.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            result: Ok(Response {
                status,
                status_text: reason(status).to_owned(),
                headers: Vec::new(),
                body: body.into(),
                redirected_to: None,
            }),
            after: Duration::ZERO,
        }
    }

    /// No response.
    pub fn error(error: FetchError) -> Self {
        Self {
            result: Err(error),
            after: Duration::ZERO,
        }
    }

    /// Adds a header; the step sees its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(response) = &mut self.result {
            let header = (name.to_ascii_lowercase(), value.to_owned());
            response.headers.push(header);
        }
        self
    }

    /// The response came from this URL, to which redirects have led.
    #[must_use]
    pub fn redirected_to(mut self, url: &str) -> Self {
        if let Ok(response) = &mut self.result {
            response.redirected_to = Some(url.to_owned());
        }
        self
    }

    /// Answers so much later, by the mock's clock. A request whose own time limit is shorter fails
    /// with [`FetchError::Timeout`].
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }
}

/// The reason phrases (RFC 9110 §15, RFC 6585) of statuses that tests use.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
