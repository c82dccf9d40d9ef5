//! The house: a file imports only from lower floors, stays small enough to live in, and the
//! sandbox sees nothing but the domain. `docs/architecture.md` shows the same floors.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "architecture/circles.rs"]
mod circles;

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by floor, the ground first. A room may use every room below it, and itself.
const FLOORS: [&[&str]; 10] = [
    &["domain"],
    &["private_file"],
    &["settings", "telemetry", "vault", "connectors"],
    &["store", "sandbox"],
    &["catalog"],
    &["engine"],
    &["ingest"],
    &["http"],
    &["app"],
    &["cli", "deploy"],
];

/// The top floor is one flat: a command opens `deploy`, which speaks through the command line's
/// client, builds with its cargo and prints by its rules.
fn share_a_flat(room: &str, other: &str) -> bool {
    let flat = ["cli", "deploy"];
    flat.contains(&room) && flat.contains(&other)
}

/// Lines that a file may have.
const LINES: usize = 400;
/// Lines that a file of nothing but tests may have.
const TEST_LINES: usize = 530;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The first segments of every `crate::room` path in a source text.
fn rooms_used(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .filter(|room: &String| !room.is_empty())
        .collect()
}

#[test]
fn a_file_imports_only_from_lower_floors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).unwrap().to_owned();
        let first = inside.components().next().unwrap().as_os_str();
        let room = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(own) = floor(&room) else {
            wrong.push(format!(
                "{} is in no room that FLOORS names",
                inside.display()
            ));
            continue;
        };
        for used in rooms_used(&fs::read_to_string(&path).unwrap()) {
            looked_at += 1;
            let allowed = used == room
                || share_a_flat(&room, &used)
                || floor(&used).is_some_and(|below| below < own);
            if !allowed {
                wrong.push(format!("{} uses crate::{used}", inside.display()));
            }
            if room == "sandbox" && used != "sandbox" && used != "domain" {
                wrong.push(format!(
                    "{} uses crate::{used}; the sandbox knows only the domain",
                    inside.display()
                ));
            }
        }
    }
    assert!(
        looked_at > 50,
        "only {looked_at} imports were found: the test looks in the wrong place"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tasks are written in one file of the server; everything else asks it to.
#[test]
fn one_file_writes_tasks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut writers = std::collections::BTreeSet::new();
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).unwrap().to_owned();
        if inside.starts_with("store") || inside.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        // Calls may be spread over lines.
        let text: String = text.split_whitespace().collect();
        for call in ["accept", "commit", "transact", "record_effect"] {
            if text.contains(&format!("store.{call}(")) {
                writers.insert(inside.display().to_string());
            }
        }
    }
    let writers: Vec<String> = writers.into_iter().collect();
    assert_eq!(writers, ["engine/commit.rs"]);
}

#[test]
fn no_file_is_too_long_to_live_in() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = host.parent().unwrap();
    let mut long = Vec::new();
    for folder in [
        "host/src",
        "host/condition/src",
        "guest-sdk/src",
        "guest-sdk/macros/src",
        "tests",
    ] {
        for path in sources(&root.join(folder)) {
            if path.components().any(|part| part.as_os_str() == "target") {
                continue;
            }
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            let inside = path.strip_prefix(root).unwrap();
            let only_tests = inside.components().any(|part| {
                matches!(
                    part.as_os_str().to_str(),
                    Some("tests" | "tests.rs" | "conformance.rs")
                )
            });
            let most = if only_tests { TEST_LINES } else { LINES };
            if lines > most {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "too long:\n{}", long.join("\n"));
}
