//! The schema of a webhook, checked with the code that the server checks it with.

use serde_json::{Map, Value};
use stepwell_api::OnMismatch;

use crate::catalog::check_schema;
use crate::deploy::reader::{Fields, Place, Reader};
use crate::domain::payload_schema;

/// The member `schema` of a webhook.
#[derive(Default)]
pub(super) struct Schema {
    /// The schema; `Some(None)` for none.
    pub(super) schema: Option<Option<Map<String, Value>>>,
    /// Whether documents that do not fit are refused or flagged.
    pub(super) on_mismatch: Option<OnMismatch>,
}

pub(super) fn schema(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Schema {
    let schema = fields.entry("schema").and_then(|place| read(reader, place));
    let on_mismatch = fields.entry("onMismatch").and_then(|place| {
        let text = reader.text(place)?;
        match text.parse() {
            Ok(payload_schema::OnMismatch::Refuse) => Some(OnMismatch::Refuse),
            Ok(payload_schema::OnMismatch::Flag) => Some(OnMismatch::Flag),
            Err(error) => {
                let error: payload_schema::PayloadSchemaError = error;
                reader.fault(&place.at, error.to_string())
            }
        }
    });
    if let (Some(place), Some(None)) = (fields.entry("onMismatch"), &schema) {
        reader.fault::<()>(&place.at, "`onMismatch` needs a `schema` beside it");
    }
    Schema {
        schema,
        on_mismatch,
    }
}

/// A mapping, or the word `none`.
fn read(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Option<Map<String, Value>>> {
    let wrong = "must be a mapping with a JSON Schema, or `none`";
    match reader.json(place)? {
        Value::String(word) if word == "none" => Some(None),
        schema @ Value::Object(_) => match check_schema(&schema) {
            Ok(()) => match schema {
                Value::Object(members) => Some(Some(members)),
                _ => None,
            },
            Err(error) => reader.fault(&place.at, error.to_string()),
        },
        _ => reader.fault(&place.at, wrong),
    }
}
