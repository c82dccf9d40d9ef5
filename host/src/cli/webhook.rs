//! `stepwell webhook …`.

use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;
use stepwell_api::{DedupSettings, Webhook, Webhooks};

use super::context;
use super::global::Global;
use crate::client::Client;
use crate::domain::authentication::NONE;
use crate::domain::webhook::{CorrelationError, correlation};
use crate::terminal::output::{Output, printable, words};
use crate::terminal::units::parse_duration;
use dedup::DedupArgs;
use intake::IntakeArgs;
pub use intake::rate_text;
use reply::{NoReplyArgs, ReplyArgs};
use schema::SchemaArgs;
use secret::SecretCommand;
use settings::Verification;
use sheet::sheet;

mod dedup;
mod intake;
mod reply;
mod sample;
mod schema;
mod secret;
mod settings;
mod sheet;
mod url;

/// What `webhook update` can change; one of them must be given.
const CHANGES: [&str; 36] = [
    "correlate",
    "no_correlate",
    "dedup_header",
    "dedup_pointer",
    "dedup_window",
    "no_dedup",
    "methods",
    "headers",
    "no_header",
    "rate",
    "no_rate",
    "at_once",
    "no_at_once",
    "record_bodies",
    "wait",
    "no_wait",
    "reply_status",
    "reply_headers",
    "reply_body",
    "no_reply",
    "redirect",
    "no_redirect",
    "allow_origins",
    "no_allow_origin",
    "schema",
    "on_mismatch",
    "no_schema",
    "provider",
    "scheme",
    "secret_env",
    "secret_file",
    "verify_token_env",
    "allow_ips",
    "tolerance",
    "any_ip",
    "no_tolerance",
];

/// The subcommands of `stepwell webhook`.
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Add a webhook and show its URL
    #[command(after_help = "Examples:
  stepwell webhook add \"Contact Form\"
  curl -H 'content-type: application/json' -d '{\"email\":\"a@example.com\"}' \"$(stepwell webhook show 'Contact Form' --json | jq -r .url)\"
  stepwell webhook add Stripe --provider stripe                         asks for the secret, or takes it later
  stepwell webhook add GitHub --provider github --secret-env HUB_SECRET
  stepwell webhook add Acme --provider custom --scheme acme.json --allow-ip 192.0.2.0/24
  stepwell webhook add Orders --schema order.json                       refuses what does not fit the JSON Schema

See docs/webhooks.md for each service.")]
    Add {
        /// Its name; steps match it as {"$via": {"name": NAME}}
        name: String,
        /// Where a body has the id of the open task that it is about, e.g. /order/taskId: that task is
        /// changed and wakes, and no new one is made
        #[arg(long, value_name = "POINTER", value_parser = parse_correlation)]
        correlate: Option<String>,
        #[command(flatten)]
        dedup: DedupArgs,
        #[command(flatten)]
        intake: IntakeArgs,
        #[command(flatten)]
        reply: ReplyArgs,
        #[command(flatten)]
        schema: SchemaArgs,
        #[command(flatten)]
        verification: Box<Verification>,
    },
    /// Change the settings that are given; all others and the URL stay
    #[command(group(clap::ArgGroup::new("change").required(true).multiple(true).args(CHANGES)))]
    #[command(after_help = "Examples:
  stepwell webhook update Form --correlate /order/taskId
  stepwell webhook update Form --provider bearer --secret-file token.txt
  stepwell webhook update Form --provider none         from now on every request is taken
  stepwell webhook update Form --any-ip

A new secret replaces all others at once; with `stepwell webhook secret rotate` the old ones stay valid for a time.")]
    Update {
        /// Its name or id
        webhook: String,
        /// Where a body has the id of the task that it is about
        #[arg(long, value_name = "POINTER", value_parser = parse_correlation)]
        correlate: Option<String>,
        /// From now on every body makes a task
        #[arg(long, conflicts_with = "correlate")]
        no_correlate: bool,
        #[command(flatten)]
        dedup: DedupArgs,
        /// From now on a repeat makes a task like any other delivery
        #[arg(long, conflicts_with_all = ["dedup_header", "dedup_pointer", "dedup_window"])]
        no_dedup: bool,
        #[command(flatten)]
        intake: IntakeArgs,
        /// From now on its tasks keep only the headers that identify an event
        #[arg(long, conflicts_with = "headers")]
        no_header: bool,
        /// From now on the rate of requests is not limited
        #[arg(long, conflicts_with = "rate")]
        no_rate: bool,
        /// From now on the number of simultaneous requests is not limited
        #[arg(long, conflicts_with = "at_once")]
        no_at_once: bool,
        #[command(flatten)]
        reply: ReplyArgs,
        #[command(flatten)]
        no_reply: NoReplyArgs,
        #[command(flatten)]
        schema: SchemaArgs,
        /// From now on its documents are not checked
        #[arg(long, conflicts_with_all = ["schema", "on_mismatch"])]
        no_schema: bool,
        #[command(flatten)]
        verification: Box<Verification>,
        /// From now on every address may send
        #[arg(long, visible_alias = "no-allow-ip", conflicts_with = "allow_ips")]
        any_ip: bool,
        /// From now on the greatest age of a request is the provider's
        #[arg(long, conflicts_with = "tolerance")]
        no_tolerance: bool,
    },
    /// Send a webhook a request as its provider would, signed with its secret, and print the outcome
    #[command(after_help = "Examples:
  stepwell webhook test GitHub
  stepwell webhook test Stripe --event invoice.payment_failed")]
    Test {
        /// Its name or id
        webhook: String,
        /// The event, in the provider's words
        #[arg(long, value_name = "EVENT")]
        event: Option<String>,
    },
    /// Give a webhook a new URL; the one that it has keeps working for an overlap
    #[command(after_help = "Examples:
  stepwell webhook rotate Form                         the old URL ends in 24 hours
  stepwell webhook rotate Form --overlap 7d
  stepwell webhook rotate Form --overlap 0s            every old URL ends at once")]
    Rotate {
        /// Its name or id
        webhook: String,
        /// How long the URLs that it has keep working, up to 90d
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_duration)]
        overlap: Duration,
    },
    /// Give a webhook another name; its URL stays, and existing tasks keep the old name
    Rename {
        /// Its name or id
        webhook: String,
        /// Its new name; conditions of steps must name this one
        name: String,
    },
    /// Refuse every request to a webhook, with 503 webhook-disabled
    Disable {
        /// Its name or id
        webhook: String,
    },
    /// Accept requests to a webhook again
    Enable {
        /// Its name or id
        webhook: String,
    },
    /// Add, rotate, list and remove the secrets of a webhook
    #[command(subcommand)]
    Secret(SecretCommand),
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
    let client = context::connect(global).await?;
    match command {
        WebhookCommand::Add {
            name,
            correlate,
            dedup,
            intake,
            reply,
            schema,
            verification,
        } => {
            let mut change = verification.change(&client, output).await?;
            intake.set(&mut change);
            reply.set(&mut change, None);
            schema.set(&mut change)?;
            change.correlate = correlate.map(Some);
            change.dedup = dedup.rule(None)?.map(Some);
            let body = change.into_new(name);
            let added = client.post::<Webhook>(&["webhooks"], &body).await?;
            if output.json {
                return Ok(output.document(added.document())?);
            }
            let webhook = added.read()?;
            let name = printable(&webhook.name);
            output.note(&match webhook.provider.as_str() {
                NONE => format!("added webhook {name}; anyone who knows its URL can create tasks"),
                provider => format!("added webhook {name}; it takes what {provider} signs"),
            });
            warn_if_no_secret(&client, &webhook, output).await?;
            Ok(output.line(&printable(&webhook.url))?)
        }
        WebhookCommand::Update {
            webhook,
            correlate,
            no_correlate,
            dedup,
            no_dedup,
            intake,
            no_header,
            no_rate,
            no_at_once,
            reply,
            no_reply,
            schema,
            no_schema,
            verification,
            any_ip,
            no_tolerance,
        } => {
            let mut change = verification.change(&client, output).await?;
            let path = ["webhooks", webhook.as_str()];
            if correlate.is_some() || no_correlate {
                change.correlate = Some(correlate);
            }
            if no_dedup {
                change.dedup = Some(None);
            } else if dedup.is_named() {
                let now = client.get::<Webhook>(&path, &[]).await?.read()?;
                change.dedup = Some(dedup.rule(now.dedup.map(DedupSettings::from))?);
            }
            intake.set(&mut change);
            if reply.changes_fixed_reply() {
                let now = client.get::<Webhook>(&path, &[]).await?.read()?;
                reply.set(&mut change, now.reply);
            } else {
                reply.set(&mut change, None);
            }
            no_reply.set(&mut change);
            schema.set(&mut change)?;
            if no_schema {
                change.schema = Some(None);
            }
            if no_header {
                change.headers = Some(Vec::new());
            }
            if no_rate {
                change.rate = Some(None);
            }
            if no_at_once {
                change.at_once = Some(None);
            }
            if any_ip {
                change.allow_ips = Some(Vec::new());
            }
            if no_tolerance {
                change.tolerance_seconds = Some(None);
            }
            let changed = client.patch::<Webhook>(&path, &change).await?;
            if output.json {
                return Ok(output.document(changed.document())?);
            }
            output.note(&format!("changed webhook {}", printable(&webhook)));
            warn_if_no_secret(&client, &changed.read()?, output).await
        }
        WebhookCommand::Test { webhook, event } => {
            sample::run(&client, &webhook, event, output).await
        }
        WebhookCommand::Rotate { webhook, overlap } => {
            url::rotate(&client, &webhook, overlap, output).await
        }
        WebhookCommand::Rename { webhook, name } => {
            url::rename(&client, &webhook, name, output).await
        }
        WebhookCommand::Disable { webhook } => {
            url::set_disabled(&client, &webhook, true, output).await
        }
        WebhookCommand::Enable { webhook } => {
            url::set_disabled(&client, &webhook, false, output).await
        }
        WebhookCommand::Secret(command) => secret::run(&client, command, output).await,
        WebhookCommand::List => {
            let list = client.get::<Webhooks>(&["webhooks"], &[]).await?;
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let hooks = list.read()?.webhooks.into_iter();
            let rows = hooks
                .map(|hook| {
                    let provider = match hook.disabled {
                        true => format!("{} (disabled)", hook.provider),
                        false => hook.provider,
                    };
                    vec![hook.name, hook.id, provider, hook.url, hook.created]
                })
                .collect();
            let columns = ["NAME", "ID", "PROVIDER", "URL", "CREATED"].map(words);
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

fn parse_correlation(text: &str) -> Result<String, CorrelationError> {
    correlation(text).map(|pointer| pointer.to_string())
}

/// Says that a webhook takes nothing yet, and where its secret is found.
async fn warn_if_no_secret(client: &Client, webhook: &Webhook, output: Output) -> Result<()> {
    if webhook.provider == NONE || !webhook.secrets.is_empty() || output.json {
        return Ok(());
    }
    if let Some(setup) = secret::setup(client, &webhook.provider).await? {
        output.note(&format!(
            "it has no secret yet, so it refuses everything: `stepwell webhook secret add \"{}\"` gives it one\n  {}: {}",
            printable(&webhook.name),
            setup.what,
            setup.find
        ));
    }
    Ok(())
}
