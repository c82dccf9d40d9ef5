//! `stepwell token …`.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use stepwell_api::report::AdminTokenReport;
use stepwell_api::{NewToken, Scope, Token, Tokens};

use super::context;
use super::global::Global;
use crate::client::Client;
use crate::http::auth::{TOKEN_FILE, new_token};
use crate::private_file;
use crate::terminal::output::{Output, Tone, printable, words};
use crate::terminal::units::parse_duration;

/// How long a running server may take to read a new admin token.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// The subcommands of `stepwell token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Add a token; it is printed once and cannot be shown again
    #[command(after_help = "Examples:
  stepwell token add ci --workspace sales --scope read,deploy --expires 90d
  stepwell token add dashboard --scope read
  stepwell token add ops --server --scope read,operate        valid in all workspaces

Scopes: read (all but webhooks and config), deploy (webhooks, steps, config, connectors, schedules), operate (act on
tasks), ingest (create tasks), admin (the workspace itself and its tokens). None includes another.")]
    Add(AddArgs),
    /// List the tokens of the workspace, or of the server
    List {
        /// Those that are valid in all workspaces
        #[arg(long)]
        server: bool,
    },
    /// Revoke a token: from then on it is not accepted
    #[command(after_help = "Examples:
  stepwell token revoke ci --workspace sales
  stepwell token revoke ops --server")]
    Revoke {
        /// Its name or id
        name: String,
        /// One that is valid in all workspaces
        #[arg(long)]
        server: bool,
    },
    /// Show what the token may do that commands use
    Show,
    /// Replace the admin token of the server on this machine, also while it runs
    #[command(
        after_help = "The new token is in the file `admin-token` of the data directory. The old one ends at once."
    )]
    RotateAdmin,
}

/// The options of `token add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name: letters, digits and the signs - . _ of which there may be 80 in all
    name: String,
    /// Its scopes: read, deploy, operate, ingest, admin; several with commas
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', required = true, value_parser = scope)]
    scope: Vec<String>,
    /// After which time it ends, e.g. 90d [default: never]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    expires: Option<Duration>,
    /// It is valid in all workspaces, and on the server itself
    #[arg(long)]
    server: bool,
}

fn scope(text: &str) -> Result<String, String> {
    match Scope::WORDS.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("it must be one of {}", Scope::WORDS.join(", "))),
    }
}

/// Runs a token command.
pub async fn run(global: &Global, command: TokenCommand, output: Output) -> Result<()> {
    if let TokenCommand::RotateAdmin = command {
        return rotate_admin(global, output).await;
    }
    let client = context::connect(global).await?;
    match command {
        TokenCommand::Add(args) => add(&client, args, output).await,
        TokenCommand::List { server } => {
            let list = match server {
                true => client.get_of_server::<Tokens>(&["tokens"], &[]).await?,
                false => client.get(&["tokens"], &[]).await?,
            };
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let rows = list.read()?.tokens.into_iter().map(|token| {
                vec![
                    token.name,
                    token.id.unwrap_or_default(),
                    joined(&token.scopes),
                    token.expires.unwrap_or_else(|| "never".to_owned()),
                    token.last_used.unwrap_or_else(|| "never".to_owned()),
                    token.added_by.unwrap_or_default(),
                ]
            });
            let columns = ["NAME", "ID", "SCOPES", "EXPIRES", "LAST USED", "ADDED BY"].map(words);
            let empty = "no tokens; add one with `stepwell token add NAME --scope SCOPE`";
            Ok(output.table(&columns, rows.collect(), empty)?)
        }
        TokenCommand::Revoke { name, server } => {
            match server {
                true => client.delete_of_server(&["tokens", &name]).await?,
                false => client.delete(&["tokens", &name]).await?,
            }
            output.done(&format!("revoked token {}", printable(&name)))
        }
        TokenCommand::Show => {
            let own = client.own_token().await?;
            if output.json {
                return Ok(output.document(own.document())?);
            }
            Ok(output.line(&sheet(&own.read()?, output))?)
        }
        TokenCommand::RotateAdmin => Ok(()),
    }
}

async fn add(client: &Client, args: AddArgs, output: Output) -> Result<()> {
    let body = NewToken {
        name: args.name,
        scopes: args
            .scope
            .iter()
            .map(|scope| scope.as_str().into())
            .collect(),
        expires_in_seconds: args.expires.map(|time| time.as_secs()),
    };
    let added = match args.server {
        true => client.post_to_server::<Token>(&["tokens"], &body).await?,
        false => client.post(&["tokens"], &body).await?,
    };
    if output.json {
        return Ok(output.document(added.document())?);
    }
    let added = added.read()?;
    let place = match &added.workspace {
        Some(workspace) => format!("workspace {workspace}"),
        None => "all workspaces".to_owned(),
    };
    output.note(&printable(&format!(
        "added token {} for {place}: {}; it cannot be shown again:",
        added.name,
        joined(&added.scopes)
    )));
    Ok(output.line(&printable(&added.token.unwrap_or_default()))?)
}

fn joined(scopes: &[Scope]) -> String {
    let all: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
    all.join(",")
}

fn sheet(token: &Token, output: Output) -> String {
    let scopes = joined(&token.scopes);
    let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
    let rows = [
        ("name", token.name.clone()),
        ("workspace", or(&token.workspace, "all")),
        ("scopes", scopes),
        ("expires", or(&token.expires, "never")),
        ("added", or(&token.added, "with the data directory")),
        ("added by", or(&token.added_by, "the server")),
    ];
    let lines = rows.map(|(label, value)| {
        let label = output.paint(Tone::Faint, &format!("{label:<11}"));
        format!("{label}{}", printable(&value))
    });
    lines.join("\n")
}

/// Puts a new token into the file of the data directory, and waits until a server that runs on it has read it.
async fn rotate_admin(global: &Global, output: Output) -> Result<()> {
    let directory = context::data_dir(global.data_dir.as_deref())?;
    let file = directory.join(TOKEN_FILE);
    // Not into a directory that no server has.
    private_file::read(&file)?;
    let token = new_token()?;
    private_file::write(&file, &token)?;
    let is_taken = match context::running(&directory) {
        Ok(server) => {
            let client = Client::new(&server.url, &token, context::DEFAULT_WORKSPACE)?;
            taken(&client).await?;
            true
        }
        Err(_) => false,
    };
    let file = file.display().to_string();
    if output.json {
        return output.report(&AdminTokenReport {
            file,
            taken: is_taken,
        });
    }
    output.note(&match is_taken {
        true => format!(
            "replaced the admin token in {}; the old one is not valid any more",
            printable(&file)
        ),
        false => format!(
            "replaced the admin token in {}; no server runs there now",
            printable(&file)
        ),
    });
    Ok(())
}

async fn taken(client: &Client) -> Result<()> {
    let until = tokio::time::Instant::now() + TAKEN_WITHIN;
    loop {
        match client.own_token().await {
            Ok(_) => return Ok(()),
            Err(error) if tokio::time::Instant::now() >= until => {
                return Err(error).context(
                    "the new admin token is in the file, and the server does not take it",
                );
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
