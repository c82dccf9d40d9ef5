//! `stepwell task explain`: what each step's condition lacks of a task's data.

use anyhow::Result;
use stepwell_api::Explained;

use super::id::resolve;
use crate::client::Client;
use crate::terminal::output::{Output, Tone, printable};

/// Asks the server, and prints a step a line.
pub async fn run(client: &Client, id: &str, step: Option<String>, output: Output) -> Result<()> {
    let id = resolve(client, id).await?;
    let query: Vec<_> = step.map(|step| ("step", step)).into_iter().collect();
    let path = ["tasks", id.as_str(), "explain"];
    let explained = client.get::<Explained>(&path, &query).await?;
    if output.json {
        return Ok(output.document(explained.document())?);
    }
    for line in lines(&explained.read()?, output) {
        output.line(&line)?;
    }
    Ok(())
}

fn lines(explained: &Explained, output: Output) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &explained.steps {
        let name = output.paint(Tone::Strong, &printable(&step.step));
        let mismatch = step.mismatch.clone().unwrap_or_default();
        lines.push(match step.matches {
            Some(true) => format!("{name}  matches"),
            None if step.warnings.is_empty() => {
                format!("{name}  was not looked at: the conditions before it took too much")
            }
            None => format!("{name}  is not known to match"),
            Some(false) => {
                let place = match mismatch.path.as_str() {
                    "" => "the whole data".into(),
                    path => printable(path),
                };
                let found = match &mismatch.found {
                    Some(found) => printable(found),
                    None => "nothing".into(),
                };
                let expected = printable(&mismatch.expected);
                format!("{name}  at {place}: expected {expected}, found {found}")
            }
        });
        for warning in &step.warnings {
            let warning = printable(warning);
            lines.push(output.paint(Tone::Warn, &format!("  {warning}")));
        }
    }
    if lines.is_empty() {
        lines.push("there are no steps; add one with `stepwell step add`".to_owned());
    }
    if let more @ 1.. = explained.more {
        lines.push(format!("and {more} steps more; name one of them"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_step_is_a_line_and_names_from_payloads_are_escaped() {
        let read = |explained| serde_json::from_value(explained).unwrap();
        let explained = read(json!({"steps": [
            {"step": "a", "matches": true, "mismatch": null, "warnings": []},
            {"step": "b", "matches": false, "warnings": ["did you mean `Orders\u{1b}`?"],
             "mismatch": {"path": "/$via/na\u{1b}[2Jme", "expected": "\"Order\"", "found": "\"\u{202e}x\""}},
            {"step": "c", "matches": false, "warnings": [], "mismatch": {"path": "", "expected": "{\"$or\":[…", "found": null}},
            {"step": "d", "matches": null, "mismatch": null, "warnings": []},
        ], "more": 3}));
        let shown = lines(&explained, Output::plain());
        assert_eq!(shown[0], "a  matches");
        assert!(shown[1].starts_with("b  at /$via/na"), "{}", shown[1]);
        assert!(
            shown[1].contains("expected \"Order\", found "),
            "{}",
            shown[1]
        );
        assert_eq!(
            shown[3],
            "c  at the whole data: expected {\"$or\":[…, found nothing"
        );
        assert_eq!(shown[5], "and 3 steps more; name one of them");
        let all = shown.concat();
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all:?}");
        assert_eq!(
            lines(&read(json!({"steps": [], "more": 0})), Output::plain()),
            ["there are no steps; add one with `stepwell step add`"]
        );
    }
}
