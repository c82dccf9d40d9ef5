//! Reads the declaration of a connector, and reports errors in its members.

use serde_json::{Map, Value};

/// Why a connector cannot be declared so. Each message says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// No such kind.
    #[error("there is no connector of the kind `{kind}`; there are: {}", known.join(", "))]
    NoSuchKind {
        /// The value that was requested.
        kind: String,
        /// Every kind there is.
        known: &'static [&'static str],
    },
    /// A member of the config is missing, wrong or unknown.
    #[error("`config.{member}` of a `{kind}` connector {reason}")]
    Config {
        /// The kind.
        kind: &'static str,
        /// The member.
        member: String,
        /// What is wrong and what would be right.
        reason: &'static str,
    },
}

/// A text member of a declaration.
pub(super) fn text<'c>(
    kind: &'static str,
    config: &'c Map<String, Value>,
    member: &str,
) -> Result<Option<&'c str>, DeclarationError> {
    match config.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(DeclarationError::Config {
            kind,
            member: member.to_owned(),
            reason: "must be a text that is not empty",
        }),
    }
}

/// Refuses members that a kind does not have: a misspelt one would be left out in silence.
pub(super) fn only(
    kind: &'static str,
    config: &Map<String, Value>,
    known: &[&str],
) -> Result<(), DeclarationError> {
    match config.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(DeclarationError::Config {
            kind,
            member: key.chars().take(80).collect(),
            reason: "is not known; see docs/connectors.md for what there is",
        }),
    }
}
