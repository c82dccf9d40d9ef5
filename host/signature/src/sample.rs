//! Samples: small requests in a provider's form, to be signed and sent to a webhook.

use serde_json::{Map, Value, json};

use crate::place::Place;
use crate::scheme::{Check, Scheme};
use crate::timestamp::Unit;

/// A request before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The event that it tells of, in the provider's words.
    pub event: String,
    /// Header fields, the content type among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Where a provider's request has the name of its event.
struct Form {
    provider: &'static str,
    /// An event that the provider sends.
    event: &'static str,
    /// The header field, if it stands in one.
    header: &'static str,
    /// The member of the body, by names between slashes, if it stands there.
    member: &'static str,
}

const fn form(
    provider: &'static str,
    event: &'static str,
    header: &'static str,
    member: &'static str,
) -> Form {
    Form {
        provider,
        event,
        header,
        member,
    }
}

/// By provider. Of every other one the event is the member `type`.
const FORMS: [Form; 22] = [
    form("bitbucket", "repo:push", "x-event-key", ""),
    form("cal-com", "BOOKING_CREATED", "", "triggerEvent"),
    form("calendly", "invitee.created", "", "event"),
    form("clerk", "user.created", "", "type"),
    form("github", "push", "x-github-event", ""),
    form("gitlab", "Push Hook", "x-gitlab-event", ""),
    form("gitlab-signed", "Push Hook", "x-gitlab-event", ""),
    form("intercom", "conversation.user.created", "", "topic"),
    form("jira", "jira:issue_created", "", "webhookEvent"),
    form("linear", "Issue", "linear-event", "type"),
    form("paddle", "transaction.completed", "", "event_type"),
    form("pagerduty", "incident.triggered", "", "event/event_type"),
    form("razorpay", "payment.captured", "", "event"),
    form("resend", "email.delivered", "", "type"),
    form("sentry", "issue", "sentry-hook-resource", ""),
    form("shopify", "orders/create", "x-shopify-topic", ""),
    form("slack", "app_mention", "", "event/type"),
    form("stripe", "invoice.paid", "", "type"),
    form(
        "twitch",
        "channel.follow",
        "twitch-eventsub-subscription-type",
        "subscription/type",
    ),
    form("typeform", "form_response", "", "event_type"),
    form("woocommerce", "order.created", "x-wc-webhook-topic", ""),
    form("zoom", "meeting.started", "", "event"),
];

/// A sample of a provider's requests. Its delivery id and its time are where the scheme reads them, as far as that is in
/// the body; [`sign`](crate::sign) writes those of the header fields. `id` and `now_ms` are the same for both.
#[must_use]
pub fn sample(
    provider: &str,
    scheme: &Scheme,
    event: Option<&str>,
    id: &str,
    now_ms: i64,
) -> Sample {
    let other = form("", "sample", "", "type");
    let form = FORMS.iter().find(|form| form.provider == provider);
    let form = form.unwrap_or(&other);
    let event = event.unwrap_or(form.event).to_owned();
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if !form.header.is_empty() {
        headers.push((form.header.to_owned(), event.clone()));
    }
    if let Check::Signature(signature) = &scheme.check
        && (signature.body_hash.as_ref()).is_some_and(|hash| hash.optional_for_forms)
    {
        // Any other body would have its digest in the URL.
        headers[0].1 = "application/x-www-form-urlencoded".to_owned();
        let mut fields = form_urlencoded::Serializer::new(String::new());
        let fields = fields.extend_pairs([("id", id), ("type", &event)]);
        return Sample {
            event,
            headers,
            body: fields.finish(),
        };
    }
    let mut body = json!({"id": id, "data": {"sample": true}});
    match provider {
        // What is no notification is a question.
        "twitch" => headers.push((
            "twitch-eventsub-message-type".to_owned(),
            "notification".to_owned(),
        )),
        "slack" => body["type"] = "event_callback".into(),
        _ => {}
    }
    let mut put = |path: &str, value: Value| set(&mut body, path, value);
    if !form.member.is_empty() {
        put(form.member, event.as_str().into());
    }
    if let Some(Place::Pointer(path)) = &scheme.delivery_id {
        put(path, id.into());
    }
    if let Check::Signature(signature) = &scheme.check
        && let Some(timestamp) = &signature.timestamp
        && let Place::Pointer(path) = &timestamp.at
    {
        let time = match timestamp.unit {
            Unit::Seconds => now_ms.div_euclid(1_000).into(),
            Unit::Milliseconds => now_ms.into(),
            Unit::Rfc3339 => timestamp.unit.write(now_ms).unwrap_or_default().into(),
        };
        put(path, time);
    }
    Sample {
        event,
        headers,
        body: body.to_string(),
    }
}

/// Sets a member by the names that lead to it. What is no object on the way becomes one.
fn set(body: &mut Value, path: &str, value: Value) {
    let mut slot = body;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        slot = &mut slot[name];
    }
    *slot = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outgoing, Request, Secret, SignError, provider, providers, sign, verify};

    const NOW: i64 = 1_764_000_000_000;

    /// A secret in the form that the scheme asks for.
    fn secret(scheme: &Scheme) -> Option<Secret> {
        let texts = [
            "user:password",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "0123456789abcdef",
        ];
        let read = texts.iter().map(|text| Secret::parse(scheme, text));
        read.filter_map(Result::ok).next()
    }

    /// Of which providers a sample can be signed here: all whose senders hold no private key and write signature or
    /// token into a header. Of `none` there is nothing to sign.
    #[test]
    fn samples_are_what_their_providers_sign() {
        let mut without = Vec::new();
        for provider in providers() {
            let name = provider.name.as_str();
            let Some(secret) = secret(&provider.scheme) else {
                without.push(name);
                continue;
            };
            let sample = sample(name, &provider.scheme, None, "evt-1", NOW);
            let headers: Vec<(&str, &[u8])> = (sample.headers.iter())
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect();
            let request = Request {
                method: "POST",
                url: "https://hooks.example.com/event/KEY",
                headers: &headers,
                body: sample.body.as_bytes(),
            };
            let outgoing = Outgoing {
                request,
                id: "evt-1",
                now_ms: NOW,
            };
            let signed = match sign(&provider.scheme, &secret, &outgoing) {
                Ok(signed) => signed,
                Err(SignError::PrivateKey | SignError::NotAHeader(_) | SignError::Missing(_)) => {
                    without.push(name);
                    continue;
                }
                Err(error) => panic!("{name}: {error}"),
            };
            let mut all = headers.clone();
            all.extend(
                signed
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_bytes())),
            );
            let request = Request {
                headers: &all,
                ..request
            };
            let verified = verify(&provider.scheme, &secret.into(), &request, NOW);
            let verified = verified.unwrap_or_else(|refused| panic!("{name}: {refused}"));
            let has_id = provider.scheme.delivery_id.is_some();
            assert_eq!(verified.delivery_id.is_some(), has_id, "{name}");
        }
        let expected = [
            "adyen",
            "aws-sns",
            "discord",
            "event-grid",
            "google-pubsub",
            "mailgun",
            "microsoft-graph",
            "none",
            "paypal",
            "sendgrid",
            "standard-webhooks-ed25519",
            "telnyx",
        ];
        assert_eq!(without, expected);
    }

    #[test]
    fn the_event_stands_where_the_provider_writes_it() {
        let of = |name: &str, event| {
            let scheme = &provider(name).unwrap().scheme;
            sample(name, scheme, event, "evt-1", NOW)
        };
        let body = |sample: &Sample| serde_json::from_str::<Value>(&sample.body).unwrap();
        let push = of("github", None);
        assert!(
            push.headers
                .contains(&("x-github-event".into(), "push".into()))
        );
        assert_eq!(body(&of("stripe", Some("a.b")))["type"], "a.b");
        let slack = body(&of("slack", None));
        assert_eq!(
            (&slack["type"], &slack["event"]["type"]),
            (&json!("event_callback"), &json!("app_mention"))
        );
        assert_eq!(slack["event_id"], "evt-1");
        assert_eq!(body(&of("linear", None))["webhookTimestamp"], NOW);
        assert_eq!(body(&of("vercel", None))["type"], "sample");
    }
}
