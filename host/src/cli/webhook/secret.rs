//! `stepwell webhook secret …`, and where a secret comes from: never from the command line, which others see.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use stepwell_api::{
    NewWebhookSecret, Provider, ProviderSetup, Webhook, WebhookSecret, WebhookSecrets,
};

use crate::cli::config::read_value;
use crate::cli::exit::UsageError;
use crate::client::Client;
use crate::domain::authentication::CUSTOM;
use crate::terminal::hidden::read_hidden;
use crate::terminal::output::{Output, printable, words};
use crate::terminal::units::parse_duration;

/// How long a webhook's older secrets stay valid if nothing is said: what services that exchange a secret with an
/// overlap give.
const OVERLAP: &str = "24h";

/// The subcommands of `stepwell webhook secret`.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Add a secret; those that are there stay valid
    #[command(after_help = "Examples:
  stepwell webhook secret add Stripe                            asks for it
  stepwell webhook secret add Stripe --secret-env STRIPE_SECRET
  pass show stripe | stepwell webhook secret add Stripe")]
    Add {
        /// The webhook's name or id
        webhook: String,
        #[command(flatten)]
        source: SecretSource,
    },
    /// Add a secret, and let those that are there end after an overlap
    #[command(after_help = "Examples:
  stepwell webhook secret rotate Stripe                         asks for it; the old one ends in 24 hours
  stepwell webhook secret rotate Stripe --overlap 1h --secret-file new.txt
  stepwell webhook secret rotate Stripe --overlap 0s            the old one ends at once")]
    Rotate {
        /// The webhook's name or id
        webhook: String,
        /// How long those that are there stay valid beside it
        #[arg(long, value_name = "TIME", default_value = OVERLAP, value_parser = parse_duration)]
        overlap: Duration,
        #[command(flatten)]
        source: SecretSource,
    },
    /// List a webhook's secrets, the newest first; they never come back
    List {
        /// The webhook's name or id
        webhook: String,
    },
    /// Remove a secret; without one, every request is refused
    Remove {
        /// The webhook's name or id
        webhook: String,
        /// The secret's id, as `webhook secret list` shows it
        secret: String,
    },
}

/// Where a secret is read from.
#[derive(Debug, Clone, Args)]
pub struct SecretSource {
    /// Read the secret from this environment variable
    #[arg(long, value_name = "VAR")]
    secret_env: Option<String>,
    /// Read the secret from this file, or - for stdin; a line end at its end is dropped
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<String>,
}

impl SecretSource {
    /// The secret, if it was said where it is.
    pub(super) fn named(&self) -> Result<Option<String>> {
        if let Some(name) = &self.secret_env {
            return variable(name).map(Some);
        }
        match self.secret_file.as_deref() {
            None => Ok(None),
            Some("-") => read_value(io::stdin().lock()).map(Some),
            Some(path) => {
                let wrong = |error| UsageError::Path {
                    path: path.to_owned(),
                    error,
                    wanted: "name a file that holds the secret, or - for stdin",
                };
                let file = File::open(path).map_err(wrong)?;
                read_value(file).map(Some)
            }
        }
    }

    /// The secret from a file or a variable, or else from the terminal or a pipe.
    fn read(&self, what: &str) -> Result<String> {
        match self.named()? {
            Some(secret) => Ok(secret),
            None if io::stdin().is_terminal() => Ok(read_hidden(&format!("{what}: "))?),
            None => read_value(io::stdin().lock()),
        }
    }
}

/// The value of an environment variable.
pub(super) fn variable(name: &str) -> Result<String> {
    std::env::var(name).map_err(|error| {
        let why = match error {
            std::env::VarError::NotPresent => "is not set",
            std::env::VarError::NotUnicode(_) => "is not UTF-8 text",
        };
        UsageError::Value(format!("the environment variable {name} {why}")).into()
    })
}

/// What a provider's secret is called, and where it is found. None for one that takes none.
pub(super) async fn setup(client: &Client, provider: &str) -> Result<Option<ProviderSetup>> {
    if provider == CUSTOM {
        return Ok(Some(ProviderSetup {
            what: "secret".to_owned(),
            find: "as its scheme says".to_owned(),
            begins_with: None,
        }));
    }
    let found: Provider = client.provider(provider).await?.read()?;
    Ok(found.secret)
}

/// Says that a secret looks like another value of the service than the one that signs.
pub(super) fn doubt(setup: &ProviderSetup, secret: &str, output: Output) {
    if let Some(start) = setup
        .begins_with
        .as_deref()
        .filter(|start| !secret.starts_with(start))
    {
        let (what, start) = (printable(&setup.what), printable(start));
        output.note(&format!(
            "a {what} begins with `{start}`, and this one does not: if requests are refused with `signature-mismatch`, it is another value"
        ));
    }
}

/// Asks on a terminal for a provider's secret; nothing if it is not known yet.
pub(super) fn asked(setup: &ProviderSetup, output: Output) -> Result<Option<String>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    output.note(&format!("{}: {}", setup.what, setup.find));
    let secret = read_hidden(&format!("{} (Enter for later): ", setup.what))?;
    Ok(Some(secret).filter(|secret| !secret.is_empty()))
}

/// Runs a command.
pub(super) async fn run(client: &Client, command: SecretCommand, output: Output) -> Result<()> {
    match command {
        SecretCommand::Add { webhook, source } => {
            add(client, &webhook, &source, None, output).await
        }
        SecretCommand::Rotate {
            webhook,
            overlap,
            source,
        } => add(client, &webhook, &source, Some(overlap.as_secs()), output).await,
        SecretCommand::List { webhook } => {
            let path = ["webhooks", webhook.as_str(), "secrets"];
            let list = client.get::<WebhookSecrets>(&path, &[]).await?;
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let rows = list.read()?.secrets.into_iter().map(|secret| {
                let expires = secret.expires.unwrap_or_else(|| "never".to_owned());
                vec![secret.id, secret.added, expires]
            });
            Ok(output.table(
                &[words("ID"), words("ADDED"), words("EXPIRES")],
                rows.collect(),
                "no secrets; add one with `stepwell webhook secret add NAME`",
            )?)
        }
        SecretCommand::Remove { webhook, secret } => {
            client
                .delete(&["webhooks", &webhook, "secrets", &secret])
                .await?;
            output.done(&format!("removed secret {}", printable(&secret)))
        }
    }
}

async fn add(
    client: &Client,
    webhook: &str,
    source: &SecretSource,
    overlap_seconds: Option<u64>,
    output: Output,
) -> Result<()> {
    let path = ["webhooks", webhook];
    // What it is called is known before it is asked for, and so is that the webhook takes one.
    let found: Webhook = client.get::<Webhook>(&path, &[]).await?.read()?;
    let setup = setup(client, &found.provider).await?;
    let what = setup.as_ref().map_or("secret", |setup| &setup.what);
    let body = NewWebhookSecret {
        secret: source.read(what)?,
        overlap_seconds,
    };
    if let Some(setup) = &setup {
        doubt(setup, &body.secret, output);
    }
    let path = ["webhooks", webhook, "secrets"];
    let added = client.post::<WebhookSecret>(&path, &body).await?;
    if output.json {
        return Ok(output.document(added.document())?);
    }
    let others = found.secrets.len();
    let rest = match overlap_seconds {
        _ if others == 0 => String::new(),
        None => "; the others stay valid".to_owned(),
        Some(0) => "; the others are not valid any more".to_owned(),
        Some(seconds) => format!("; the others end in {}", spoken(seconds)),
    };
    output.done(&format!(
        "added secret {}{rest}",
        printable(&added.read()?.id)
    ))
}

/// Seconds in the largest unit that they are whole in.
pub(super) fn spoken(seconds: u64) -> String {
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    let unit = units.iter().find(|(of, _)| seconds.is_multiple_of(*of));
    let (of, unit) = unit.copied().unwrap_or((1, "seconds"));
    match (seconds / of, unit) {
        (1, unit) => format!("1 {}", unit.trim_end_matches('s')),
        (count, unit) => format!("{count} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_its_largest_whole_unit() {
        for (seconds, text) in [
            (86_400, "1 day"),
            (172_800, "2 days"),
            (90_000, "25 hours"),
            (60, "1 minute"),
            (61, "61 seconds"),
        ] {
            assert_eq!(spoken(seconds), text);
        }
    }
}
