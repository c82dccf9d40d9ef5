//! A webhook's JSON Schema for what it is sent, as its owner has set it. What it means is known to the crate
//! `stepwell-schema`.

use std::sync::Arc;

/// A schema that documents are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadSchema {
    /// The JSON text of an object.
    pub text: Arc<str>,
    /// What happens to a document that does not fit.
    pub on_mismatch: OnMismatch,
}

/// What happens to a document that does not fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// It is refused, and becomes no task.
    #[default]
    Refuse,
    /// Its task says so.
    Flag,
}

impl OnMismatch {
    /// Every word.
    pub const WORDS: [&str; 2] = ["refuse", "flag"];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Flag => "flag",
        }
    }
}

impl std::str::FromStr for OnMismatch {
    type Err = PayloadSchemaError;

    fn from_str(word: &str) -> Result<Self, PayloadSchemaError> {
        match word {
            "refuse" => Ok(Self::Refuse),
            "flag" => Ok(Self::Flag),
            word => Err(PayloadSchemaError::NoWord(word.chars().take(80).collect())),
        }
    }
}

/// Why a schema cannot be set so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadSchemaError {
    /// No word for what happens to a document that does not fit.
    #[error("`{0}` says nothing; it is `refuse` or `flag`")]
    NoWord(String),
    /// There is no schema that a document could fail to fit.
    #[error("the webhook has no schema; give one with it")]
    NoSchema,
}

/// A change of a webhook's schema: members that are `None` stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayloadSchemaChange {
    /// The text of the schema; `Some(None)` for none.
    pub text: Option<Option<Arc<str>>>,
    /// See [`PayloadSchema::on_mismatch`].
    pub on_mismatch: Option<OnMismatch>,
}

impl PayloadSchemaChange {
    /// Sets the members that are not `None`.
    ///
    /// # Errors
    /// [`PayloadSchemaError::NoSchema`].
    pub fn apply(self, schema: &mut Option<PayloadSchema>) -> Result<(), PayloadSchemaError> {
        match self.text {
            None => {}
            Some(None) => *schema = None,
            Some(Some(text)) => {
                let before = schema.as_ref().map(|schema| schema.on_mismatch);
                *schema = Some(PayloadSchema {
                    text,
                    on_mismatch: before.unwrap_or_default(),
                });
            }
        }
        match (self.on_mismatch, schema) {
            (None, _) => Ok(()),
            (Some(on_mismatch), Some(schema)) => {
                schema.on_mismatch = on_mismatch;
                Ok(())
            }
            (Some(_), None) => Err(PayloadSchemaError::NoSchema),
        }
    }
}
