//! Hashes of scalars: equal for equal values, so that a value is found among many. Different values may
//! share one.

use serde_json::Value;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::node::Constant;
use crate::number;

/// The hash of a scalar of a pattern that is not null.
pub(crate) fn of_constant(seed: u64, constant: &Constant) -> Option<u64> {
    match constant {
        Constant::Bool(value) => Some(of_bool(seed, *value)),
        Constant::Number(value) => Some(of_number(seed, value.text())),
        Constant::String(value) => Some(of_string(seed, value)),
        Constant::Null | Constant::Whole(_) => None,
    }
}

/// The hash of a scalar that is not null.
pub(crate) fn of(seed: u64, value: &Value) -> Option<u64> {
    match value {
        Value::Bool(value) => Some(of_bool(seed, *value)),
        Value::Number(value) => Some(of_number(seed, value.as_str())),
        Value::String(value) => Some(of_string(seed, value)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What hashing a value costs, in units of a [`Budget`](crate::Budget).
pub(crate) fn cost(value: &Value) -> u64 {
    match value {
        Value::Number(value) => 1 + value.as_str().len() as u64 / 32,
        Value::String(value) => 1 + value.len() as u64 / 128,
        _ => 1,
    }
}

fn of_bool(seed: u64, value: bool) -> u64 {
    xxh3_64_with_seed(&[u8::from(value)], seed ^ 1)
}

fn of_string(seed: u64, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}

fn of_number(seed: u64, text: &str) -> u64 {
    let mut hash = Xxh3::with_seed(seed ^ 2);
    number::canonical(text, &mut |part| hash.update(part));
    hash.digest()
}
