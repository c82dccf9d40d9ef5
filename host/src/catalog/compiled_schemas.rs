//! Schemas of webhooks, compiled: once for each text, when it is set or first read from the store.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use serde_json::Value;
use stepwell_schema::{Schema, SchemaError};

/// Compiled schemas by their texts.
static KNOWN: LazyLock<Mutex<HashMap<Arc<str>, Weak<Schema>>>> = LazyLock::new(Mutex::default);

/// Compiles a schema's text. Equal texts share one compiled schema, and the text that is returned with it: thousands of
/// webhooks may have the same.
///
/// # Errors
/// It is no schema.
pub(super) fn compiled(text: &Arc<str>) -> Result<(Arc<str>, Arc<Schema>), SchemaError> {
    if let Some(known) = known(&KNOWN.lock(), text) {
        return Ok(known);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| SchemaError {
        pointer: String::new(),
        message: format!("it is not JSON: {error}"),
    })?;
    let schema = Arc::new(Schema::compile(&value)?);
    let mut all = KNOWN.lock();
    // Another thread may have been quicker.
    if let Some(known) = known(&all, text) {
        return Ok(known);
    }
    if all.len() == all.capacity() {
        all.retain(|_, schema| schema.strong_count() > 0);
    }
    all.remove(text);
    all.insert(text.clone(), Arc::downgrade(&schema));
    Ok((text.clone(), schema))
}

fn known(
    all: &HashMap<Arc<str>, Weak<Schema>>,
    text: &Arc<str>,
) -> Option<(Arc<str>, Arc<Schema>)> {
    let (text, schema) = all.get_key_value(text)?;
    Some((text.clone(), schema.upgrade()?))
}
