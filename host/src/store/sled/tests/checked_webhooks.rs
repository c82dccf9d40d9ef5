//! Samples of webhooks with schemas, and with former names.

use super::replying;
use crate::domain::payload_schema::{OnMismatch, PayloadSchema};
use crate::domain::webhook::Webhook;

pub(super) fn webhooks() -> Vec<Webhook> {
    let schemas = [
        ("{\"type\":\"object\"}", OnMismatch::Refuse),
        ("{}", OnMismatch::Flag),
    ];
    let webhooks = replying::webhooks().into_iter().zip(schemas);
    let with = webhooks.map(|(webhook, (text, on_mismatch))| Webhook {
        schema: Some(PayloadSchema {
            text: text.into(),
            on_mismatch,
        }),
        ..webhook
    });
    with.collect()
}

pub(super) fn renamed_webhooks() -> Vec<Webhook> {
    let plain = Webhook::sample();
    let renamed = [plain, webhooks().remove(0)].map(|mut webhook| {
        for name in ["Orders", "Größe"] {
            webhook.rename(name.parse().unwrap());
        }
        webhook
    });
    renamed.into()
}
