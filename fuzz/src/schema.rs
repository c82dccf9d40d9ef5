//! Schemas of payloads: a schema is compiled, and a value is checked with it.

use serde_json::{Value, json};
use stepwell_condition::Budget;
use stepwell_schema::{SHOWN, Schema, VIOLATIONS};

/// What a check may take.
const UNITS: u64 = 300_000;

/// Takes the JSON of a schema and, after a line feed, that of the value that is checked. `true` if the schema compiles.
///
/// # Panics
/// If a check takes more than its budget, tells more than it may, or disagrees with that of the schema in `not`.
pub fn run(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let (schema, value) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(schema) = serde_json::from_str::<Value>(schema) else {
        return false;
    };
    let Ok(compiled) = Schema::compile(&schema) else {
        return false;
    };
    let value: Value = serde_json::from_str(value).unwrap_or_default();
    let Ok(violations) = compiled.check(&value, &mut Budget::new(UNITS)) else {
        return true;
    };
    assert!(violations.len() <= VIOLATIONS);
    for violation in &violations {
        for part in [&violation.instance, &violation.schema, &violation.message] {
            assert!(part.chars().count() <= 2 * SHOWN + 80, "{part}");
        }
    }
    // In a schema that refers to nothing a place more changes nothing.
    let text = schema.to_string();
    let words = [
        "$ref",
        "$dynamicRef",
        "$recursiveRef",
        "$id",
        "\"id\"",
        "$schema",
    ];
    if !words.iter().any(|word| text.contains(word))
        && let Ok(negated) = Schema::compile(&json!({"not": schema}))
        && let Ok(found) = negated.check(&value, &mut Budget::new(2 * UNITS))
    {
        assert_eq!(found.is_empty(), !violations.is_empty(), "not");
    }
    true
}
