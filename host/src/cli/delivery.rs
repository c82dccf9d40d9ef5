//! `stepwell delivery …`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stepwell_api::{Delivery, DeliveryPage};

use super::context;
use super::exit::UsageError;
use super::global::Global;
use super::task::{document, resolve_delivery, time};
use crate::client::{Client, ClientError};
use crate::domain::delivery::VERDICTS;
use crate::domain::ids::TaskId;
use crate::terminal::output::{Output, Tone, printable, words};

mod again;

/// Deliveries that are asked for at once: the most that the server gives.
const PAGE: usize = 100;

/// The subcommands of `stepwell delivery`.
#[derive(Debug, Subcommand)]
pub enum DeliveryCommand {
    /// List the deliveries to webhooks with their verdicts, the newest first
    #[command(after_help = "Examples:
  stepwell delivery list --webhook Stripe                      why did it not arrive?
  stepwell delivery list --verdict refused --since 1h
  stepwell delivery list --where '{\"code\": \"signature-mismatch\"}'")]
    List {
        #[command(flatten)]
        wanted: DeliveryFilter,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show one delivery with its headers and its body
    Show {
        /// Its id, or the first digits of it
        id: String,
    },
    /// Send a delivery again: it is not verified, is no repeat, and makes a new task
    #[command(group(clap::ArgGroup::new("which").required(true).multiple(true).args(["ids", "webhook", "verdict", "since", "where"])))]
    #[command(after_help = "Examples:
  stepwell delivery redeliver ID
  stepwell delivery redeliver ID --edit                        opens the body in $VISUAL or $EDITOR
  stepwell delivery redeliver ID --body '{\"n\": 1}'
  stepwell delivery redeliver --where '{\"code\": \"webhook-disabled\"}' --since 2h --yes")]
    Redeliver {
        /// Its id, or the first digits of it; may be given several times
        ids: Vec<String>,
        #[command(flatten)]
        wanted: DeliveryFilter,
        /// Send all that the filters name, and not only say which
        #[arg(long, conflicts_with = "ids")]
        yes: bool,
        /// Of what the filters name, also send what was refused because its sender was not verified
        #[arg(long, conflicts_with = "ids")]
        unverified: bool,
        #[command(flatten)]
        change: again::BodyOptions,
    },
}

/// Which deliveries are meant.
#[derive(Debug, Clone, Args)]
pub struct DeliveryFilter {
    /// Only deliveries to this webhook
    #[arg(long, value_name = "NAME")]
    webhook: Option<String>,
    /// Only deliveries with this verdict, or with one of these
    #[arg(long, value_delimiter = ',', value_parser = VERDICTS)]
    verdict: Vec<String>,
    /// Only deliveries at this time or later: 2h or 1d ago, 2026-11-23, or 2026-11-23T14:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<String>,
    /// Only deliveries that match this pattern over webhook, verdict, status, code, method, ip, headers and body: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "PATTERN")]
    r#where: Option<String>,
    /// Only deliveries before this one
    #[arg(long, value_name = "ID")]
    before: Option<TaskId>,
}

impl DeliveryFilter {
    fn query(self) -> Result<Vec<(&'static str, String)>, UsageError> {
        let pattern = self.r#where.as_deref().map(document).transpose()?;
        let verdicts = Some(self.verdict.join(",")).filter(|verdicts| !verdicts.is_empty());
        let given = [
            ("webhook", self.webhook),
            ("verdict", verdicts),
            ("since", self.since),
            ("where", pattern.map(|pattern| pattern.to_string())),
            ("before", self.before.map(|before| before.to_string())),
        ];
        let given = given.into_iter();
        Ok(given
            .filter_map(|(key, value)| Some((key, value?)))
            .collect())
    }
}

/// Deliveries, page by page, until `most` are there or the server has none before them.
async fn pages<T: DeserializeOwned>(
    client: &Client,
    most: usize,
    mut query: Vec<(&'static str, String)>,
) -> Result<(Vec<T>, Option<String>), ClientError> {
    let mut deliveries = Vec::new();
    loop {
        let limit = PAGE.min(most - deliveries.len());
        let asked = [&query[..], &[("limit", limit.to_string())]].concat();
        let page = client.get::<DeliveryPage<T>>(&["deliveries"], &asked);
        let page = page.await?.read()?;
        deliveries.extend(page.deliveries);
        match page.next {
            Some(next) if deliveries.len() < most => {
                query.retain(|(key, _)| *key != "before");
                query.push(("before", next));
            }
            next => return Ok((deliveries, next)),
        }
    }
}

/// Runs a delivery command.
pub async fn run(global: &Global, command: DeliveryCommand, output: Output) -> Result<()> {
    let client = context::connect(global).await?;
    match command {
        DeliveryCommand::List { wanted, limit } => {
            list(&client, wanted, limit as usize, output).await
        }
        DeliveryCommand::Show { id } => {
            let id = resolve_delivery(&client, &id).await?;
            let path = ["deliveries", id.as_str()];
            let found = client.get::<Delivery>(&path, &[]).await?;
            if output.json {
                return Ok(output.document(found.document())?);
            }
            Ok(output.line(&sheet(&found.read()?, output))?)
        }
        DeliveryCommand::Redeliver {
            ids,
            wanted,
            yes,
            unverified,
            change,
        } => {
            if !ids.is_empty() {
                let mut whole = Vec::with_capacity(ids.len());
                for id in &ids {
                    whole.push(resolve_delivery(&client, id).await?);
                }
                return again::send(&client, &whole, &change, output).await;
            }
            let (mut found, _) = pages::<Delivery>(&client, usize::MAX, wanted.query()?).await?;
            if !unverified {
                again::leave_out_unverified(&mut found, output);
            }
            again::found(&client, found, yes, change, output).await
        }
    }
}

async fn list(client: &Client, wanted: DeliveryFilter, most: usize, output: Output) -> Result<()> {
    let query = wanted.query()?;
    if output.json {
        let (deliveries, next) = pages::<Value>(client, most, query).await?;
        return Ok(output.document(&json!({ "deliveries": deliveries, "next": next }))?);
    }
    let (deliveries, next) = pages::<Delivery>(client, most, query).await?;
    let omitted: u64 = deliveries.iter().map(|delivery| delivery.omitted).sum();
    let rows = deliveries.into_iter().map(row).collect();
    let columns = ["ID", "AT", "WEBHOOK", "VERDICT", "FROM", "TASK OR REASON"].map(words);
    output.table(&columns, rows, "no deliveries")?;
    if omitted > 0 {
        output.note(&format!(
            "{omitted} more between them were not recorded, because there were too many at once"
        ));
    }
    if let Some(next) = next {
        output.note(&format!(
            "there may be more: the same command with --before {}",
            printable(&next)
        ));
    }
    Ok(())
}

fn row(delivery: Delivery) -> Vec<String> {
    let reason = match (&delivery.code, &delivery.detail) {
        (Some(code), Some(detail)) => Some(format!("{code}: {detail}")),
        _ => None,
    };
    vec![
        delivery.id,
        delivery.at,
        delivery.webhook,
        delivery.verdict,
        delivery.ip,
        reason.or(delivery.task).unwrap_or_default(),
    ]
}

fn sheet(delivery: &Delivery, output: Output) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut rows = vec![
        ("id", delivery.id.clone()),
        ("webhook", delivery.webhook.clone()),
        ("at", delivery.at.clone()),
        ("verdict", delivery.verdict.clone()),
        ("task", text(&delivery.task)),
        (
            "status",
            delivery
                .status
                .map(|status| status.to_string())
                .unwrap_or_default(),
        ),
        ("code", text(&delivery.code)),
        ("reason", text(&delivery.detail)),
        ("from", delivery.ip.clone()),
        ("method", delivery.method.clone()),
        ("query", text(&delivery.query)),
    ];
    let headers = delivery.headers.iter();
    rows.extend(headers.map(|(name, value)| ("header", format!("{name}: {value}"))));
    let lines = rows.iter().filter(|(_, value)| !value.is_empty());
    let lines = lines.map(|(label, value)| {
        let label = output.paint(Tone::Faint, &format!("{label:<11}"));
        format!("{label}{}", printable(value))
    });
    let mut lines: Vec<String> = lines.collect();
    if let Some(body) = &delivery.body {
        lines.push(String::new());
        let shown = body.text.lines().map(|line| printable(line).into_owned());
        lines.extend(shown);
        lines.extend(
            body.encoding
                .as_ref()
                .map(|coding| format!("(in {coding})")),
        );
    }
    lines.join("\n")
}
