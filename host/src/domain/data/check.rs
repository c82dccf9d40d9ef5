//! Checks of a task's data beyond JSON: limits, and members that only the server writes.

use serde_json::Value;

use crate::domain::limits;

/// Member names that begin so mean something to the JSON library: an object whose first member has
/// one would not be read as it was written.
pub const RESERVED: &str = "$serde_json::private::";

/// The member of the data that says how a task came in. Only the server writes it.
pub const VIA: &str = "$via";

/// Why a value cannot be part of a task's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nested too deeply.
    #[error("the data would be nested deeper than {most} levels", most = limits::DATA_DEPTH)]
    TooDeep,
    /// A member name that is reserved.
    #[error("a member's name begins with `{RESERVED}`, which is reserved")]
    Reserved,
}

/// Checks a value that is to stand `depth` levels below the root: scalars add no level, `[]` adds
/// one.
pub fn check(value: &Value, depth: usize) -> Result<(), Unfit> {
    match value {
        Value::Array(_) | Value::Object(_) if depth >= limits::DATA_DEPTH => Err(Unfit::TooDeep),
        Value::Array(items) => items.iter().try_for_each(|item| check(item, depth + 1)),
        Value::Object(map) => map.iter().try_for_each(|(name, member)| {
            if name.starts_with(RESERVED) {
                return Err(Unfit::Reserved);
            }
            check(member, depth + 1)
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn depth_and_names_are_checked() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(check(&nested(limits::DATA_DEPTH), 0), Ok(()));
        assert_eq!(check(&nested(limits::DATA_DEPTH), 1), Err(Unfit::TooDeep));
        assert_eq!(check(&json!(1), limits::DATA_DEPTH), Ok(()));
        // Not the first member, where the library would have taken it for a number already.
        let reserved = json!({"a": [{"b": 1, "$serde_json::private::Number": "1"}]});
        assert_eq!(check(&reserved, 0), Err(Unfit::Reserved));
    }
}
