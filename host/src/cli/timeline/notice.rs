//! The line of a task's failure notice.

use stepwell_api::{Notice, NoticeState};

use super::line::{INDENT, clock, time};
use crate::terminal::output::{Output, printable};
use crate::terminal::units;

pub(super) fn line(notice: &Notice, output: Output) -> String {
    let attempts = units::plural(notice.attempts.into(), "attempt");
    let error = match &notice.error {
        Some(error) => format!(": {}", printable(error)),
        None => String::new(),
    };
    let text = match (&notice.state, &notice.next_at) {
        (NoticeState::Pending, Some(at)) => {
            format!(
                "failure notice due at {} after {attempts}{error}",
                clock(at)
            )
        }
        (state, _) => format!(
            "failure notice {} after {attempts}{error}",
            printable(state.as_str())
        ),
    };
    match &notice.at {
        Some(at) => format!("{}  {text}", time(at, output)),
        None => format!("{INDENT}{text}"),
    }
}
