//! Bodies of webhooks' requests: their content types, content codings and CloudEvents decide what they are read as.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use stepwell::domain::data::Document;
use stepwell::ingest::body::to_data;
use stepwell::ingest::decode::{self, Decoded, Request};

/// Bytes that a decoded body may have.
const MOST: usize = 64 * 1024;

/// Takes a request as text: method and query, one line; then header fields (`Name: value`) up to an empty line; then the
/// body. `true` if it becomes a task, or several.
///
/// # Panics
/// If the data of a task are no object, have another `$via` than the server's, or differ from an object that was sent.
pub fn run(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let Ok(first) = std::str::from_utf8(line(&mut rest)) else {
        return false;
    };
    let (method, query) = first.split_once(' ').unwrap_or((first, ""));
    if Method::from_bytes(method.as_bytes()).is_err() {
        return false;
    }
    let mut headers = HeaderMap::new();
    loop {
        let field = line(&mut rest);
        if field.is_empty() {
            break;
        }
        let at = field.iter().position(|byte| *byte == b':');
        let (name, value) = field.split_at(at.unwrap_or(field.len()));
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    let Ok(content_type) = content_type.transpose() else {
        return false;
    };
    if decode::is_multipart(method, content_type) {
        // See `multipart`.
        return false;
    }
    let body = Bytes::copy_from_slice(rest);
    let Ok(plain) = decode::undo(&headers, &body, MOST) else {
        return false;
    };
    assert!(plain.as_ref().is_none_or(|plain| plain.len() <= MOST));
    let plain = plain.unwrap_or(body);
    let request = Request {
        method,
        content_type,
        query: Some(query),
        secret_parameter: None,
        headers: &headers,
    };
    let documents = match decode::documents(request, plain.clone()) {
        Ok(Decoded::One(document)) => vec![document],
        Ok(Decoded::Many(documents)) => documents,
        Err(_) => return false,
    };
    assert!(documents.len() <= 1_000);
    let mut as_sent = (documents.len() == 1 && documents[0].text == plain)
        .then(|| serde_json::from_slice::<Value>(&plain).ok())
        .flatten();
    if let Some(Value::Object(sent)) = &mut as_sent {
        sent.shift_remove("$via");
    }
    let data: Result<Vec<_>, _> = documents
        .iter()
        .map(|document| to_data(&document.text, r#"{"type":"webhook"}"#))
        .collect();
    let Ok(data) = data else { return false };
    for data in &data {
        let mut value = of_a_task(data);
        let via = value.as_object_mut().and_then(|it| it.shift_remove("$via"));
        assert_eq!(via, Some(json!({"type": "webhook"})));
        if let Some(sent) = as_sent.as_ref().filter(|sent| sent.is_object()) {
            // As texts: the digits of numbers and the order of members are the sender's.
            assert_eq!(value.to_string(), sent.to_string());
        }
    }
    !data.is_empty()
}

/// What the store and `serde_json` read a task's data as.
fn of_a_task(data: &str) -> Value {
    let value: Value = serde_json::from_str(data).expect("data that are JSON");
    let document = Document::parse(data.into()).expect("data that are an object");
    assert_eq!(document.to_value(), value);
    value
}

/// Takes the next line off, without its line feed.
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = after.get(1..).unwrap_or_default();
    line
}
