//! `stepwell webhook test`.

use anyhow::Result;
use stepwell_api::{NewSample, Sample};

use crate::client::{Client, ClientError};
use crate::terminal::output::{Output, printable};

/// Sends a webhook a signed sample through its public URL.
pub(super) async fn run(
    client: &Client,
    webhook: &str,
    event: Option<String>,
    output: Output,
) -> Result<()> {
    let path = ["webhooks", webhook, "sample"];
    let sample: Sample = client
        .post::<Sample>(&path, &NewSample { event })
        .await?
        .read()?;
    if !output.json {
        output.note(&format!(
            "sending the event {} to webhook {}",
            printable(&sample.event),
            printable(webhook)
        ));
    }
    let answer = match client.stranger(&sample).await {
        Err(error) => {
            if let ClientError::Refused { status, code, .. } = &error {
                output.note(&format!("refused with {status} {}", printable(code)));
            }
            return Err(error.into());
        }
        Ok(answer) => answer,
    };
    if output.json {
        return Ok(output.document(answer.document())?);
    }
    let task = answer.read()?.task;
    Ok(output.line(&format!("accepted: task {}", printable(&task)))?)
}
