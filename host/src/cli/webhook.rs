//! `stepwell webhook …`.

use anyhow::Result;
use clap::Subcommand;
use stepwell_api::{NewWebhook, Webhook, WebhookSettings, Webhooks};

use super::context;
use super::global::Global;
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
            let body = NewWebhook { name, correlate };
            let added = client.post::<Webhook>(&["webhooks"], &body).await?;
            if output.json {
                return Ok(output.document(added.document())?);
            }
            output.note(&format!(
                "added webhook {}; whoever knows its URL can make tasks",
                printable(&body.name)
            ));
            Ok(output.line(&printable(&added.read()?.url))?)
        }
        WebhookCommand::Update {
            webhook, correlate, ..
        } => {
            let body = WebhookSettings { correlate };
            let path = ["webhooks", webhook.as_str()];
            let changed = client.put::<Webhook>(&path, &body).await?;
            if output.json {
                return Ok(output.document(changed.document())?);
            }
            output.note(&format!("changed webhook {}", printable(&webhook)));
            Ok(())
        }
        WebhookCommand::List => {
            let list = client.get::<Webhooks>(&["webhooks"], &[]).await?;
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let hooks = list.read()?.webhooks.into_iter();
            let rows = hooks
                .map(|hook| vec![hook.name, hook.id, hook.url, hook.created])
                .collect();
            let columns = [words("NAME"), words("ID"), words("URL"), words("CREATED")];
            Ok(output.table(
                &columns,
                rows,
                "no webhooks yet; add one with `stepwell webhook add NAME`",
            )?)
        }
        WebhookCommand::Show { webhook } => {
            let path = ["webhooks", webhook.as_str()];
            let found = client.get::<Webhook>(&path, &[]).await?;
            if output.json {
                return Ok(output.document(found.document())?);
            }
            Ok(output.line(&sheet(&found.read()?, output))?)
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

fn sheet(webhook: &Webhook, output: Output) -> String {
    let rows = [
        ("name", webhook.name.as_str()),
        ("id", &webhook.id),
        ("url", &webhook.url),
        ("correlate", webhook.correlate.as_deref().unwrap_or("")),
        ("created", &webhook.created),
    ];
    let lines: Vec<String> = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| {
            let label = output.paint(Tone::Faint, &format!("{label:<11}"));
            format!("{label}{}", printable(value))
        })
        .collect();
    lines.join("\n")
}
