//! A JSON document a line (NDJSON, JSON Lines).

use bytes::Bytes;

use super::document::Document;
use super::error::DecodeError;
use crate::domain::limits::TASKS_PER_REQUEST;
use crate::ingest::body::BodyError;

/// The documents of all lines that are not blank. They are not looked at.
///
/// # Errors
/// There is none, or too many.
pub(super) fn documents(body: &Bytes) -> Result<Vec<Document>, DecodeError> {
    let mut documents = Vec::new();
    for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if documents.len() == TASKS_PER_REQUEST {
            return Err(DecodeError::TooMany);
        }
        documents.push(Document {
            line: number,
            ..Document::new(body.slice_ref(line))
        });
    }
    if documents.is_empty() {
        return Err(BodyError::Empty.into());
    }
    Ok(documents)
}
