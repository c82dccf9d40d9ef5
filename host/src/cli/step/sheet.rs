//! A step as people are shown it.

use serde_json::Value;
use stepwell_api::Step;

use super::tuning;
use crate::terminal::output::{Output, Tone, json_line, printable};
use crate::terminal::units;

pub(super) fn sheet(step: &Step, output: Output) -> String {
    let limits = &step.limits;
    let rows = [
        ("step", printable(&step.name).into_owned()),
        ("kind", printable(step.kind.as_str()).into_owned()),
        ("condition", condition(step)),
        ("size", units::size(step.size)),
        ("fuel", units::count(limits.fuel)),
        ("memory", units::size(limits.memory)),
        (
            "timeout",
            units::duration_us(limits.timeout_ms.saturating_mul(1000)),
        ),
        ("retry", tuning::policy(&step.retry)),
        ("updated", printable(&step.updated).into_owned()),
        ("digest", printable(&step.digest).into_owned()),
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
pub fn condition(step: &Step) -> String {
    match &step.condition {
        Value::String(source) => printable(source).into_owned(),
        Value::Null => String::new(),
        value => json_line(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_for_people() {
        let step = serde_json::from_value(json!({
            "name": "greet", "kind": "script", "digest": "abc", "size": 76000, "condition": {"email": {"$type": "string"}},
            "limits": {"fuel": 1_000_000_000, "memory": 67_108_864, "timeout_ms": 30_000},
            "retry": {"attempts": 3, "first_ms": 1000, "factor": 2, "cap_ms": 3_600_000},
            "updated": "2026-11-23T14:00:00.000Z",
        }))
        .unwrap();
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
