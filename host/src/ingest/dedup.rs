//! The key by which a repeated delivery is recognised. A digest of the body is never one: many senders send the
//! same body twice and mean it.

use hyper::HeaderMap;
use serde_json::Value;

use super::verify::Delivery;
use crate::domain::clock::Millis;
use crate::domain::data::Document;
use crate::domain::dedup::{Dedup, DedupKey, DedupSource, KeyKind, key_pointer};
use crate::domain::limits;
use crate::domain::webhook::Webhook;
use crate::store::NewTask;

/// The key of the request that becomes `task`, by the first of these that gives one: the webhook's own rule, the
/// provider's delivery id, the signature with its timestamp. The webhook's rule comes first because its owner has
/// chosen it. `part` is the number of the document in a body of several: what the request has once is the key of each
/// of them with that number.
pub(super) fn dedup(
    webhook: &Webhook,
    headers: &HeaderMap,
    delivery: Option<&Delivery>,
    task: &NewTask,
    part: Option<usize>,
) -> Option<Dedup> {
    let of = |kind, value: &[u8]| match part {
        Some(part) if kind != KeyKind::Body && !value.is_empty() => {
            let value = [value, format!("\0{part}").as_bytes()].concat();
            DedupKey::of(&webhook.id, kind, &value)
        }
        _ => DedupKey::of(&webhook.id, kind, value),
    };
    let rule = webhook.dedup.as_ref();
    let by_rule = || match &rule?.source {
        DedupSource::Header(name) => of(KeyKind::Header, &header(headers, name)?),
        DedupSource::Pointer(pointer) => of(KeyKind::Body, &member(task, pointer)?),
    };
    let by_id = || of(KeyKind::DeliveryId, delivery?.id.as_ref()?.as_bytes());
    let by_signature = || {
        of(
            KeyKind::Signature,
            delivery?.fingerprint.as_ref()?.as_bytes(),
        )
    };
    let key = by_rule().or_else(by_id).or_else(by_signature)?;
    let provider = || delivery.and_then(|delivery| delivery.window_ms);
    let window = rule.map(|rule| rule.window_ms).or_else(provider);
    let window = window.unwrap_or(limits::DEDUP_WINDOW_MS);
    let at: Millis = task.head.created;
    let until = at.saturating_add(window);
    Some(Dedup { key, at, until })
}

/// A header's value; several are one list (RFC 9110 §5.3).
fn header(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let values = headers.get_all(name).iter();
    let values: Vec<&[u8]> = values.map(|value| value.as_bytes().trim_ascii()).collect();
    (!values.is_empty()).then(|| values.join(&b", "[..]))
}

/// A member of the data as bytes. A text and a number of the same digits differ, and a value that is no text,
/// number or boolean says nothing.
fn member(task: &NewTask, pointer: &str) -> Option<Vec<u8>> {
    // It was a pointer when the webhook was added.
    let pointer = key_pointer(pointer).ok()?;
    let document = Document::parse(task.data.clone()).ok()?;
    let first = document.member(pointer.first()?)?;
    match pointer.get_below_first(&first)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some([b"\"", text.as_bytes()].concat()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string().into_bytes()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dedup::DedupRule;
    use crate::domain::ids::{TaskId, WorkspaceName};
    use crate::domain::webhook::WebhookKey;
    use crate::store::conformance::samples::new_task;

    fn workspace() -> WorkspaceName {
        "default".parse().unwrap()
    }

    fn webhook(rule: Option<DedupRule>) -> Webhook {
        Webhook {
            id: "w1".into(),
            workspace: workspace(),
            name: "w".parse().unwrap(),
            key: WebhookKey::new("key".into()),
            former_keys: Vec::new(),
            created: 0,
            correlate: None,
            dedup: rule,
            authentication: Default::default(),
            intake: Default::default(),
            replies: Default::default(),
            former_names: Vec::new(),
            schema: None,
            is_disabled: false,
        }
    }

    fn by_header(headers: &[(&'static str, &'static [u8])]) -> Option<Dedup> {
        let rule = DedupRule::new(Some("Idempotency-Key"), None, Some(60_000));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                *name,
                hyper::header::HeaderValue::from_bytes(value).unwrap(),
            );
        }
        let task = new_task(&workspace(), TaskId::new(), "{}");
        dedup(&webhook(rule.ok()), &map, None, &task, None)
    }

    fn by_pointer(pointer: &str, data: &str) -> Option<DedupKey> {
        let rule = DedupRule::new(None, Some(pointer), None);
        let task = new_task(&workspace(), TaskId::new(), data);
        let found = dedup(&webhook(rule.ok()), &HeaderMap::new(), None, &task, None);
        found.map(|dedup| dedup.key)
    }

    #[test]
    fn a_header_is_a_key_unless_it_is_missing_or_empty() {
        let name = "idempotency-key";
        let one = by_header(&[(name, b"evt_1")]).unwrap();
        assert_eq!(one.until - one.at, 60_000);
        assert_eq!(by_header(&[(name, b" evt_1\t")]).unwrap().key, one.key);
        for other in [
            &[(name, &b"evt_2"[..])][..],
            &[(name, b"EVT_1")],
            &[(name, b"evt_1"), (name, b"evt_2")],
            &[(name, b"evt_2"), (name, b"evt_1")],
            &[(name, b"\xff\xfe")],
        ] {
            assert_ne!(by_header(other).unwrap().key, one.key, "{other:?}");
        }
        for none in [
            &[][..],
            &[(name, &b""[..])],
            &[(name, b"  ")],
            &[("x", b"evt_1")],
        ] {
            assert_eq!(by_header(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_member_of_the_body_is_a_key_if_it_is_a_text_a_number_or_a_boolean() {
        let key = by_pointer("/event/id", r#"{"event":{"id":"1"}}"#).unwrap();
        assert_eq!(
            by_pointer("/event/id", r#"{"a":2,"event":{"x":1,"id":"1"}}"#),
            Some(key)
        );
        assert_eq!(
            by_pointer("/event/id", r#"{"event":{"id":"\u0031"}}"#),
            Some(key)
        );
        for other in [
            r#"{"event":{"id":1}}"#,
            r#"{"event":{"id":1.0}}"#,
            r#"{"event":{"id":true}}"#,
            r#"{"event":{"id":"true"}}"#,
        ] {
            assert!(
                by_pointer("/event/id", other).is_some_and(|other| other != key),
                "{other}"
            );
        }
        for none in [
            "{}",
            r#"{"event":[]}"#,
            r#"{"event":{"id":""}}"#,
            r#"{"event":{"id":null}}"#,
            r#"{"event":{"id":{}}}"#,
            r#"{"event":{"id":["1"]}}"#,
        ] {
            assert_eq!(by_pointer("/event/id", none), None, "{none}");
        }
        assert!(by_pointer("/items/0", r#"{"items":["a"]}"#).is_some());
    }

    #[test]
    fn what_verification_tells_is_a_key_where_the_webhook_has_no_rule() {
        let task = new_task(&workspace(), TaskId::new(), "{}");
        let found = |rule: Option<DedupRule>, id: Option<&str>, fingerprint: Option<&str>| {
            let delivery = Delivery {
                verified: None,
                id: id.map(str::to_owned),
                fingerprint: fingerprint.map(str::to_owned),
                window_ms: Some(7_000),
                secret_parameter: None,
            };
            dedup(
                &webhook(rule),
                &HeaderMap::new(),
                Some(&delivery),
                &task,
                None,
            )
        };
        let key = |rule, id, fingerprint| found(rule, id, fingerprint).map(|dedup| dedup.key);
        let window = |rule| found(rule, Some("d1"), None).map(|dedup| dedup.until - dedup.at);
        assert_eq!(window(None), Some(7_000), "the provider's");
        let rule = DedupRule::new(Some("x-id"), None, Some(60_000)).ok();
        assert_eq!(window(rule), Some(60_000), "the webhook's own");
        let by_id = key(None, Some("d1"), Some("f1"));
        assert!(by_id.is_some());
        assert_eq!(by_id, key(None, Some("d1"), Some("f2")));
        let by_signature = key(None, None, Some("f1"));
        assert!(by_signature.is_some() && by_signature != by_id);
        assert_eq!(by_signature, key(None, Some(""), Some("f1")));
        assert_eq!(key(None, None, None), None);
        // The rule finds nothing in the request.
        let rule = DedupRule::new(Some("x-id"), None, None).ok();
        assert_eq!(key(rule, Some("d1"), None), by_id);
    }
}
