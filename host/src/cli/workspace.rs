//! `stepwell workspace …`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::output::{Output, printable, words};
use super::{Global, context, member, text};

/// What can be done with workspaces.
#[derive(Debug, Subcommand)]
pub enum WorkspaceCommand {
    /// Add a workspace: a tenant with webhooks, steps, tasks and config of its own
    #[command(after_help = "Example:
  stepwell workspace add sales
  stepwell webhook add \"Lead Form\" --workspace sales")]
    Add {
        /// Its name: up to 40 of a-z, 0-9 and -
        name: String,
    },
    /// List the workspaces
    List,
}

/// Runs a workspace command.
pub async fn run(global: &Global, command: WorkspaceCommand, output: Output) -> Result<()> {
    let client = context::connect(global)?;
    match command {
        WorkspaceCommand::Add { name } => {
            let added = client.add_workspace(&json!({"name": name})).await?;
            if output.json {
                return Ok(output.document(&added)?);
            }
            output.done(&format!("added workspace {}", printable(&name)))
        }
        WorkspaceCommand::List => {
            let list = client.workspaces().await?;
            if output.json {
                return Ok(output.document(&list)?);
            }
            let rows = member(&list, "workspaces")
                .map(|workspace| vec![text(workspace, "name").to_owned()])
                .collect();
            Ok(output.table(&[words("NAME")], rows, "no workspaces")?)
        }
    }
}
