//! Roughly what values take in memory, in bytes.

use serde_json::Value;

/// What a value takes in memory beside its text, in bytes: [`Value`] itself and its allocation, in an array that
/// has grown by doubling.
pub(super) const VALUE_BYTES: u64 = 96;
/// What a member takes beside its name and value: its place in the map and in the map's index.
const MEMBER_BYTES: u64 = 96;

/// Roughly what the values of a JSON text take in memory at most, in bytes.
pub fn memory_estimate(text: &str) -> u64 {
    let count = |text: &str, wanted: fn(&u8) -> bool| {
        text.as_bytes().iter().filter(|byte| wanted(byte)).count() as u64
    };
    // Each value follows one of these; those within texts are counted in vain.
    let values = 1 + count(text, |byte| matches!(byte, b',' | b'[' | b'{'));
    let members = count(text, |byte| *byte == b':');
    text.len() as u64 + values * VALUE_BYTES + members * MEMBER_BYTES
}

/// The same of a value that is there: it is never more than the estimate of its text.
pub fn value_memory(value: &Value) -> u64 {
    VALUE_BYTES
        + match value {
            Value::String(text) => text.len() as u64,
            Value::Array(items) => items.iter().map(value_memory).sum(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| MEMBER_BYTES + name.len() as u64 + value_memory(member))
                .sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}
