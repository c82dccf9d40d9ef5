//! The settings of files that come with webhooks.

use crate::domain::limits;

/// Bounds of forms with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadSettings {
    /// The largest form, in bytes.
    pub request_bytes: u64,
    /// Bytes of all files of one workspace; more are refused until tasks are removed.
    pub workspace_bytes: u64,
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self {
            request_bytes: limits::UPLOAD_BYTES,
            workspace_bytes: limits::FILES_BYTES,
        }
    }
}
