//! `stepwell workspace …`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::output::{Output, printable, shorten, words};
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
    /// Set what is told when a task of the workspace fails for good
    #[command(after_help = "Examples:
  stepwell workspace set sales --failure-url https://ops.example.com/stepwell
  stepwell workspace set sales --failure-url none

docs/operations.md tells what is posted there.")]
    Set {
        /// Its name
        name: String,
        /// The URL that is posted to when a task ends in `error`, or none
        #[arg(long, value_name = "URL|none")]
        failure_url: String,
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
        WorkspaceCommand::Set { name, failure_url } => {
            let url = (failure_url != "none").then_some(failure_url);
            let body = json!({"failure_url": url});
            let set = client.of_workspace(&name).patch(&[], &body).await?;
            if output.json {
                return Ok(output.document(&set)?);
            }
            let told = match url {
                Some(_) => "tells its failure URL of tasks that fail for good",
                None => "tells nobody of tasks that fail",
            };
            output.done(&format!("workspace {} {told}", printable(&name)))
        }
        WorkspaceCommand::List => {
            let list = client.workspaces().await?;
            if output.json {
                return Ok(output.document(&list)?);
            }
            let rows = member(&list, "workspaces")
                .map(|workspace| {
                    let url = shorten(text(workspace, "failure_url"), 60);
                    vec![text(workspace, "name").to_owned(), url.into_owned()]
                })
                .collect();
            let columns = [words("NAME"), words("FAILURE URL")];
            Ok(output.table(&columns, rows, "no workspaces")?)
        }
    }
}
