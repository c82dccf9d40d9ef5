//! `stepwell workspace …`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::global::Global;
use super::member::{member, text};
use super::output::{Output, printable, shorten, words};
use super::{context, current};

/// What can be done with workspaces.
#[derive(Debug, Subcommand)]
pub enum WorkspaceCommand {
    /// Add a workspace: a tenant with webhooks, steps, tasks and config of its own
    #[command(after_help = "Example:
  stepwell workspace add sales
  stepwell webhook add \"Lead Form\" --workspace sales

A title such as \"Sales Automation\" is taken wherever a workspace is named: it is sales-automation.")]
    Add {
        /// Its name: up to 40 of a-z, 0-9 and -, or a title
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
    /// List the workspaces; * marks the current one
    List,
    /// Make a workspace the one that commands act in, on this server
    #[command(after_help = "Examples:
  stepwell workspace use sales
  stepwell workspace use \"Sales Automation\"
  stepwell workspace use default                      as it was

It is kept in ~/.config/stepwell/cli.json. --workspace and STEPWELL_WORKSPACE have precedence.")]
    Use {
        /// Its name or title
        name: String,
    },
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
            output.done(&format!(
                "added workspace {}",
                printable(text(&added, "name"))
            ))
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
            let mut list = client.workspaces().await?;
            let current = client.workspace();
            if output.json {
                if let Some(members) = list.as_object_mut() {
                    members.insert("current".into(), current.into());
                }
                return Ok(output.document(&list)?);
            }
            let rows = member(&list, "workspaces")
                .map(|workspace| {
                    let url = shorten(text(workspace, "failure_url"), 60);
                    let name = text(workspace, "name");
                    let mark = if name == current { "*" } else { "" };
                    vec![mark.to_owned(), name.to_owned(), url.into_owned()]
                })
                .collect();
            let columns = [words(""), words("NAME"), words("FAILURE URL")];
            Ok(output.table(&columns, rows, "no workspaces")?)
        }
        WorkspaceCommand::Use { name } => {
            let found = client.of_workspace(&name).get(&[], &[]).await?;
            let name = text(&found, "name");
            current::set(&context::server(global)?, name)?;
            if output.json {
                return Ok(output.document(&json!({"current": name}))?);
            }
            output.note(&format!("commands act in workspace {}", printable(name)));
            if let Some(other) = global
                .workspace
                .as_deref()
                .filter(|other| !other.is_empty())
            {
                output.note(&format!(
                    "note: in this shell STEPWELL_WORKSPACE or --workspace names {}, which has precedence",
                    printable(other)
                ));
            }
            Ok(())
        }
    }
}
