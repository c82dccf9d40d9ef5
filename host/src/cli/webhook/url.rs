//! `stepwell webhook rotate|rename|disable|enable`.

use std::time::Duration;

use anyhow::Result;
use stepwell_api::{Webhook, WebhookChange, WebhookRotation};

use super::secret::spoken;
use crate::client::Client;
use crate::terminal::output::{Output, printable};

/// Gives a webhook a new URL, and prints that.
pub(super) async fn rotate(
    client: &Client,
    webhook: &str,
    overlap: Duration,
    output: Output,
) -> Result<()> {
    let seconds = overlap.as_secs();
    let body = WebhookRotation {
        overlap_seconds: Some(seconds),
    };
    let path = ["webhooks", webhook, "rotate"];
    let rotated = client.post::<Webhook>(&path, &body).await?;
    if output.json {
        return Ok(output.document(rotated.document())?);
    }
    output.note(&match seconds {
        0 => "its old URLs do not work any more".to_owned(),
        _ => format!(
            "its old URL works for {} more; give senders this one",
            spoken(seconds)
        ),
    });
    Ok(output.line(&printable(&rotated.read()?.url))?)
}

/// Gives a webhook another name, and says which conditions have the old one.
pub(super) async fn rename(
    client: &Client,
    webhook: &str,
    name: String,
    output: Output,
) -> Result<()> {
    let change = WebhookChange {
        name: Some(name),
        ..WebhookChange::default()
    };
    let path = ["webhooks", webhook];
    let renamed = client.patch::<Webhook>(&path, &change).await?;
    if output.json {
        return Ok(output.document(renamed.document())?);
    }
    let renamed = renamed.read()?;
    for warning in renamed.warnings.iter().flatten() {
        output.note(&format!("warning: {}", printable(warning)));
    }
    output.done(&format!(
        "renamed webhook {} to {}",
        printable(webhook),
        printable(&renamed.name)
    ))
}

/// Disables or enables a webhook.
pub(super) async fn set_disabled(
    client: &Client,
    webhook: &str,
    disabled: bool,
    output: Output,
) -> Result<()> {
    let change = WebhookChange {
        disabled: Some(disabled),
        ..WebhookChange::default()
    };
    let path = ["webhooks", webhook];
    let changed = client.patch::<Webhook>(&path, &change).await?;
    if output.json {
        return Ok(output.document(changed.document())?);
    }
    let word = if disabled { "disabled" } else { "enabled" };
    output.done(&format!("{word} webhook {}", printable(webhook)))
}
