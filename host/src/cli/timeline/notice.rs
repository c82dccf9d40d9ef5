//! What became of telling somebody that a task failed.

use serde::Deserialize;

use super::line::{INDENT, clock, time};
use crate::terminal::output::{Output, printable};
use crate::terminal::units;

/// What became of a notice of a task's failure.
#[derive(Debug, Deserialize)]
pub struct NoticeView {
    state: String,
    #[serde(default)]
    attempts: u64,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    next_at: Option<String>,
}

pub(super) fn told(notice: &NoticeView, output: Output) -> String {
    let attempts = units::plural(notice.attempts, "attempt");
    let error = match &notice.error {
        Some(error) => format!(": {}", printable(error)),
        None => String::new(),
    };
    let text = match (notice.state.as_str(), &notice.next_at) {
        ("pending", Some(at)) => {
            format!(
                "failure notice due at {} after {attempts}{error}",
                clock(at)
            )
        }
        (state, _) => format!(
            "failure notice {} after {attempts}{error}",
            printable(state)
        ),
    };
    match &notice.at {
        Some(at) => format!("{}  {text}", time(at, output)),
        None => format!("{INDENT}{text}"),
    }
}
