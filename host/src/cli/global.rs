//! The global flags.

use std::path::PathBuf;

use clap::Args;

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The server's address [default: the server running on the data directory]
    #[arg(
        long,
        global = true,
        env = "STEPWELL_URL",
        value_name = "URL",
        help_heading = "Global options"
    )]
    pub url: Option<String>,
    /// A token of the server or of a workspace [default: the data directory's admin token, for a server on this machine]
    #[arg(
        long,
        global = true,
        env = "STEPWELL_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        help_heading = "Global options"
    )]
    pub token: Option<String>,
    // Without `env`: `context.rs` reads the variable itself, because an empty one counts as unset.
    /// The server's data directory [env: STEPWELL_DATA_DIR=] [default: ~/.local/share/stepwell]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    pub data_dir: Option<PathBuf>,
    /// The workspace to act in [default: that of `stepwell workspace use`, of the token, or else `default`]
    #[arg(
        long,
        global = true,
        env = "STEPWELL_WORKSPACE",
        value_name = "NAME",
        help_heading = "Global options"
    )]
    pub workspace: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
}
