//! Forms: names with brackets make objects and arrays, and no field is lost.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use stepwell::ingest::decode::{self, Decoded, Request};

/// Takes the body of an `application/x-www-form-urlencoded` request. `true` if it becomes a task.
///
/// # Panics
/// If a field is lost, or something else than fields comes of them.
pub fn run(bytes: &[u8]) -> bool {
    let request = Request {
        method: "POST",
        content_type: Some("application/x-www-form-urlencoded"),
        query: None,
        secret_parameter: None,
        headers: &HeaderMap::new(),
    };
    let Ok(Decoded::One(document)) = decode::documents(request, Bytes::copy_from_slice(bytes))
    else {
        return false;
    };
    let fields: Vec<_> = url::form_urlencoded::parse(bytes).collect();
    let is_json = document.text == bytes;
    let is_payload = fields.len() == 1 && fields[0].0 == "payload";
    let value = serde_json::from_slice(&document.text);
    if is_json || is_payload {
        // It is JSON as far as it is looked at here; an object may have the half of a surrogate pair.
        return value.is_ok_and(|value: Value| value.is_object() || value.is_array());
    }
    let value: Value = value.expect("a form that becomes JSON");
    assert!(value.is_object());
    let (mut found, mut sent) = (Vec::new(), Vec::new());
    texts(&value, &mut found);
    sent.extend(fields.iter().map(|(_, value)| value.as_ref()));
    found.sort_unstable();
    sent.sort_unstable();
    assert_eq!(found, sent);
    true
}

/// All texts in a value.
fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        other => panic!("{other} of a form"),
    }
}
