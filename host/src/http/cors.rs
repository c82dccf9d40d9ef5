//! Cross-origin requests to webhooks (the Fetch standard, section 3.2): pages of the origins that a webhook names may
//! read its answers. It keeps no page from sending.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::domain::webhook::Webhook;

/// Headers of answers that pages may read beside those that they always may.
const EXPOSED: &str = "Location, RateLimit, RateLimit-Policy, Retry-After";
/// How long in seconds a browser may remember the answer to a preflight: ten minutes.
const MAX_AGE: &str = "600";
/// The longest list of header names that a preflight asks for, in bytes.
const HEADERS_BYTES: usize = 1024;

/// Whether a request is a browser's question whether a page may send another one, of a webhook that answers such.
pub(super) fn is_preflight(webhook: &Webhook, method: &str, headers: &HeaderMap) -> bool {
    !webhook.replies.origins.is_empty()
        && method == Method::OPTIONS.as_str()
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight; [`allow`] adds whether the page may.
pub(super) fn preflight(webhook: &Webhook, headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answer = response.headers_mut();
    if is_allowed(&webhook.replies.origins, headers) {
        let methods = webhook.intake.methods.to_string();
        if let Ok(methods) = HeaderValue::try_from(methods) {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(asked) = asked.filter(|asked| is_list_of_names(asked)) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    }
    let varies = "Access-Control-Request-Method, Access-Control-Request-Headers";
    answer.append(VARY, HeaderValue::from_static(varies));
    response
}

/// Lets the page that sent a request read its answer, if its origin is among `origins`.
pub(super) fn allow(origins: &[String], request: &HeaderMap, answer: &mut HeaderMap) {
    if origins.is_empty() {
        return;
    }
    let all = origins.iter().any(|origin| origin == "*");
    if !all {
        // Also for other origins and none: a cache must not give one the answer of another.
        answer.append(VARY, HeaderValue::from_static("Origin"));
    }
    let Some(origin) = request.get(ORIGIN) else {
        return;
    };
    if is_allowed(origins, request) {
        let origin = if all {
            HeaderValue::from_static("*")
        } else {
            origin.clone()
        };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static(EXPOSED);
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

fn is_allowed(origins: &[String], request: &HeaderMap) -> bool {
    let Some(origin) = request.get(ORIGIN) else {
        return false;
    };
    let mut origins = origins.iter();
    origins.any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes())
}

fn is_list_of_names(value: &HeaderValue) -> bool {
    let is_part = |c: &u8| c.is_ascii_alphanumeric() || b"-_., ".contains(c);
    value.len() <= HEADERS_BYTES && value.as_bytes().iter().all(is_part)
}
