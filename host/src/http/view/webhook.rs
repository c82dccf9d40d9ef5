//! From webhooks and the providers that are known to the contract's types.

use serde_json::{Map, Value};
use stepwell_api as contract;
use stepwell_signature::{Check, Provider, Setup};

use crate::domain::authentication::VERIFY_TOKEN;
use crate::domain::clock::{Millis, rfc3339};
use crate::domain::payload_schema::OnMismatch;
use crate::domain::reply::{HttpReply, ReplyRule};
use crate::domain::webhook::{Webhook, WebhookKey};

/// A webhook, with the URL that it has on this server. `digest` is that of a sealed secret, by its id.
pub(in crate::http) fn webhook(
    webhook: &Webhook,
    base_url: &str,
    now: Millis,
    digest: impl Fn(&str, &[u8]) -> Option<String>,
) -> contract::Webhook {
    let set = &webhook.authentication;
    let secrets = set.secrets.iter().map(|secret| contract::WebhookSecret {
        id: secret.id.clone(),
        added: rfc3339(secret.added),
        expires: secret.expires.map(rfc3339),
        digest: digest(&secret.id, &secret.sealed),
    });
    let url = |key: &WebhookKey| format!("{base_url}/event/{}", key.reveal());
    let former = webhook
        .former_keys
        .iter()
        .filter(|former| now < former.until);
    let former = former.map(|former| contract::FormerUrl {
        url: url(&former.key),
        expires: rfc3339(former.until),
    });
    let verify_token = set.verify_token.as_ref();
    contract::Webhook {
        id: webhook.id.clone(),
        name: webhook.name.to_string(),
        former_names: webhook
            .former_names
            .iter()
            .map(ToString::to_string)
            .collect(),
        url: url(&webhook.key),
        former_urls: former.collect(),
        disabled: webhook.is_disabled,
        correlate: webhook.correlate.clone(),
        dedup: webhook.dedup.as_ref().map(|rule| contract::Dedup {
            header: rule.header().map(str::to_owned),
            pointer: rule.pointer().map(str::to_owned),
            window_ms: rule.window_ms,
        }),
        methods: webhook.intake.methods.names().map(str::to_owned).collect(),
        headers: webhook.intake.headers.clone(),
        rate: webhook.intake.rate.map(Into::into),
        at_once: webhook.intake.at_once,
        record_bodies: !webhook.intake.omits_bodies,
        reply: match &webhook.replies.rule {
            ReplyRule::Fixed(reply) => Some(fixed_reply(reply)),
            ReplyRule::Accepted | ReplyRule::Wait { .. } => None,
        },
        wait_seconds: match webhook.replies.rule {
            ReplyRule::Wait { seconds } => Some(seconds),
            ReplyRule::Accepted | ReplyRule::Fixed(_) => None,
        },
        redirect: webhook.replies.redirect.clone(),
        allow_origins: webhook.replies.origins.clone(),
        // It was written from a JSON object.
        schema: (webhook.schema.as_ref())
            .and_then(|schema| serde_json::from_str(&schema.text).ok()),
        on_mismatch: (webhook.schema.as_ref()).map(|schema| match schema.on_mismatch {
            OnMismatch::Refuse => contract::OnMismatch::Refuse,
            OnMismatch::Flag => contract::OnMismatch::Flag,
        }),
        provider: set.provider.clone(),
        // It was written from a JSON object.
        scheme: (set.scheme.as_ref()).and_then(|text| serde_json::from_str(text).ok()),
        secrets: secrets.collect(),
        verify_token_digest: verify_token.and_then(|sealed| digest(VERIFY_TOKEN, sealed)),
        allow_ips: set.allow_ips.iter().map(ToString::to_string).collect(),
        tolerance_seconds: set.tolerance_seconds,
        created: rfc3339(webhook.created),
        warnings: None,
    }
}

/// A fixed reply.
pub fn fixed_reply(reply: &HttpReply) -> contract::FixedReply {
    contract::FixedReply {
        status: reply.status,
        headers: reply.headers.iter().cloned().collect(),
        // It was a text when it was set.
        body: String::from_utf8_lossy(&reply.body).into_owned(),
    }
}

/// A service whose webhooks are known.
pub(in crate::http) fn provider(provider: &Provider) -> contract::Provider {
    let setup = |setup: &Setup| contract::ProviderSetup {
        what: setup.what.clone(),
        find: setup.find.clone(),
        begins_with: setup.begins_with.clone(),
    };
    let (signs, tolerance_seconds) = match &provider.scheme.check {
        Check::Signature(signature) => {
            let timestamp = signature.timestamp.as_ref();
            let tolerance = timestamp.map(|timestamp| timestamp.tolerance_seconds);
            (Some(String::from(signature.content.clone())), tolerance)
        }
        Check::Jwt(jwt) => {
            let claim = jwt.body_claim.as_ref();
            let signs =
                claim.map(|claim| format!("a JSON Web Token with the body's SHA-256 in `{claim}`"));
            (signs, jwt.tolerance_seconds)
        }
        Check::Token(_) | Check::Basic | Check::None => (None, None),
    };
    let docs = Some(provider.docs.clone()).filter(|docs| !docs.is_empty());
    contract::Provider {
        name: provider.name.clone(),
        title: provider.title.clone(),
        secret: provider.secret.as_ref().map(setup),
        verify_token: provider.verify_token.as_ref().map(setup),
        docs,
        note: provider.note.clone(),
        signs,
        tolerance_seconds,
        challenge: provider.challenge.is_some(),
        scheme: match serde_json::to_value(&provider.scheme) {
            Ok(Value::Object(scheme)) => scheme,
            // A scheme has text keys only.
            _ => Map::new(),
        },
    }
}
