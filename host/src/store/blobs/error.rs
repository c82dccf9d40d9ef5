//! Why a file is not taken.

use crate::store::StoreError;

/// Why a file is not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BlobError {
    /// The workspace has as many bytes of files as it may have.
    #[error(
        "the workspace's files have {most} bytes, the most that they may have; they are removed with their tasks, or let the operator set `serve --files-bytes`"
    )]
    WorkspaceFull {
        /// The bound.
        most: u64,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
