//! Reads the output of a guest on standard error before it trapped: a panic of Rust's standard library, or the
//! last line of another language's. A trap itself says no more than `unreachable`.

use crate::domain::limits::TEXT_BYTES;

/// What Rust prints behind a panic's message. A step has no environment, so the log does without it.
const ADVICE: &str =
    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";

/// Follows the lines of standard error. Lines that are beyond the log's bounds are seen, too.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    /// Where the last panic was, e.g. `src/lib.rs:9:5`, and its message so far.
    panic: Option<(String, String)>,
    /// Whether the lines that come belong to the panic's message.
    open: bool,
    /// The last line that is not empty.
    last: String,
}

impl LastWords {
    /// Takes a line in. Whether it is worth a line in the log.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        if line == ADVICE {
            self.open = false;
            return false;
        }
        if let Some((_, rest)) = line
            .split_once(" panicked at ")
            .filter(|(thread, _)| thread.starts_with("thread '"))
        {
            let place = rest.strip_suffix(':').unwrap_or(rest);
            self.panic = Some((cut(place), String::new()));
            self.open = true;
        } else if let Some((_, message)) = self.panic.as_mut().filter(|_| self.open) {
            if !message.is_empty() {
                message.push('\n');
            }
            message.push_str(&cut(line));
            *message = cut(message);
        }
        if !line.trim().is_empty() {
            self.last = cut(line.trim());
        }
        true
    }

    /// Why a guest that trapped did so: its panic, or what the trap is called and the last line.
    pub(super) fn explain(&self, trap: &str) -> String {
        match &self.panic {
            Some((place, message)) if message.is_empty() => format!("panicked at {place}"),
            Some((place, message)) => format!("panicked at {place}: {message}"),
            None if self.last.is_empty() => trap.to_owned(),
            None => format!("{trap}; the last line on standard error: {}", self.last),
        }
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(lines: &[&str]) -> String {
        let mut words = LastWords::default();
        for line in lines {
            words.hear(line);
        }
        words.explain("unreachable")
    }

    #[test]
    fn a_panic_is_its_place_and_its_message() {
        for (lines, said) in [
            (
                &[
                    "",
                    "thread '<unnamed>' (1) panicked at src/lib.rs:9:5:",
                    "index out of bounds: the len is 3 but the index is 7",
                    ADVICE,
                ][..],
                "panicked at src/lib.rs:9:5: index out of bounds: the len is 3 but the index is 7",
            ),
            (
                &[
                    "thread 'main' panicked at src/lib.rs:1:1:",
                    "one",
                    "",
                    "two",
                    ADVICE,
                    "after",
                ],
                "panicked at src/lib.rs:1:1: one\n\ntwo",
            ),
            // Before Rust 1.73 the message stood in the line.
            (
                &["thread 'main' panicked at 'old', src/lib.rs:2:3", ADVICE],
                "panicked at 'old', src/lib.rs:2:3",
            ),
            // A panic that was caught, and the one that ended the run.
            (
                &[
                    "thread 'main' panicked at a.rs:1:1:",
                    "first",
                    ADVICE,
                    "went on",
                    "thread 'main' panicked at b.rs:2:2:",
                    "second",
                    ADVICE,
                ],
                "panicked at b.rs:2:2: second",
            ),
            // A message without a thread before it is no panic.
            (
                &["it panicked at noon:", "really"],
                "unreachable; the last line on standard error: really",
            ),
            (
                &[
                    "Traceback (most recent call last):",
                    "  File \"app.py\"",
                    "ValueError: no total",
                    "",
                ],
                "unreachable; the last line on standard error: ValueError: no total",
            ),
            (&["", "  "], "unreachable"),
        ] {
            assert_eq!(explained(lines), said);
        }
    }

    #[test]
    fn a_message_without_end_is_cut() {
        let long = "é".repeat(TEXT_BYTES);
        let mut lines = vec!["thread 'main' panicked at src/lib.rs:1:1:"];
        lines.extend([long.as_str(); 50]);
        let said = explained(&lines);
        assert!(said.len() <= TEXT_BYTES + 40, "{}", said.len());
        assert!(explained(&[&long]).len() <= TEXT_BYTES + 60);
    }

    #[test]
    fn advice_on_an_environment_that_is_not_there_is_left_out() {
        let mut words = LastWords::default();
        assert!(!words.hear(ADVICE));
        assert!(words.hear("note: run with care"));
    }
}
