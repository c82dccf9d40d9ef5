//! The flags of `serve` about where tasks and their files are stored.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{Settings, StoreUrl};

#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    /// PostgreSQL database for tasks, if not the data directory, e.g. postgres://user@db.example/stepwell; several
    /// servers with one database share its tasks
    #[arg(
        long,
        env = "STEPWELL_STORE",
        value_name = "URL",
        hide_env_values = true
    )]
    store: Option<String>,
    /// Directory of files that come with tasks, if not in the data directory; servers with one database share it
    #[arg(
        long,
        env = "STEPWELL_FILES_DIR",
        value_name = "DIR",
        requires = "store"
    )]
    files_dir: Option<String>,
}

impl StoreArgs {
    pub(super) fn set(&self, settings: &mut Settings) -> Result<(), String> {
        // The variable, set and empty, is as one that is not set.
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let url = given(&self.store).map(|url| url.parse::<StoreUrl>());
        settings.store = url.transpose().map_err(|why| format!("--store: {why}"))?;
        settings.files_dir = given(&self.files_dir).map(PathBuf::from);
        Ok(())
    }
}
