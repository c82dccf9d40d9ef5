//! Schemas of what webhooks are sent.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happens to a document that does not fit its webhook's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnMismatch {
    /// It is refused with `schema-mismatch`.
    #[default]
    Refuse,
    /// It becomes a task whose `$via.schema` says so.
    Flag,
}

impl OnMismatch {
    /// `refuse` or `flag`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Flag => "flag",
        }
    }
}

/// A place at which a document does not fit its webhook's schema. Nothing of the document is shown but names of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SchemaViolation {
    /// Where in the document (RFC 6901); a long one is cut.
    pub instance: String,
    /// The keyword that is not met, as a pointer into the schema; a long one is cut.
    pub schema: String,
    /// The correction, for people.
    pub message: String,
}
