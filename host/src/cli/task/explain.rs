//! `stepwell task explain`: what each step's condition lacks of a task's data.

use anyhow::Result;
use serde_json::Value;

use super::id::resolve;
use crate::client::Client;
use crate::client::member::{member, text};
use crate::terminal::output::{Output, Tone, printable};

/// Asks the server, and prints a step a line.
pub async fn run(client: &Client, id: &str, step: Option<String>, output: Output) -> Result<()> {
    let id = resolve(client, id).await?;
    let query: Vec<_> = step.map(|step| ("step", step)).into_iter().collect();
    let explained = client.get(&["tasks", &id, "explain"], &query).await?;
    if output.json {
        return Ok(output.document(&explained)?);
    }
    for line in lines(&explained, output) {
        output.line(&line)?;
    }
    Ok(())
}

fn lines(explained: &Value, output: Output) -> Vec<String> {
    let mut lines = Vec::new();
    for step in member(explained, "steps") {
        let name = output.paint(Tone::Strong, &printable(text(step, "step")));
        let mismatch = &step["mismatch"];
        lines.push(match step["matches"].as_bool() {
            Some(true) => format!("{name}  matches"),
            None => format!("{name}  was not looked at: the conditions before it took too much"),
            Some(false) => {
                let place = match text(mismatch, "path") {
                    "" => "the whole data".into(),
                    path => printable(path),
                };
                let found = match mismatch["found"].as_str() {
                    Some(found) => printable(found),
                    None => "nothing".into(),
                };
                let expected = printable(text(mismatch, "expected"));
                format!("{name}  at {place}: expected {expected}, found {found}")
            }
        });
        for warning in member(step, "warnings") {
            let warning = printable(warning.as_str().unwrap_or_default());
            lines.push(output.paint(Tone::Warn, &format!("  {warning}")));
        }
    }
    if lines.is_empty() {
        lines.push("there are no steps; add one with `stepwell step add`".to_owned());
    }
    if let Some(more @ 1..) = explained["more"].as_u64() {
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
        let explained = json!({"steps": [
            {"step": "a", "matches": true, "mismatch": null, "warnings": []},
            {"step": "b", "matches": false, "warnings": ["did you mean `Orders\u{1b}`?"],
             "mismatch": {"path": "/$via/na\u{1b}[2Jme", "expected": "\"Order\"", "found": "\"\u{202e}x\""}},
            {"step": "c", "matches": false, "warnings": [], "mismatch": {"path": "", "expected": "{\"$or\":[…", "found": null}},
            {"step": "d", "matches": null, "mismatch": null, "warnings": []},
        ], "more": 3});
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
            lines(&json!({"steps": [], "more": 0}), Output::plain()),
            ["there are no steps; add one with `stepwell step add`"]
        );
    }
}
