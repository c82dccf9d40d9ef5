//! Codes, figures and flags of the documents are those of the source.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;

use crate::support::{repository, stepwell, texts};
use stepwell::domain::limits;

/// The codes that the API answers with are those of its document, in both directions.
#[test]
fn error_codes_are_those_of_the_source() {
    let files = [
        "host/src/http/problem.rs",
        "host/src/http/problem/action.rs",
        "host/src/http/problem/ingest.rs",
        "host/src/http/problem/kind.rs",
        "host/src/http/problem/reply.rs",
        "host/src/http/problem/setup.rs",
        "host/signature/src/refused.rs",
    ];
    let source = files.map(|file| fs::read_to_string(repository().join(file)).unwrap());
    let source = source.concat();
    let document = fs::read_to_string(repository().join("docs/api.md")).unwrap();
    let found = |pattern: &str, text: &str| -> BTreeSet<String> {
        let pattern = regex::Regex::new(pattern).unwrap();
        pattern
            .captures_iter(text)
            .map(|found| found[1].to_owned())
            .collect()
    };
    let codes = found(r#"(?:kind|with)\(\s*S::\w+,\s*"([a-z-]+)""#, &source);
    let words = found(r#""([a-z]+(?:-[a-z]+)*)""#, &source);
    let named = found(r"`([a-z-]+)`", &document);
    let with_status = found(r"\b[45]\d\d `([a-z-]+)`", &document);
    assert!(
        codes.len() > 20 && with_status.len() > 15,
        "{codes:?} {with_status:?}"
    );
    assert_eq!(
        codes.difference(&named).collect::<Vec<_>>(),
        [""; 0],
        "codes without a word"
    );
    assert_eq!(
        with_status.difference(&words).collect::<Vec<_>>(),
        [""; 0],
        "codes that are none"
    );
}

/// Words that the documents and the code use for one thing each are explained.
#[test]
fn the_glossary_has_the_words_of_the_design() {
    let document = fs::read_to_string(repository().join("docs/architecture.md")).unwrap();
    let (_, glossary) = document.split_once("\n## Glossary\n").unwrap();
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| "));
    let cells: Vec<(&str, &str)> = rows.filter_map(|row| row.split_once(" | ")).collect();
    let terms: Vec<&str> = cells
        .iter()
        .flat_map(|(term, _)| term.split(", "))
        .collect();
    for word in [
        "workspace",
        "webhook",
        "delivery",
        "verdict",
        "task",
        "head",
        "data",
        "`$via`",
        "step",
        "run",
        "attempt",
        "connector",
        "config",
        "journal",
        "timeline",
        "effect",
        "commit",
        "node",
        "partition",
        "claim",
        "epoch",
        "revision",
        "family",
        "lane",
        "notice",
        "image",
        "seed",
        "shape",
        "mark",
    ] {
        assert!(terms.contains(&word), "the glossary does not have {word}");
    }
    let twice = terms
        .iter()
        .enumerate()
        .find(|(at, term)| terms[..*at].contains(term));
    assert_eq!(twice, None, "the glossary has a term twice");
}

/// docs/bodies.md names every header field that tasks keep, and no other.
#[test]
fn kept_headers_are_those_of_the_source() {
    let source = fs::read_to_string(repository().join("host/src/domain/intake.rs")).unwrap();
    let document = fs::read_to_string(repository().join("docs/bodies.md")).unwrap();
    let between = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap();
        rest.split_once(to).unwrap().0.to_owned()
    };
    let source = between(&source, "const EVENT_NAMES", "ENDS.iter");
    let document = between(&document, "names in lower case:", "```");
    let names = |pattern: &str, text: &str| -> BTreeSet<String> {
        let pattern = regex::Regex::new(pattern).unwrap();
        let found = pattern.captures_iter(text);
        found.map(|found| found[1].to_owned()).collect()
    };
    let of_source = names("\"([a-z-]+)\"", &source);
    assert!(of_source.len() > 30, "{of_source:?}");
    assert_eq!(names("`([a-z-]+)`", &document), of_source);
}

/// The figures of the documents are those of `domain/limits.rs`.
#[test]
fn bounds_are_those_of_the_source() {
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    let kib = |bytes: usize| format!("{} KiB", bytes >> 10);
    let thousands = |number: usize| format!("{},{:03}", number / 1000, number % 1000);
    for (file, expected) in [
        (
            "docs/operations.md",
            format!(
                "| depth of a webhook body | {} levels |",
                limits::JSON_DEPTH
            ),
        ),
        (
            "docs/operations.md",
            format!(
                "| data of a task | {}, {} levels |",
                mib(limits::DATA_BYTES),
                limits::DATA_DEPTH
            ),
        ),
        (
            "docs/operations.md",
            format!(
                "| component | {}; compiled within {} s of processor time",
                mib(limits::COMPONENT_BYTES),
                limits::COMPILE_SECONDS
            ),
        ),
        (
            "docs/operations.md",
            format!("| runs of a task | {};", limits::RUNS_PER_TASK),
        ),
        (
            "docs/operations.md",
            format!(
                "| finding the steps for a task's data | {} million units",
                limits::MATCHING_UNITS / 1_000_000
            ),
        ),
        (
            "docs/operations.md",
            format!(
                "| conditions in memory, compiled | {} of one step, {} of a workspace |",
                mib(limits::CONDITION_MEMORY),
                mib(limits::CONDITIONS_MEMORY)
            ),
        ),
        (
            "docs/operations.md",
            format!(
                "for {} hours, or a minute to {} days as the webhook says; a header's name has {} bytes at most, a pointer {}",
                limits::DEDUP_WINDOW_MS / 3_600_000,
                limits::DEDUP_WINDOW_MOST_MS / 86_400_000,
                limits::DEDUP_HEADER_BYTES,
                limits::POINTER_BYTES
            ),
        ),
        (
            "docs/operations.md",
            format!(
                "| finished tasks are kept | {} days if done, {} days else",
                limits::DONE_DAYS,
                limits::OTHERS_DAYS
            ),
        ),
        (
            "docs/operations.md",
            format!("1 to {} days", thousands(limits::RETENTION_DAYS as usize)),
        ),
        (
            "docs/operations.md",
            format!(
                "moved less than {} times",
                thousands(limits::COMMITS_PER_TASK as usize)
            ),
        ),
        (
            "docs/operations.md",
            format!(
                "| logs kept of a run | {}, {} lines |",
                kib(limits::LOG_BYTES),
                limits::LOG_LINES
            ),
        ),
        (
            "docs/operations.md",
            format!(
                "| connector calls of a run | {}, {} at once; request and response {} each |",
                limits::CALLS_PER_RUN,
                limits::CALLS_AT_ONCE,
                mib(limits::REQUEST_BYTES)
            ),
        ),
        (
            "docs/operations.md",
            format!(
                "| of one server | {} workspaces |",
                thousands(limits::WORKSPACES)
            ),
        ),
        (
            "docs/operations.md",
            format!("| `--body-bytes` | {} |", mib(limits::BODY_BYTES)),
        ),
        (
            "docs/steps.md",
            format!(
                "| calls; of them at once | {}; {} | |",
                limits::CALLS_PER_RUN,
                limits::CALLS_AT_ONCE
            ),
        ),
        (
            "docs/steps.md",
            format!(
                "At most {} a run, {} of one task that have not ended, {} generations, and {} below",
                limits::SUBTASKS_PER_RUN,
                thousands(limits::SUBTASKS_OPEN as usize),
                limits::SUBTASK_DEPTH,
                thousands(limits::DESCENDANTS as usize)
            ),
        ),
        (
            "docs/javascript.md",
            format!(
                "At most {} a run, {} of one task that have not ended, {} generations, and {} below",
                limits::SUBTASKS_PER_RUN,
                thousands(limits::SUBTASKS_OPEN as usize),
                limits::SUBTASK_DEPTH,
                thousands(limits::DESCENDANTS as usize)
            ),
        ),
        (
            "docs/steps.md",
            format!("may grow to {}", mib(limits::DATA_BYTES)),
        ),
        (
            "docs/javascript.md",
            format!(
                "A module has at most {}",
                mib(stepwell_script::MODULE_BYTES)
            ),
        ),
        (
            "docs/bodies.md",
            format!(
                "A form has at most {} fields, and a name at most {} brackets.",
                thousands(limits::FORM_FIELDS),
                limits::FORM_DEPTH
            ),
        ),
        (
            "docs/bodies.md",
            format!("A webhook can name {} more:", limits::NAMED_HEADERS),
        ),
        (
            "docs/operations.md",
            format!(
                "of a webhook the newest {}, {} at once and then one a second, for {} days, with bodies up to {}; {} on the disk for a workspace, {} in a database",
                limits::DELIVERIES,
                limits::DELIVERIES_AT_ONCE,
                limits::DELIVERY_DAYS,
                kib(limits::DELIVERY_BODY_BYTES),
                mib(2 * limits::DELIVERIES_BYTES as usize),
                mib(limits::DELIVERIES_STORED as usize)
            ),
        ),
        (
            "docs/bodies.md",
            format!(
                "At most {} of a field and {} of",
                kib(limits::KEPT_HEADER_BYTES),
                kib(limits::KEPT_HEADERS_BYTES)
            ),
        ),
    ] {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        assert!(text.contains(&expected), "{file} does not say: {expected}");
    }
}

/// What `serve` refuses, `--print-config` refuses.
#[test]
fn print_config_refuses_what_serve_refuses() {
    for (flag, value, part) in [
        ("--log", "warning", "did you mean `warn`?"),
        ("--log", "info,stepwell::engine=loud", "`loud`"),
        ("--public-url", "hooks.example.com", "hooks.example.com"),
        ("--egress-allow", "10.0.0.0/99", "10.0.0.0/99"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let run = |more: &[&str]| {
            let mut command = stepwell();
            command
                .args(["serve", "--listen", "127.0.0.1:0", flag, value])
                .args(more);
            texts(
                &command
                    .env("STEPWELL_DATA_DIR", folder.path())
                    .output()
                    .unwrap(),
            )
        };
        let (out, err) = run(&[]);
        assert!(
            out.is_empty() && err.contains(part),
            "{flag} {value}: {err}"
        );
        assert_eq!(run(&["--print-config"]), (out, err));
    }
    let shown = |variable: &str| {
        let mut command = stepwell();
        command
            .args(["serve", "--print-config", "--data-dir", "/d"])
            .env("STEPWELL_LOG", variable);
        texts(&command.output().unwrap())
    };
    assert!(shown("warning").1.contains("did you mean `warn`?"));
    assert!(shown("").0.contains("log = \"info\"") || shown("").0.contains("\"info\""));
    assert!(
        shown("info,nginx=debug")
            .1
            .contains("nothing of the server logs as `nginx`")
    );
}
