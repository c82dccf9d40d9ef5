//! Why a webhook cannot have a schema.

use stepwell_schema::SchemaError;

use crate::domain::payload_schema::PayloadSchemaError;

/// Why a webhook cannot have a schema.
#[derive(Debug, thiserror::Error)]
pub enum BadSchema {
    /// It is no schema, or goes beyond a bound.
    #[error("`schema` is wrong: {0}")]
    Wrong(#[from] SchemaError),
    /// It cannot be set so.
    #[error("`on_mismatch` is wrong: {0}")]
    Setting(#[from] PayloadSchemaError),
    /// The schemas of the workspace would take too much memory.
    #[error(
        "with this schema the schemas of this workspace take {bytes} bytes of memory, and at most {most} are allowed; use the same schema for several webhooks, which takes up memory once"
    )]
    TooMuch {
        /// The size of all in bytes.
        bytes: usize,
        /// Their limit in bytes.
        most: usize,
    },
}
