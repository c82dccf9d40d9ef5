//! A task's subtasks on its timeline.

use stepwell_api::{EndedSubtask, MadeSubtask};

use super::changes::diff;
use super::line::{INDENT, time};
use crate::terminal::output::{Output, Tone, printable};

/// The line of a subtask that a run made.
pub(super) fn made(subtask: &MadeSubtask) -> String {
    let mut line = format!(
        "subtask  {}  {}",
        printable(&subtask.name),
        printable(&subtask.task)
    );
    if let Some(into) = &subtask.into {
        line.push_str(&format!("  into {}", printable(into)));
    }
    if subtask.wait {
        line.push_str("  waits for it");
    }
    line
}

/// The lines of a subtask whose result came into the data.
pub(super) fn ended(subtask: &EndedSubtask, output: Output) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  subtask {} {}",
        time(&subtask.at, output),
        printable(&subtask.task),
        output.paint(Tone::Faint, "has ended")
    )];
    let changes = diff(&subtask.changes, output);
    lines.extend(changes.into_iter().map(|line| format!("{INDENT}{line}")));
    lines
}
