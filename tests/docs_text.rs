//! The documents as text: their links lead somewhere, and their lines can be read in a terminal.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// The longest line of prose, in characters. Tables and code blocks may be wider.
const WIDTH: usize = 150;

/// Every document that a reader comes to by links from the README.
fn documents() -> Vec<PathBuf> {
    let root = repository();
    let mut files: Vec<PathBuf> = [
        "README.md",
        "guest-sdk/README.md",
        "examples/README.md",
        "examples/js/README.md",
    ]
    .map(|file| root.join(file))
    .into();
    let docs = fs::read_dir(root.join("docs")).unwrap();
    files.extend(docs.map(|entry| entry.unwrap().path()));
    files
}

/// The lines outside of code blocks, with their numbers from 1.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push((number, line));
        }
    }
    lines
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let text: String = heading.to_lowercase().chars().filter(is_kept).collect();
    text.trim().replace(' ', "-")
}

fn anchors(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let lines = prose(&text).into_iter();
    let headings = lines.filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| anchor(line.trim_start_matches('#')))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut links = 0;
    for file in documents() {
        let own = fs::read_to_string(&file).unwrap();
        for found in link.captures_iter(&own) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let other = match path {
                "" => file.clone(),
                path => file.parent().unwrap().join(path),
            };
            assert!(other.exists(), "{}: {target}", file.display());
            assert!(
                heading.is_empty() || anchors(&other).iter().any(|known| known == heading),
                "{}: no heading for {target}",
                file.display()
            );
        }
    }
    assert!(links > 60, "only {links} links were found");
}

#[test]
fn every_line_of_prose_fits_a_terminal() {
    let mut wide = Vec::new();
    for file in documents() {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in prose(&text) {
            let is_table = line.starts_with('|');
            if !is_table && line.chars().count() > WIDTH {
                wide.push(format!("{}:{number}", file.display()));
            }
        }
    }
    assert_eq!(wide, [""; 0], "lines of more than {WIDTH} characters");
}

/// A document that has a list of its sections lists all of them.
#[test]
fn every_list_of_contents_is_whole() {
    let entry = regex::Regex::new(r"^- \[[^\]]+\]\(#([^)]+)\)$").unwrap();
    let mut lists = 0;
    for file in documents() {
        let text = fs::read_to_string(&file).unwrap();
        let lines = prose(&text);
        let listed: Vec<String> = lines
            .iter()
            .filter_map(|(_, line)| Some(entry.captures(line)?[1].to_owned()))
            .collect();
        if listed.is_empty() {
            continue;
        }
        lists += 1;
        let sections: Vec<String> = lines
            .iter()
            .filter_map(|(_, line)| Some(anchor(line.strip_prefix("## ")?)))
            .collect();
        assert_eq!(listed, sections, "{}", file.display());
    }
    assert!(lists >= 6, "only {lists} lists were found");
}

/// The paths of all source files below a folder, from the repository's root.
fn source_files(folder: &Path, root: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap_or_default();
        if path.is_dir() && !["target", "node_modules", ".git"].contains(&name) {
            source_files(&path, root, found);
        } else if name.ends_with(".rs") {
            found.push(format!("/{}", path.strip_prefix(root).unwrap().display()));
        }
    }
}

#[test]
fn every_source_file_that_a_document_names_is_there() {
    let (root, mut files, mut named) = (repository(), Vec::new(), 0);
    source_files(&root, &root, &mut files);
    let name = regex::Regex::new(r"`([a-z0-9_/-]+\.rs)`").unwrap();
    let mut missing = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (number, line) in prose(&text) {
            for found in name.captures_iter(line) {
                named += 1;
                let end = format!("/{}", &found[1]);
                if !files.iter().any(|file| file.ends_with(&end)) {
                    missing.push(format!("{}:{number}: {}", document.display(), &found[1]));
                }
            }
        }
    }
    assert!(named > 100, "only {named} names of files were found");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
