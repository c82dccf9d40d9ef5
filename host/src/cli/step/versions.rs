//! `stepwell step versions` and `stepwell step rollback`.

use anyhow::Result;
use stepwell_api::{Rollback, Step, StepVersions};

use super::sheet::sheet;
use crate::client::Client;
use crate::terminal::output::{Output, figures, printable, shorten, words};
use crate::terminal::units;

/// How many characters of a digest are shown: enough to be distinct, and few enough to type.
const DIGEST: usize = 13;

/// Lists what a step was made of, the present version first.
pub async fn list(client: &Client, name: &str, output: Output) -> Result<()> {
    let path = ["steps", name, "versions"];
    let found = client.get::<StepVersions>(&path, &[]).await?;
    if output.json {
        return Ok(output.document(found.document())?);
    }
    let rows = (found.read()?.versions.into_iter())
        .map(|version| {
            let mark = if version.current { "in place" } else { "" };
            vec![
                shorten(&version.digest, DIGEST).into_owned(),
                version.kind.to_string(),
                units::size(version.size),
                version.since,
                mark.to_owned(),
            ]
        })
        .collect();
    let columns = [
        words("DIGEST"),
        words("KIND"),
        figures("SIZE"),
        words("SINCE"),
        words(""),
    ];
    Ok(output.table(&columns, rows, "no versions")?)
}

/// Puts an earlier version in place.
pub async fn rollback(client: &Client, name: &str, to: Option<&str>, output: Output) -> Result<()> {
    let body = Rollback {
        to: to.map(str::to_owned),
    };
    let path = ["steps", name, "rollback"];
    let step = client.post::<Step>(&path, &body).await?;
    if output.json {
        return Ok(output.document(step.document())?);
    }
    let step = step.read()?;
    let digest: String = step.digest.chars().take(DIGEST - 1).collect();
    output.note(&format!(
        "step {} is version {} again",
        printable(name),
        printable(&digest)
    ));
    Ok(output.line(&sheet(&step, output))?)
}
