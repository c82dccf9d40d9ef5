//! The flags of `serve` about files that come with webhooks.

use clap::Args;

use crate::settings::UploadSettings;
use crate::terminal::units::parse_size;

/// What `serve` takes about files.
#[derive(Debug, Args)]
pub struct UploadArgs {
    /// The largest form with files, e.g. 100MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    upload_bytes: Option<u64>,
    /// All files of one workspace, e.g. 10GB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    files_bytes: Option<u64>,
}

impl UploadArgs {
    pub(super) fn set(&self, settings: &mut UploadSettings) {
        settings.request_bytes = self.upload_bytes.unwrap_or(settings.request_bytes);
        settings.workspace_bytes = self.files_bytes.unwrap_or(settings.workspace_bytes);
    }
}
