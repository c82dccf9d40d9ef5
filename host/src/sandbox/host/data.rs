//! `stepwell:step/data`: the document behind RFC 6901 pointers.

use serde_json::Value;

use crate::domain::data::{Pointer, check};
use crate::domain::limits;
use crate::sandbox::bindings::stepwell::step::data::Host;
use crate::sandbox::fault::LimitReached;
use crate::sandbox::state::RunState;

/// JSON bytes that a run may write in all: a document that is rewritten a few times over.
const WRITTEN_BYTES: usize = 4 * limits::DATA_BYTES;

impl Host for RunState {
    fn get(&mut self, pointer: String) -> wasmtime::Result<Result<Option<String>, String>> {
        Ok(Pointer::parse(&pointer)
            .map(|pointer| self.document.get(&pointer).map(Value::to_string))
            .map_err(|error| error.to_string()))
    }

    fn set(&mut self, pointer: String, json: String) -> wasmtime::Result<Result<(), String>> {
        self.written = self.written.saturating_add(json.len());
        if self.written > WRITTEN_BYTES {
            return Err(LimitReached(format!(
                "the step wrote more than {} MiB of data in one run",
                WRITTEN_BYTES >> 20
            ))
            .into());
        }
        Ok(set(self, &pointer, &json))
    }

    fn remove(&mut self, pointer: String) -> wasmtime::Result<Result<(), String>> {
        let removed = Pointer::parse(&pointer).and_then(|pointer| self.document.remove(&pointer));
        Ok(removed.map_err(|error| error.to_string()))
    }
}

fn set(state: &mut RunState, pointer: &str, json: &str) -> Result<(), String> {
    let place = Pointer::parse(pointer).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(json)
        .map_err(|error| format!("the value for `{pointer}` is not JSON: {error}"))?;
    check(&value, place.depth()).map_err(|unfit| format!("`{pointer}` cannot be set: {unfit}"))?;
    state
        .document
        .set(&place, value)
        .map_err(|error| error.to_string())
}
