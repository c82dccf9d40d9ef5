//! NDJSON: a document a line.

use bytes::Bytes;
use http::HeaderMap;
use stepwell::domain::data::Document;
use stepwell::ingest::body::to_data;
use stepwell::ingest::decode::{self, Decoded, Request};

/// Takes the body of an `application/x-ndjson` request. `true` if it becomes tasks.
///
/// # Panics
/// If there are more or fewer documents than lines, or if one is another than its line.
pub fn run(bytes: &[u8]) -> bool {
    let request = Request {
        method: "POST",
        content_type: Some("application/x-ndjson"),
        query: None,
        secret_parameter: None,
        headers: &HeaderMap::new(),
    };
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    let full = lines.iter().filter(|line| !line.trim_ascii().is_empty());
    let count = full.count();
    let documents = match decode::documents(request, Bytes::copy_from_slice(bytes)) {
        Ok(Decoded::Many(documents)) => documents,
        Ok(Decoded::One(_)) => panic!("one document"),
        Err(_) => {
            assert!(count == 0 || count > 1_000, "{count} lines are refused");
            return false;
        }
    };
    assert_eq!(documents.len(), count);
    let mut all_are_data = true;
    for document in &documents {
        assert_eq!(document.text, lines[document.line]);
        match to_data(&document.text, "{}") {
            Ok(data) => {
                let parsed = Document::parse(data.into()).expect("data that are an object");
                assert_eq!(parsed.to_value()["$via"], serde_json::json!({}));
            }
            Err(_) => all_are_data = false,
        }
    }
    all_are_data
}
