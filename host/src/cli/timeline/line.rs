//! Parts of a timeline's lines.

use crate::terminal::output::{Output, Tone, printable};

/// The indent of lines that belong to a run: as wide as a time and its gap.
pub(super) const INDENT: &str = "              ";

pub(super) fn time(at: &str, output: Output) -> String {
    output.paint(Tone::Faint, &clock(at))
}

/// The time of day of an RFC 3339 time in UTC, to the millisecond; any other text as it is.
pub(super) fn clock(at: &str) -> String {
    match at.split_once('T') {
        Some((_, time)) if time.ends_with('Z') => {
            printable(time.trim_end_matches('Z')).into_owned()
        }
        _ => printable(at).into_owned(),
    }
}

/// A time that is to come, with its day unless that is the day of `now`.
pub(super) fn later(at: &str, now: &str) -> String {
    match at.split_once('T') {
        Some((day, _)) if !now.starts_with(day) => format!("{} {}", printable(day), clock(at)),
        _ => clock(at),
    }
}

/// Which attempt of a run it is, unless it is the first.
pub(super) fn attempt(number: u32) -> String {
    match number {
        0 | 1 => String::new(),
        n => format!(" (attempt {n})"),
    }
}

/// How much of a step's digest names its version: what `step versions` shows.
const DIGEST: usize = 12;

/// The version that a digest names; none if an older server does not tell.
pub(super) fn version(digest: &str) -> Option<String> {
    let version: String = digest.chars().take(DIGEST).collect();
    (!version.is_empty()).then(|| format!("version {}", printable(&version)))
}
