//! The layers: a file imports only from lower layers and stays short, and the sandbox imports
//! nothing but the domain. `docs/architecture.md` shows the same layers.
#![allow(clippy::unwrap_used, reason = "a test")]

mod circles;
mod members;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules by layer, the lowest first. A module may use itself and every module of a lower layer.
const LAYERS: [&[&str]; 12] = [
    &["domain"],
    &["clock", "coding", "machine", "private_file", "terminal"],
    &["settings", "telemetry", "vault", "connectors"],
    &["store", "sandbox"],
    &["catalog"],
    &["engine"],
    &["ingest"],
    &["http"],
    &["app"],
    &["client", "build"],
    &["deploy"],
    &["cli"],
];

/// Lines that a file may have.
const LINES: usize = 400;
/// Lines that a file of nothing but tests may have.
const TEST_LINES: usize = 530;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap_or_default();
        if path.is_dir() {
            if !NOT_SOURCES.contains(&name) {
                found.extend(sources(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// The first segments of every `crate::module` path in a source text.
fn modules_used(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .filter(|module: &String| !module.is_empty())
        .collect()
}

#[test]
fn a_file_imports_only_from_lower_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).unwrap().to_owned();
        let first = inside.components().next().unwrap().as_os_str();
        let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(own) = layer(&module) else {
            wrong.push(format!(
                "{} is in no module that LAYERS names",
                inside.display()
            ));
            continue;
        };
        for used in modules_used(&fs::read_to_string(&path).unwrap()) {
            looked_at += 1;
            let allowed = used == module || layer(&used).is_some_and(|below| below < own);
            if !allowed {
                wrong.push(format!("{} uses crate::{used}", inside.display()));
            }
            if module == "sandbox" && used != "sandbox" && used != "domain" {
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

/// Folders of which no source comes: what tools put there.
const NOT_SOURCES: [&str; 3] = ["target", "node_modules", ".git"];

#[test]
fn no_file_is_too_long() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = host.parent().unwrap();
    let mut long = Vec::new();
    let mut crates = 0;
    for path in sources(root) {
        let inside = path.strip_prefix(root).unwrap();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        crates += usize::from(inside.ends_with("src/lib.rs"));
        let only_tests = inside
            .components()
            .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")));
        let most = if only_tests { TEST_LINES } else { LINES };
        if lines > most {
            long.push(format!("{}: {lines} lines", inside.display()));
        }
    }
    assert!(
        crates > 6,
        "only {crates} crates were found: the test looks in the wrong place"
    );
    assert!(long.is_empty(), "too long:\n{}", long.join("\n"));
}

/// Routes are made in one place, of the list that the OpenAPI document is made of.
#[test]
fn one_file_makes_routes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut places = Vec::new();
    for path in sources(&root) {
        let text = fs::read_to_string(&path).unwrap();
        let text: String = text.split_whitespace().collect();
        let inside = path.strip_prefix(&root).unwrap().display().to_string();
        for call in [
            "router.route(",
            "Router::new().route",
            ".nest(",
            ".route_service(",
        ] {
            places.extend(text.matches(call).map(|_| format!("{inside}: {call}")));
        }
    }
    assert_eq!(places, ["http/router.rs: router.route("]);
}
