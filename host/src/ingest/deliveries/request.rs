//! The parts of a request that are recorded, with values masked that may be secrets.

use http::HeaderMap;
use url::form_urlencoded;

use crate::catalog::LiveWebhook;
use crate::domain::delivery::{Delivery, DeliveryBody, Verdict};
use crate::domain::intake::may_be_secret;
use crate::domain::limits::{KEPT_HEADER_BYTES, KEPT_HEADERS_BYTES, URL_BYTES};

/// The text in place of a value that may be a secret.
pub const MASK: &str = "***";

/// The header fields in their order, as far as they fit. Bytes that are not UTF-8 are replaced.
pub(super) fn headers(headers: &HeaderMap, webhook: &LiveWebhook) -> Vec<(String, String)> {
    let mut left = KEPT_HEADERS_BYTES;
    let mut kept = Vec::new();
    for (name, value) in headers {
        let name = name.as_str();
        let verifier = webhook.verifier.as_ref();
        let is_read = || verifier.is_some_and(|verifier| verifier.reads_secret(name));
        let value = if may_be_secret(name) || is_read() {
            MASK.to_owned()
        } else {
            let mut value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            value.truncate(value.floor_char_boundary(KEPT_HEADER_BYTES));
            value
        };
        let Some(rest) = left.checked_sub(name.len() + value.len()) else {
            continue;
        };
        left = rest;
        kept.push((name.to_owned(), value));
    }
    kept
}

/// The query, as far as it fits.
pub(super) fn query(query: Option<&str>, webhook: &LiveWebhook) -> Option<String> {
    let query = query?;
    let verifier = webhook.verifier.as_ref();
    let secret = verifier.and_then(|verifier| verifier.secret_parameter());
    let mut kept = form_urlencoded::Serializer::new(String::new());
    let mut size = 0;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let is_secret = Some(&*name) == secret || may_be_secret(&name.to_ascii_lowercase());
        let value = if is_secret { MASK } else { &*value };
        size += name.len() + value.len();
        if size > URL_BYTES {
            break;
        }
        kept.append_pair(&name, value);
    }
    Some(kept.finish())
}

/// The bytes that a delivery takes in memory, roughly.
pub(super) fn size(delivery: &Delivery) -> usize {
    let body = match &delivery.body {
        DeliveryBody::Kept(body) => body.len(),
        DeliveryBody::None | DeliveryBody::TooLarge(_) => 0,
    };
    let detail = match &delivery.verdict {
        Verdict::Refused { detail, .. } => detail.len(),
        _ => 0,
    };
    let headers = delivery.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    256 + body + detail + headers + delivery.query.as_ref().map_or(0, String::len)
}
