//! Converts deliveries to the contract's types.

use data_encoding::BASE64;
use stepwell_api as contract;

use crate::domain::clock::rfc3339;
use crate::domain::delivery::{Delivery, DeliveryBody, Verdict};

/// A delivery without its body.
pub(in crate::http) fn delivery(delivery: &Delivery) -> contract::Delivery {
    let task = match &delivery.verdict {
        Verdict::Accepted => Some(delivery.id),
        Verdict::Merged { task } | Verdict::Duplicate { task } => Some(*task),
        Verdict::Challenged | Verdict::Refused { .. } => None,
    };
    let (status, code, detail) = match &delivery.verdict {
        Verdict::Refused {
            status,
            code,
            detail,
        } => (Some(*status), Some(code.clone()), Some(detail.clone())),
        _ => (None, None, None),
    };
    contract::Delivery {
        id: delivery.id.to_string(),
        webhook: delivery.name.to_string(),
        webhook_id: delivery.webhook.clone(),
        at: rfc3339(delivery.at),
        verdict: delivery.verdict.name().to_owned(),
        task: task.map(|task| task.to_string()),
        status,
        code,
        detail,
        ip: delivery.ip.to_string(),
        method: delivery.method.clone(),
        query: delivery.query.clone(),
        headers: delivery.headers.iter().cloned().collect(),
        omitted: delivery.omitted,
        body: None,
    }
}

/// The recorded body.
pub(in crate::http) fn delivery_body(body: &DeliveryBody) -> Option<contract::DeliveryBody> {
    let DeliveryBody::Kept(bytes) = body else {
        return None;
    };
    let (text, encoding) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (BASE64.encode(bytes), Some("base64".to_owned())),
    };
    Some(contract::DeliveryBody { text, encoding })
}
