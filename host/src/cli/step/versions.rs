//! `stepwell step versions` and `stepwell step rollback`.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::sheet::{number, sheet};
use crate::client::Client;
use crate::client::member::{member, text};
use crate::terminal::output::{Output, figures, printable, shorten, words};
use crate::terminal::units;

/// How many characters of a digest are shown: what anybody types.
const DIGEST: usize = 13;

/// Lists what a step was made of, the present version first.
pub async fn list(client: &Client, name: &str, output: Output) -> Result<()> {
    let found = client.get(&["steps", name, "versions"], &[]).await?;
    if output.json {
        return Ok(output.document(&found)?);
    }
    let rows = member(&found, "versions")
        .map(|version| {
            let current = version.get("current").and_then(Value::as_bool);
            vec![
                shorten(text(version, "digest"), DIGEST).into_owned(),
                text(version, "kind").to_owned(),
                units::size(number(version.get("size"))),
                text(version, "since").to_owned(),
                match current {
                    Some(true) => "in place".to_owned(),
                    _ => String::new(),
                },
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
    let mut body = Map::new();
    if let Some(to) = to {
        body.insert("to".into(), json!(to));
    }
    let path = ["steps", name, "rollback"];
    let step = client.post(&path, &Value::Object(body)).await?;
    if output.json {
        return Ok(output.document(&step)?);
    }
    let digest: String = text(&step, "digest").chars().take(DIGEST - 1).collect();
    output.note(&format!(
        "step {} is version {} again",
        printable(name),
        printable(&digest)
    ));
    Ok(output.line(&sheet(&step, output))?)
}
