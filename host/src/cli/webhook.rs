//! `stepwell webhook …`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use super::context;
use super::global::Global;
use crate::client::member::{member, text};
use crate::domain::webhook::{CorrelationError, correlation};
use crate::terminal::output::{Output, Tone, printable, words};

/// What can be done with webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Add a webhook and show its URL
    #[command(after_help = "Example:
  stepwell webhook add \"Contact Form\"
  curl -H 'content-type: application/json' -d '{\"email\":\"a@example.com\"}' \"$(stepwell webhook show 'Contact Form' --json | jq -r .url)\"")]
    Add {
        /// Its name; steps match it as {"$via": {"name": NAME}}
        name: String,
        /// Where a body has the id of the open task that it is about, e.g. /order/taskId: that task is
        /// changed and wakes, and no new one is made
        #[arg(long, value_name = "POINTER", value_parser = correlate)]
        correlate: Option<String>,
    },
    /// Change a webhook's settings; its URL stays
    #[command(group(clap::ArgGroup::new("change").required(true)))]
    Update {
        /// Its name or id
        webhook: String,
        /// Where a body has the id of the task that it is about
        #[arg(long, value_name = "POINTER", group = "change", value_parser = correlate)]
        correlate: Option<String>,
        /// From now on every body makes a task
        #[arg(long, group = "change")]
        no_correlate: bool,
    },
    /// List the workspace's webhooks
    List,
    /// Show one webhook
    Show {
        /// Its name or id
        webhook: String,
    },
    /// Delete a webhook; its URL stops working at once, its tasks stay
    Delete {
        /// Its name or id
        webhook: String,
    },
}

/// Runs a webhook command.
pub async fn run(global: &Global, command: WebhookCommand, output: Output) -> Result<()> {
    let client = context::connect(global)?;
    match command {
        WebhookCommand::Add { name, correlate } => {
            let body = json!({"name": name, "correlate": correlate});
            let added = client.post(&["webhooks"], &body).await?;
            if output.json {
                return Ok(output.document(&added)?);
            }
            output.note(&format!(
                "added webhook {}; whoever knows its URL can make tasks",
                printable(&name)
            ));
            Ok(output.line(&printable(text(&added, "url")))?)
        }
        WebhookCommand::Update {
            webhook, correlate, ..
        } => {
            let body = json!({"correlate": correlate});
            let changed = client.put(&["webhooks", &webhook], &body).await?;
            if output.json {
                return Ok(output.document(&changed)?);
            }
            output.note(&format!("changed webhook {}", printable(&webhook)));
            Ok(())
        }
        WebhookCommand::List => {
            let list = client.get(&["webhooks"], &[]).await?;
            if output.json {
                return Ok(output.document(&list)?);
            }
            let rows = member(&list, "webhooks")
                .map(|hook| {
                    ["name", "id", "url", "created"]
                        .map(|key| text(hook, key).to_owned())
                        .into()
                })
                .collect();
            let columns = [words("NAME"), words("ID"), words("URL"), words("CREATED")];
            Ok(output.table(
                &columns,
                rows,
                "no webhooks yet; add one with `stepwell webhook add NAME`",
            )?)
        }
        WebhookCommand::Show { webhook } => {
            let found = client.get(&["webhooks", &webhook], &[]).await?;
            if output.json {
                return Ok(output.document(&found)?);
            }
            Ok(output.line(&sheet(&found, output))?)
        }
        WebhookCommand::Delete { webhook } => {
            client.delete(&["webhooks", &webhook]).await?;
            output.done(&format!("deleted webhook {}", printable(&webhook)))
        }
    }
}

fn correlate(text: &str) -> Result<String, CorrelationError> {
    correlation(text).map(|pointer| pointer.to_string())
}

fn sheet(webhook: &Value, output: Output) -> String {
    let lines: Vec<String> = ["name", "id", "url", "correlate", "created"]
        .iter()
        .filter(|key| !text(webhook, key).is_empty())
        .map(|key| {
            let label = output.paint(Tone::Faint, &format!("{key:<11}"));
            format!("{label}{}", printable(text(webhook, key)))
        })
        .collect();
    lines.join("\n")
}
