//! A step as people are shown it.

use serde_json::Value;

use super::tuning;
use crate::client::member::text;
use crate::terminal::output::{Output, Tone, json_line, printable};
use crate::terminal::units;

pub(super) fn sheet(step: &Value, output: Output) -> String {
    let limits = step.get("limits").unwrap_or(&Value::Null);
    let rows = [
        ("step", printable(text(step, "name")).into_owned()),
        ("kind", printable(text(step, "kind")).into_owned()),
        ("condition", condition(step)),
        ("size", units::size(number(step.get("size")))),
        ("fuel", units::count(number(limits.get("fuel")))),
        ("memory", units::size(number(limits.get("memory")))),
        (
            "timeout",
            units::duration_us(number(limits.get("timeout_ms")).saturating_mul(1000)),
        ),
        (
            "retry",
            tuning::policy(step.get("retry").unwrap_or(&Value::Null)),
        ),
        ("updated", printable(text(step, "updated")).into_owned()),
        ("digest", printable(text(step, "digest")).into_owned()),
    ];
    let lines: Vec<String> = rows
        .iter()
        .map(|(label, value)| {
            let label = output.paint(Tone::Faint, &format!("{label:<11}"));
            format!("{label}{value}")
        })
        .collect();
    lines.join("\n")
}

/// The condition as one line, whether the API gives it as JSON or as the JSON's text.
pub fn condition(step: &Value) -> String {
    match step.get("condition") {
        Some(Value::String(source)) => printable(source).into_owned(),
        Some(value) => json_line(value),
        None => String::new(),
    }
}

pub(super) fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_for_people() {
        let step = json!({
            "name": "greet", "kind": "script", "digest": "abc", "size": 76000, "condition": {"email": {"$type": "string"}},
            "limits": {"fuel": 1_000_000_000, "memory": 67_108_864, "timeout_ms": 30_000},
            "retry": {"attempts": 3, "first_ms": 1000, "factor": 2, "cap_ms": 3_600_000},
            "updated": "2026-11-23T14:00:00.000Z",
        });
        assert_eq!(
            sheet(&step, Output::plain()),
            "\
step       greet
kind       script
condition  {\"email\":{\"$type\":\"string\"}}
size       74.2 KiB
fuel       1,000,000,000
memory     64 MiB
timeout    30 s
retry      3 attempts in all, delays up to 1 s, × 2, at most 60 m
updated    2026-11-23T14:00:00.000Z
digest     abc"
        );
    }
}
