//! Members of the API's documents.

use serde_json::Value;

/// The text member `key` of an API document, empty if it is missing.
pub fn text<'v>(document: &'v Value, key: &str) -> &'v str {
    document.get(key).and_then(Value::as_str).unwrap_or("")
}

/// The elements of the array member `key` of an API document, none if it is missing.
pub fn member<'v>(document: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    document
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// What the server thinks is not meant in what it was sent.
pub fn warnings(answer: &Value) -> impl Iterator<Item = &str> {
    member(answer, "warnings").filter_map(Value::as_str)
}
