//! Tests of the language as a whole.

mod bounds;
mod explaining;
mod finding;
mod laws;
mod manual;
mod matching;
mod observing;
mod paths;
mod refusals;

use serde_json::Value;

use crate::Pattern;

fn pattern(value: &Value) -> Pattern {
    Pattern::parse(value).unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
