//! `stepwell webhook …`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{Output, Tone, printable, words};
use super::{Global, context, member, text};

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
        WebhookCommand::Add { name } => {
            let added = client.post(&["webhooks"], &json!({"name": name})).await?;
            if output.json {
                return Ok(output.document(&added)?);
            }
            output.note(&format!(
                "added webhook {}; whoever knows its URL can make tasks",
                printable(&name)
            ));
            Ok(output.line(&printable(text(&added, "url")))?)
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

fn sheet(webhook: &Value, output: Output) -> String {
    let lines: Vec<String> = ["name", "id", "url", "created"]
        .iter()
        .map(|key| {
            let label = output.paint(Tone::Faint, &format!("{key:<9}"));
            format!("{label}{}", printable(text(webhook, key)))
        })
        .collect();
    lines.join("\n")
}
