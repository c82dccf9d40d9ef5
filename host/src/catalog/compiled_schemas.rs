//! Schemas of webhooks, compiled: once for each text, when it is set or first read from the store.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use serde_json::Value;
use stepwell_schema::{Schema, SchemaError};

/// Compiled schemas by their texts.
static KNOWN: LazyLock<Mutex<HashMap<Box<str>, Weak<Schema>>>> = LazyLock::new(Mutex::default);

/// Compiles a schema's text; equal texts share one compiled schema.
///
/// # Errors
/// It is no schema.
pub(super) fn compiled(text: &str) -> Result<Arc<Schema>, SchemaError> {
    if let Some(known) = KNOWN.lock().get(text).and_then(Weak::upgrade) {
        return Ok(known);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| SchemaError {
        pointer: String::new(),
        message: format!("it is not JSON: {error}"),
    })?;
    let schema = Arc::new(Schema::compile(&value)?);
    let mut known = KNOWN.lock();
    if known.len() == known.capacity() {
        known.retain(|_, schema| schema.strong_count() > 0);
    }
    known.insert(text.into(), Arc::downgrade(&schema));
    Ok(schema)
}
