//! How a webhook's requests are verified, as the command line takes it.

use std::fs;
use std::io::{self, Read};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};
use stepwell_api::WebhookChange;

use super::secret::{SecretSource, asked, doubt, setup, variable};
use crate::cli::exit::UsageError;
use crate::client::Client;
use crate::domain::authentication::{AuthenticationError, network};
use crate::domain::limits;
use crate::terminal::output::Output;
use crate::terminal::units::parse_duration;

/// How requests are verified.
#[derive(Debug, Clone, Args)]
pub struct Verification {
    /// Whose requests it takes: a name of `stepwell provider list`, custom, or none for every request
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// The scheme of --provider custom: a JSON file, or - for stdin
    #[arg(long, value_name = "FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    secret: SecretSource,
    /// Read the text that the provider repeats in its question from this environment variable
    #[arg(long, value_name = "VAR")]
    verify_token_env: Option<String>,
    /// A network or address that may send; may be given several times
    #[arg(long = "allow-ip", value_name = "CIDR", value_parser = cidr)]
    allow_ips: Vec<String>,
    /// The greatest age of a signed request, if it is to be another than the provider's
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    tolerance: Option<Duration>,
}

fn cidr(text: &str) -> Result<String, AuthenticationError> {
    network(text).map(|net| net.to_string())
}

impl Verification {
    /// The change that the options ask for. If the provider takes a secret, the terminal is asked for it.
    pub async fn change(&self, client: &Client, output: Output) -> Result<WebhookChange> {
        let mut secret = self.secret.named()?;
        if let Some(provider) = &self.provider
            && let Some(setup) = setup(client, provider).await?
        {
            if secret.is_none() {
                secret = asked(&setup, output)?;
            }
            if let Some(secret) = &secret {
                doubt(&setup, secret, output);
            }
        }
        let verify_token = match &self.verify_token_env {
            Some(name) => Some(Some(variable(name)?)),
            None => None,
        };
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        Ok(WebhookChange {
            provider: self.provider.clone(),
            scheme: self.scheme.as_deref().map(scheme).transpose()?,
            secret,
            verify_token,
            allow_ips: (!self.allow_ips.is_empty()).then(|| self.allow_ips.clone()),
            tolerance_seconds: self.tolerance.map(seconds).map(Some),
            ..WebhookChange::default()
        })
    }
}

fn scheme(path: &str) -> Result<Map<String, Value>> {
    let most = limits::SCHEME_BYTES as u64 + 1;
    let mut text = String::new();
    let read = match path {
        "-" => io::stdin().lock().take(most).read_to_string(&mut text),
        path => fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    read.map_err(|error| UsageError::Path {
        path: path.to_owned(),
        error,
        wanted: "name a JSON file with the scheme, e.g. what `stepwell provider show NAME --json` has under `scheme`",
    })?;
    serde_json::from_str(&text).map_err(|error| {
        UsageError::Value(format!("{path}: the scheme is no JSON object: {error}")).into()
    })
}
