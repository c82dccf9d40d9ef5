//! `stepwell:step/data`: the document behind RFC 6901 pointers.

use serde_json::Value;

use crate::domain::budget::Exhausted;
use crate::domain::data::{Pointer, check, memory_estimate};
use crate::domain::limits;
use crate::sandbox::bindings::stepwell::step::data::Host;
use crate::sandbox::fault::LimitReached;
use crate::sandbox::state::RunState;

/// JSON bytes that a run may write in all: a document that is rewritten a few times over.
const WRITTEN_BYTES: usize = 4 * limits::DATA_BYTES;

/// Bytes of what values take in memory that are looked at for a unit of fuel, to tell how much it is.
const LOOKED_AT: usize = 16;

impl Host for RunState {
    fn get(&mut self, pointer: String) -> wasmtime::Result<Result<Option<String>, String>> {
        self.work.charge(pointer.len())?;
        let pointer = match Pointer::parse(&pointer) {
            Ok(pointer) => pointer,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if pointer.is_root()
            && let Some(text) = self.document.text()
        {
            self.work.add_bytes(text.len());
            return Ok(Ok(Some(String::from(&**text))));
        }
        if self.document.memory_to_parse(&pointer) > SMALL
            && let Some(text) = self.document.member_text(&pointer)
        {
            self.work.add_bytes(text.len());
            return Ok(Ok(Some(text.to_owned())));
        }
        // A guest that is given all of a member does not ask for it again; one that looks for parts may.
        let is_kept = pointer.depth() > 1 && self.charge_read(&pointer).is_ok();
        let to_parse = match is_kept {
            true => 0,
            false => self.document.memory_to_parse(&pointer),
        };
        let is_large = to_parse > SMALL;
        // More than a workspace can ever have is not asked for.
        let most = self.memory.most().saturating_sub(self.memory.used());
        let charged = if is_large { to_parse.min(most) } else { 0 };
        self.memory.grow(charged)?;
        let text = self.document.get(&pointer).map(Value::to_string);
        if is_large {
            self.forget_read();
        }
        self.memory.shrink(charged);
        if let Some(json) = &text {
            self.work.add_bytes(json.len());
        }
        Ok(Ok(text))
    }

    fn set(&mut self, pointer: String, json: String) -> wasmtime::Result<Result<(), String>> {
        self.work.charge(pointer.len() + json.len())?;
        self.written = self.written.saturating_add(json.len());
        if self.written > WRITTEN_BYTES {
            return Err(LimitReached(format!(
                "the step wrote more than {} MiB of data in one run",
                WRITTEN_BYTES >> 20
            ))
            .into());
        }
        let estimate = memory_estimate(&json);
        self.charge_written(estimate)?;
        // A value that is changed in part is parsed, and stays so.
        let mut replaced = 0;
        if let Ok(place) = Pointer::parse(&pointer) {
            if place.depth() > 1 {
                let copied = self.document.copied(&place);
                self.charge_written(copied)?;
            }
            replaced = self.document.written_memory(&place);
            self.work.add_bytes(replaced as usize / LOOKED_AT);
        }
        let done = set(self, &pointer, &json);
        // What is gone: the value that was there, or the one that was refused.
        self.give_back_written(if done.is_ok() { replaced } else { estimate });
        Ok(done)
    }

    fn remove(&mut self, pointer: String) -> wasmtime::Result<Result<(), String>> {
        self.work.charge(pointer.len())?;
        let pointer = match Pointer::parse(&pointer) {
            Ok(pointer) => pointer,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let copied = self.document.copied(&pointer);
        self.charge_written(copied)?;
        // The elements behind it move up.
        self.work
            .add_bytes(2 * self.document.container_len(&pointer));
        let gone = match pointer.depth() {
            // The copy goes with it.
            1 if copied > 0 => copied,
            _ => self.document.written_memory(&pointer),
        };
        self.work.add_bytes(gone as usize / LOOKED_AT);
        let removed = self.document.remove(&pointer);
        if removed.is_ok() {
            self.give_back_written(gone);
        }
        Ok(removed.map_err(|error| error.to_string()))
    }
}

/// Values that take no more in sum are not charged, in bytes.
const SMALL: u64 = 64 * 1024;

impl RunState {
    /// Charges the run for what it keeps until it has ended.
    pub(super) fn charge_written(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.uncharged = self.uncharged.saturating_add(bytes);
        if self.uncharged > SMALL {
            self.memory.grow(self.uncharged)?;
            self.charged += self.uncharged;
            self.uncharged = 0;
        }
        Ok(())
    }

    /// Gives back what the run was charged for by [`RunState::charge_written`] and keeps no more, in bytes. What is less
    /// than a small value stays charged until it is used again.
    pub(super) fn give_back_written(&mut self, bytes: u64) {
        let of_uncharged = bytes.min(self.uncharged);
        self.uncharged -= of_uncharged;
        self.spare = self
            .spare
            .saturating_add(bytes - of_uncharged)
            .min(self.charged);
        if self.spare > SMALL {
            self.memory.shrink(self.spare);
            self.charged -= self.spare;
            self.spare = 0;
        }
    }

    /// Charges the run for what it takes to look at a place of the data.
    fn charge_read(&mut self, pointer: &Pointer) -> Result<(), Exhausted> {
        let to_parse = self.document.memory_to_parse(pointer);
        if to_parse > SMALL {
            self.memory.grow(to_parse)?;
            self.read += to_parse;
        }
        Ok(())
    }

    /// Drops values that were parsed only to be read, if they are large: the guest waits now, or there is no memory left.
    pub(in crate::sandbox) fn forget_read(&mut self) {
        self.document.forget_read();
        self.memory.shrink(std::mem::take(&mut self.read));
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
