//! The README keeps its word: its first command prints what it shows, and its commands exist.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::{repository, stepwell, texts};

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).unwrap()
}

/// The lines of the first block of a language.
fn block(text: &str, language: &str) -> String {
    let start = format!("```{language}\n");
    let (_, rest) = text.split_once(&start).expect("the block is there");
    rest.split_once("```").expect("the block ends").0.to_owned()
}

/// A transcript with what differs from run to run made equal: keys, ids, digests, times, sizes, numbers.
fn normalised(text: &str) -> Vec<String> {
    text.lines()
        .map(normalised_line)
        .filter(|line| !line.is_empty())
        .collect()
}

fn normalised_line(line: &str) -> String {
    let mut line = line.trim_end().to_owned();
    for (pattern, replacement) in [
        (r"/event/[0-9A-Za-z]+", "/event/KEY"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
        // Another toolchain makes another component.
        (r"version [0-9a-f]{12}\b", "version DIGEST"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"\d\d:\d\d:\d\d\.\d{3}", "TIME"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"[0-9][0-9.,]* (fuel|us|ms|s|KiB)\b", "N $1"),
        (r"N (us|ms|s)\b", "N time"),
    ] {
        line = regex::Regex::new(pattern)
            .unwrap()
            .replace_all(&line, replacement)
            .into_owned();
    }
    line
}

#[test]
fn the_first_command_prints_what_is_shown() {
    let shown = block(&readme(), "text");
    let output = stepwell().args(["demo", "--exit"]).output().unwrap();
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{err}");
    assert_eq!(
        normalised(&shown),
        normalised(&out),
        "the demo printed:\n{out}"
    );
}

#[test]
fn the_commands_are_those_that_run_here() {
    let text = readme();
    assert!(
        text.lines().count() < 150,
        "the README is too long to be read"
    );
    assert_eq!(block(&text, "sh"), "cargo run --release -- demo\n");
    let ci = std::fs::read_to_string(repository().join(".ci/run")).unwrap();
    let (_, after) = text.split_once("## Testing").unwrap();
    let test_command = block(after, "sh");
    let words: Vec<&str> = test_command.split_whitespace().collect();
    let is_in_ci = ci.lines().any(|line| {
        words
            .iter()
            .all(|word| line.split_whitespace().any(|other| other == *word))
    });
    assert!(is_in_ci, "CI does not call `{}`", test_command.trim());
}

#[test]
fn every_command_that_is_named_exists() {
    let text = readme();
    let (_, after) = text.split_once("## Running a server").unwrap();
    for line in block(after, "sh").lines() {
        let command = line.split('#').next().unwrap().trim();
        let words: Vec<&str> = command
            .split_whitespace()
            .skip(1)
            .take_while(|word| word.chars().all(char::is_lowercase))
            .take(2)
            .collect();
        let verb = if words[0] == "serve" {
            &words[..1]
        } else {
            &words[..]
        };
        let output = stepwell().args(verb).arg("--help").output().unwrap();
        assert!(output.status.success(), "{command}");
    }
}

#[test]
fn every_document_that_is_named_exists() {
    let text = readme();
    for link in text
        .split("](")
        .skip(1)
        .map(|rest| rest.split([')', '#']).next().unwrap())
    {
        assert!(repository().join(link).exists(), "{link}");
    }
}
