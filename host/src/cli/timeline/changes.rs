//! What a run changed in the data, as a diff.

use serde_json::Value;
use stepwell_api::{Change, ChangeKind};

use crate::terminal::output::{Output, Tone, json_line, printable};
use crate::terminal::units;

/// Values longer than this are shown member by member.
const INLINE: usize = 60;
/// How many changed places of one run a terminal shows; a pipe gets all.
const CHANGES: usize = 40;

/// Changes as a diff: `-` what was there, `+` what is there now. Long objects and arrays are shown
/// member by member.
pub fn diff(changes: &[Change], output: Output) -> Vec<String> {
    let most = if output.is_bounded() {
        CHANGES
    } else {
        usize::MAX
    };
    let mut sides = Vec::new();
    for change in changes {
        if change.op != ChangeKind::Add {
            spread(
                '-',
                &change.path,
                change.old.as_ref().unwrap_or(&Value::Null),
                most,
                &mut sides,
            );
        }
        if change.op != ChangeKind::Remove {
            spread(
                '+',
                &change.path,
                change.value.as_ref().unwrap_or(&Value::Null),
                most,
                &mut sides,
            );
        }
    }
    let hidden = sides.len().saturating_sub(most);
    let mut lines: Vec<String> = sides
        .iter()
        .take(most)
        .map(|(sign, path, value)| {
            let tone = if *sign == '+' { Tone::Good } else { Tone::Bad };
            let path = if path.is_empty() { "the whole" } else { path };
            let text = format!("{sign} {} {value}", printable(path));
            output.paint(tone, &text)
        })
        .collect();
    if hidden > 0 {
        lines.push(format!(
            "… and {} more; `--full` has them all",
            units::plural(hidden as u64, "line")
        ));
    }
    lines
}

fn spread(
    sign: char,
    path: &str,
    value: &Value,
    most: usize,
    out: &mut Vec<(char, String, String)>,
) {
    // Past the bound only the number of lines matters, and a huge document is not worth a walk.
    if out.len() > most.saturating_mul(25) {
        return;
    }
    let text = json_line(value);
    match value {
        Value::Object(map) if text.len() > INLINE => {
            for (key, value) in map {
                let token = key.replace('~', "~0").replace('/', "~1");
                spread(sign, &format!("{path}/{token}"), value, most, out);
            }
        }
        Value::Array(items) if text.len() > INLINE => {
            for (index, value) in items.iter().enumerate() {
                spread(sign, &format!("{path}/{index}"), value, most, out);
            }
        }
        _ => out.push((sign, path.to_owned(), text)),
    }
}
