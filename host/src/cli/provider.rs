//! `stepwell provider …`: the services whose webhooks are known.

use anyhow::Result;
use clap::Subcommand;
use stepwell_api::Provider;

use super::context;
use super::global::Global;
use crate::terminal::output::{Output, Tone, printable, words};

/// The subcommands of `stepwell provider`.
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// List the services whose webhooks are known
    List,
    /// Show one: which secret it takes and where that is found, what it signs, its documentation
    #[command(after_help = "Examples:
  stepwell provider show stripe
  stepwell provider show stripe --json        with the scheme, which --provider custom takes with changes")]
    Show {
        /// Its name
        provider: String,
    },
}

/// Runs a command.
pub async fn run(global: &Global, command: ProviderCommand, output: Output) -> Result<()> {
    let client = context::connect(global).await?;
    match command {
        ProviderCommand::List => {
            let list = client.providers().await?;
            if output.json {
                return Ok(output.document(list.document())?);
            }
            let rows = list.read()?.providers.into_iter().map(|one| {
                let secret = one.secret.map_or_else(|| "none".to_owned(), |it| it.what);
                vec![one.name, one.title, secret]
            });
            Ok(output.table(
                &[words("NAME"), words("SERVICE"), words("SECRET")],
                rows.collect(),
                "this server knows no providers",
            )?)
        }
        ProviderCommand::Show { provider } => {
            let found = client.provider(&provider).await?;
            if output.json {
                return Ok(output.document(found.document())?);
            }
            Ok(output.line(&sheet(&found.read()?, output))?)
        }
    }
}

fn sheet(provider: &Provider, output: Output) -> String {
    let tolerance = provider.tolerance_seconds;
    let tolerance = tolerance.map(|seconds| format!("a request may be {seconds} s old"));
    let asks = provider
        .challenge
        .then(|| "asks whether the webhook is wanted; the server answers".to_owned());
    let mut rows = vec![
        ("name", Some(provider.name.clone())),
        ("service", Some(provider.title.clone())),
    ];
    for (label, setup) in [
        ("secret", &provider.secret),
        ("verify token", &provider.verify_token),
    ] {
        let setup = setup.as_ref();
        rows.push((label, setup.map(|it| format!("{}: {}", it.what, it.find))));
    }
    rows.extend([
        ("signs", provider.signs.clone()),
        ("time", tolerance),
        ("question", asks),
        ("note", provider.note.clone()),
        ("docs", provider.docs.clone()),
    ]);
    let lines = rows.into_iter().filter_map(|(label, value)| {
        let label = output.paint(Tone::Faint, &format!("{label:<14}"));
        Some(format!("{label}{}", printable(&value?)))
    });
    lines.collect::<Vec<_>>().join("\n")
}
