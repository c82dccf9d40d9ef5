//! `stepwell audit …`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use stepwell_api::{AuditEntry, AuditLog};

use super::context;
use super::global::Global;
use super::task::time;
use crate::client::Client;
use crate::terminal::output::{Output, words};

/// Entries of one request.
const PAGE: usize = 500;

/// The subcommands of `stepwell audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List who changed what, the newest first
    #[command(after_help = "Examples:
  stepwell audit list --workspace sales --since 1d
  stepwell audit list --who ci --what setConfig
  stepwell audit list --what config/CRM_TOKEN                 what begins so
  stepwell audit list --server --limit 1000 --json            all workspaces, and the server itself

It takes a token with the scope admin.")]
    List(ListArgs),
}

/// The options of `audit list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Of all workspaces and of the server itself
    #[arg(long)]
    server: bool,
    /// Not before this time: how long ago (2h, 1d), a day, or a time of RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<String>,
    /// By whom: a token's name or id, or admin
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// An operation such as setConfig, or the beginning of a target such as steps/
    #[arg(long, value_name = "TEXT")]
    what: Option<String>,
    /// The most entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Go on before this entry
    #[arg(long, value_name = "ID")]
    before: Option<String>,
}

/// Runs an audit command.
pub async fn run(global: &Global, command: AuditCommand, output: Output) -> Result<()> {
    let AuditCommand::List(args) = command;
    let client = context::connect(global).await?;
    let (entries, next) = entries(&client, &args).await?;
    if output.json {
        let entries: Vec<Value> = (entries.iter())
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()?;
        return Ok(output.document(&json!({"entries": entries, "next": next}))?);
    }
    let rows = entries.into_iter().map(|entry| {
        let mut row = vec![entry.at, entry.who, entry.ip, entry.what, entry.outcome];
        if args.server {
            row.push(entry.workspace.unwrap_or_default());
        }
        row.push(entry.target);
        row
    });
    let mut columns = ["AT", "WHO", "FROM", "WHAT", "OUTCOME"].map(words).to_vec();
    if args.server {
        columns.push(words("WORKSPACE"));
    }
    columns.push(words("TARGET"));
    output.table(&columns, rows.collect(), "no entries")?;
    if let Some(next) = next {
        output.note(&format!(
            "there may be more: the same command with a larger --limit, or with --before {next}"
        ));
    }
    Ok(())
}

/// As many entries as are wanted, over pages, and what to go on before.
async fn entries(client: &Client, args: &ListArgs) -> Result<(Vec<AuditEntry>, Option<String>)> {
    let most = args.limit as usize;
    let mut found = Vec::new();
    let mut before = args.before.clone();
    loop {
        let limit = (most - found.len()).min(PAGE).to_string();
        let wanted = [
            ("since", args.since.clone()),
            ("until", args.until.clone()),
            ("who", args.who.clone()),
            ("what", args.what.clone()),
            ("before", before),
            ("limit", Some(limit)),
        ];
        let query: Vec<_> = (wanted.into_iter())
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let page = match args.server {
            true => client.get_of_server::<AuditLog>(&["audit"], &query).await?,
            false => client.get(&["audit"], &query).await?,
        };
        let page = page.read()?;
        found.extend(page.entries);
        before = page.next;
        if before.is_none() || found.len() >= most {
            return Ok((found, before));
        }
    }
}
