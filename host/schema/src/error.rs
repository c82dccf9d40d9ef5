//! Why a schema is refused.

use crate::show::cut;

/// What is wrong with a schema, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", at(pointer))]
pub struct SchemaError {
    /// Where, as an RFC 6901 pointer into the schema.
    pub pointer: String,
    /// What.
    pub message: String,
}

fn at(pointer: &str) -> String {
    match pointer {
        "" => String::new(),
        pointer => format!(" (at `{}`)", cut(pointer)),
    }
}
