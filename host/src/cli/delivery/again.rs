//! `stepwell delivery redeliver`.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use stepwell_api::report::Redeliveries;
use stepwell_api::{Delivery, Redelivered, Redelivery};

use crate::cli::exit::UsageError;
use crate::client::Client;
use crate::terminal::output::{Output, printable};

/// The options for a body in place of the recorded one.
#[derive(Debug, Clone, Args)]
pub struct BodyOptions {
    /// Edit the body first, in $VISUAL or $EDITOR
    #[arg(long, conflicts_with = "body")]
    edit: bool,
    /// Another body: a text, @FILE, or - for standard input
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
}

impl BodyOptions {
    async fn body(&self, client: &Client, id: &str) -> Result<Option<String>> {
        if self.edit {
            let found = client.get::<Delivery>(&["deliveries", id], &[]).await?;
            let body = found.read()?.body;
            if body.as_ref().is_some_and(|body| body.encoding.is_some()) {
                let binary = "--edit: the body is not a text; give another one with --body @FILE";
                return Err(UsageError::Value(binary.into()).into());
            }
            return edited(id, &body.map(|body| body.text).unwrap_or_default()).map(Some);
        }
        match self.body.as_deref() {
            None => Ok(None),
            Some("-") => {
                let mut text = String::new();
                std::io::stdin().lock().read_to_string(&mut text)?;
                Ok(Some(text))
            }
            Some(given) => match given.strip_prefix('@') {
                None => Ok(Some(given.to_owned())),
                Some(path) => {
                    let read = fs::read_to_string(path).map_err(|error| UsageError::Path {
                        path: path.to_owned(),
                        error,
                        wanted: "give @ and the path of a text file",
                    });
                    Ok(Some(read?))
                }
            },
        }
    }
}

/// A text after it was edited. The file is for its owner only.
fn edited(id: &str, text: &str) -> Result<String> {
    let set = ["VISUAL", "EDITOR"].map(|name| std::env::var(name).ok());
    let editor = set.into_iter().flatten().find(|editor| !editor.is_empty());
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let path = std::env::temp_dir().join(format!("stepwell-{}-{id}.txt", std::process::id()));
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options
        .open(&path)
        .with_context(|| path.display().to_string())?;
    let done = file.write_all(text.as_bytes()).map_err(anyhow::Error::from);
    drop(file);
    let run = done.and_then(|()| {
        // As git does: the editor may have arguments.
        let mut shell = Command::new("sh");
        let shell = shell
            .arg("-c")
            .arg(format!("{editor} \"$1\""))
            .arg("sh")
            .arg(&path);
        let status = shell.status().with_context(|| editor.clone())?;
        if !status.success() {
            let failed = format!("--edit: `{editor}` ended with {status}; nothing was sent");
            return Err(UsageError::Value(failed).into());
        }
        Ok(fs::read_to_string(&path)?)
    });
    let _ = fs::remove_file(&path);
    run
}

/// Removes deliveries that were refused because their sender was not verified, and says how many: a redelivery is not
/// verified, so a forged request would run.
pub(super) fn leave_out_unverified(found: &mut Vec<Delivery>, output: Output) {
    let before = found.len();
    found.retain(|one| one.verdict != "refused" || !matches!(one.status, Some(401 | 403)));
    let left_out = before - found.len();
    if left_out > 0 && !output.json {
        output.note(&format!(
            "{left_out} whose sender was not verified are left out: look at them with `delivery list --verdict refused`, and send single ids, or all with --unverified"
        ));
    }
}

/// Sends the found deliveries again, or lists them without `--yes`.
pub(super) async fn found(
    client: &Client,
    found: Vec<Delivery>,
    yes: bool,
    change: BodyOptions,
    output: Output,
) -> Result<()> {
    // The oldest first, as they came.
    let ids: Vec<String> = found.into_iter().rev().map(|one| one.id).collect();
    if yes || ids.is_empty() {
        if ids.is_empty() && !output.json {
            output.note("no delivery fits");
        }
        return send(client, &ids, &change, output).await;
    }
    for id in &ids {
        output.line(id)?;
    }
    let count = ids.len();
    Err(UsageError::Value(format!(
        "these {count} deliveries would be sent again; nothing was sent. Add --yes to send them"
    ))
    .into())
}

/// Sends one after the other. One that is refused does not hold up the others.
pub(super) async fn send(
    client: &Client,
    ids: &[String],
    change: &BodyOptions,
    output: Output,
) -> Result<()> {
    let mut done = Vec::new();
    let mut refused = Vec::new();
    for id in ids {
        let sent = async {
            let body = change.body(client, id).await?;
            let path = ["deliveries", id.as_str(), "redeliver"];
            let sent = client
                .post::<Redelivered>(&path, &Redelivery { body })
                .await?;
            anyhow::Ok(sent)
        };
        match sent.await {
            Ok(sent) if output.json => done.push(sent.into_document()),
            Ok(sent) => {
                let tasks = sent.read()?.tasks;
                output.line(&format!(
                    "sent delivery {} again: task {}",
                    printable(id),
                    printable(&tasks.join(", "))
                ))?;
            }
            Err(error) => refused.push(error),
        }
    }
    if output.json {
        output.report(&Redeliveries { redelivered: done })?;
    }
    // The last is reported as every command's error is, and gives the exit code.
    let Some(last) = refused.pop() else {
        return Ok(());
    };
    for error in &refused {
        output.note(&format!("error: {}", printable(&format!("{error:#}"))));
    }
    Err(last)
}
