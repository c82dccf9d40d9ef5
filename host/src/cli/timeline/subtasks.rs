//! A task's subtasks on its timeline.

use serde::Deserialize;

use super::changes::{ChangeView, diff};
use super::line::{INDENT, time};
use crate::terminal::output::{Output, Tone, printable};

/// A subtask that a run made.
#[derive(Debug, Deserialize)]
pub(super) struct SubtaskView {
    task: String,
    name: String,
    #[serde(default)]
    into: Option<String>,
    #[serde(default)]
    wait: bool,
}

/// A subtask whose result came into the data.
#[derive(Debug, Deserialize)]
pub struct EndedView {
    #[serde(default)]
    pub(super) seq: u64,
    task: String,
    at: String,
    #[serde(default)]
    changes: Vec<ChangeView>,
}

impl SubtaskView {
    pub(super) fn line(&self) -> String {
        let mut line = format!(
            "subtask  {}  {}",
            printable(&self.name),
            printable(&self.task)
        );
        if let Some(into) = &self.into {
            line.push_str(&format!("  into {}", printable(into)));
        }
        if self.wait {
            line.push_str("  waits for it");
        }
        line
    }
}

impl EndedView {
    pub(super) fn lines(&self, output: Output) -> Vec<String> {
        let mut lines = vec![format!(
            "{}  subtask {} {}",
            time(&self.at, output),
            printable(&self.task),
            output.paint(Tone::Faint, "has ended")
        )];
        let changes = diff(&self.changes, output);
        lines.extend(changes.into_iter().map(|line| format!("{INDENT}{line}")));
        lines
    }
}
