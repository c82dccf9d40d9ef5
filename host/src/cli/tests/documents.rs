//! The commands of the documents and of the help are commands: each is parsed as it is written.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use super::super::Cli;

fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.extend(
        ["README.md", "guest-sdk/README.md", "guest-sdk/js/README.md"].map(|file| root.join(file)),
    );
    let read = |file: PathBuf| {
        (
            file.display().to_string(),
            fs::read_to_string(&file).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
}

/// The words of a shell's line up to a comment, a pipe, a redirection or the next command.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, '|' | '<' | '>' | '&' | ';') => break,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What is wrong with a line's commands, if anything; `None` if it has none.
fn wrong(line: &str) -> Option<Result<(), String>> {
    // A prompt, variables and other commands may stand before it.
    let commands = line.match_indices("stepwell ").filter(|(at, _)| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(|c| matches!(c, ' ' | '`' | '('))
    });
    let mut found = None;
    for (at, _) in commands {
        let words = words(&line[at..]);
        // "the server stepwell runs on" is no command.
        if words.len() < 2 || words.iter().any(|word| word.contains('…')) {
            continue;
        }
        found = Some(Ok(()));
        if let Err(error) = Cli::try_parse_from(&words)
            && error.use_stderr()
        {
            return Some(Err(format!("{}\n{error}", words.join(" "))));
        }
    }
    found
}

#[test]
fn every_command_of_a_block_is_one() {
    let mut checked = 0;
    for (file, text) in documents() {
        let mut fence = None;
        for (number, line) in text.lines().enumerate() {
            if let Some(language) = line.strip_prefix("```") {
                fence = if fence.is_some() {
                    None
                } else {
                    Some(language)
                };
            } else if matches!(fence, Some("sh" | ""))
                && let Some(result) = wrong(line)
            {
                checked += 1;
                if let Err(error) = result {
                    panic!("{file}:{}: {error}", number + 1);
                }
            } else if fence == Some("sh") && !line.trim().is_empty() {
                // Other tools: nothing of ours says what they take.
                let mut words = line.split_whitespace();
                // Variables may stand before it.
                let tool = words.find(|word| !word.contains('=')).unwrap();
                let known = [
                    "cargo",
                    "curl",
                    "git",
                    "npm",
                    "npx",
                    "pip",
                    "componentize-py",
                    "apt-get",
                    "mkdir",
                    "mv",
                    "tar",
                    "#",
                    "pass",
                ];
                assert!(known.contains(&tool), "{file}:{}: {line}", number + 1);
            }
        }
    }
    assert!(checked > 20, "{checked}");
}

/// A command in the text may leave out what it needs: only its words and flags are checked.
#[test]
fn every_command_within_the_text_is_one() {
    let mut checked = 0;
    for (file, text) in documents() {
        let text = text.split("```").step_by(2).collect::<String>();
        for span in text.split('`').skip(1).step_by(2) {
            let span = span.replace('\n', " ");
            // The text that a config value's digest begins with is none.
            let is_digest = span.starts_with("stepwell config digest");
            if is_digest || !span.starts_with("stepwell ") || span.contains(['…', '[', '|']) {
                continue;
            }
            checked += 1;
            if let Err(error) = Cli::try_parse_from(words(&span)) {
                use clap::error::ErrorKind as Kind;
                let is_cut = matches!(
                    error.kind(),
                    Kind::MissingRequiredArgument
                        | Kind::MissingSubcommand
                        | Kind::DisplayHelp
                        | Kind::DisplayHelpOnMissingArgumentOrSubcommand
                        | Kind::DisplayVersion
                );
                assert!(is_cut, "{file}: {span}\n{error}");
            }
        }
    }
    assert!(checked > 10, "{checked}");
}

fn commands(command: &clap::Command) -> Vec<&clap::Command> {
    let below = command.get_subcommands().flat_map(commands);
    std::iter::once(command).chain(below).collect()
}

#[test]
fn every_example_of_the_help_is_a_command() {
    let mut cli = Cli::command();
    cli.build();
    let mut checked = 0;
    for command in commands(&cli) {
        let after = command.get_after_help().map(ToString::to_string);
        for line in after.unwrap_or_default().lines() {
            let Some(example) = line.strip_prefix("  ") else {
                continue;
            };
            // What it does stands beside it.
            let example = example.split("   ").next().unwrap();
            if let Some(result) = wrong(example) {
                checked += 1;
                result.unwrap_or_else(|error| panic!("{}: {error}", command.get_name()));
            }
        }
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn every_flag_of_the_documents_exists() {
    let mut cli = Cli::command();
    cli.build();
    let flags: Vec<String> = commands(&cli)
        .into_iter()
        .flat_map(clap::Command::get_arguments)
        .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
        .collect();
    let pattern = regex::Regex::new("`(--[a-z][a-z-]*)").unwrap();
    let mut checked = 0;
    for (file, text) in documents() {
        // The benches have flags of their own.
        if file.ends_with("benchmarks.md") {
            continue;
        }
        for found in pattern.captures_iter(&text) {
            // Of other tools, which the text names beside them.
            if ["--bundle", "--format", "--minify", "--stub-wasi"].contains(&&found[1]) {
                continue;
            }
            assert!(
                flags.contains(&found[1].to_owned()),
                "{file}: {}",
                &found[1]
            );
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

/// The full stop at the end of a help text is dropped: one that is a sign of a list must not be last.
#[test]
fn no_help_loses_its_last_sign() {
    let mut cli = Cli::command();
    cli.build();
    for command in commands(&cli) {
        for argument in command.get_arguments() {
            let help = argument
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let last = help.split_whitespace().next_back().unwrap_or_default();
            assert!(
                !["and", "or", "-", "_"].contains(&last) && !help.ends_with([',', ':', ';']),
                "{} {}: {help}",
                command.get_name(),
                argument.get_id()
            );
        }
    }
}
