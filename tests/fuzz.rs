//! The fuzz targets (`fuzz/`) on their seeds and on random changes of them, without a fuzzer, so that they
//! keep compiling and their readers keep accepting what they should. `STEPWELL_FUZZ_SECONDS` makes each
//! target run for so long.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::repository;

#[path = "../fuzz/src/body.rs"]
mod body;
#[path = "../fuzz/src/condition.rs"]
mod condition;
#[path = "../fuzz/src/document.rs"]
mod document;
#[path = "../fuzz/src/form.rs"]
mod form;
#[path = "../fuzz/src/lines.rs"]
mod lines;
#[path = "../fuzz/src/log.rs"]
mod log;
#[path = "../fuzz/src/manifest.rs"]
mod manifest;
#[path = "../fuzz/src/multipart.rs"]
mod multipart;
#[path = "../fuzz/src/proxy.rs"]
mod proxy;
#[path = "../fuzz/src/schema.rs"]
mod schema;
#[path = "../fuzz/src/script.rs"]
mod script;
#[path = "../fuzz/src/signature.rs"]
mod signature;

/// Changed seeds that each target is run on by an ordinary test.
const ROUNDS: usize = 400;

/// The seeds of a target: their names and bytes.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = repository().join("fuzz/seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    seeds.sort();
    seeds
}

/// Changes a range of bytes: flips a bit, cuts it out, repeats it, or puts a part of another seed there.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut StdRng) {
    let from = random.random_range(0..=bytes.len());
    let to = (from + random.random_range(0..16)).min(bytes.len());
    match random.random_range(0..4) {
        0 => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        1 => drop(bytes.drain(from..to)),
        2 => {
            let part = bytes[from..to].repeat(random.random_range(1..4));
            bytes.splice(from..from, part);
        }
        _ => {
            let start = random.random_range(0..=other.len());
            let end = (start + random.random_range(0..16)).min(other.len());
            bytes.splice(from..to, other[start..end].iter().copied());
        }
    }
}

/// Runs a target; if it panics, prints the input as a byte string first.
fn run(target: fn(&[u8]) -> bool, bytes: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| target(bytes))).unwrap_or_else(|panic| {
        eprintln!("the input is b\"{}\"", bytes.escape_ascii());
        resume_unwind(panic)
    })
}

/// A seed whose name begins with `good` is accepted, any other is refused.
fn on_seeds(name: &str, target: fn(&[u8]) -> bool) {
    let seeds = seeds(name);
    for (seed, bytes) in &seeds {
        assert_eq!(
            run(target, bytes),
            seed.starts_with("good"),
            "{name}/{seed}"
        );
    }
    let accepted = |good| {
        seeds
            .iter()
            .any(|(seed, _)| seed.starts_with("good") == good)
    };
    assert!(accepted(true) && accepted(false), "{name} lacks seeds");
    let seconds = std::env::var("STEPWELL_FUZZ_SECONDS").ok();
    let time = seconds.map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    // The same changes each time, unless more are wanted.
    let mut random = StdRng::seed_from_u64(if time.is_some() { rand::random() } else { 1 });
    let (begun, mut rounds) = (Instant::now(), 0);
    while time.map_or(rounds < ROUNDS, |time| begun.elapsed() < time) {
        let mut bytes = seeds[random.random_range(0..seeds.len())].1.clone();
        for _ in 0..random.random_range(1..6) {
            let other = &seeds[random.random_range(0..seeds.len())].1;
            change(&mut bytes, other, &mut random);
        }
        run(target, &bytes);
        rounds += 1;
    }
    if time.is_some() {
        eprintln!("{name}: {rounds} inputs");
    }
}

#[test]
fn condition() {
    on_seeds("condition", condition::run);
}

#[test]
fn document() {
    on_seeds("document", document::run);
}

#[test]
fn log() {
    on_seeds("log", log::run);
}

#[test]
fn manifest() {
    on_seeds("manifest", manifest::run);
}

#[test]
fn schema() {
    on_seeds("schema", schema::run);
}

#[test]
fn script() {
    on_seeds("script", script::run);
}

#[test]
fn signature() {
    on_seeds("signature", signature::run);
}

#[test]
fn body() {
    on_seeds("body", body::run);
}

#[test]
fn form() {
    on_seeds("form", form::run);
}

#[test]
fn lines() {
    on_seeds("lines", lines::run);
}

#[test]
fn proxy() {
    on_seeds("proxy", proxy::run);
}

#[test]
fn multipart() {
    on_seeds("multipart", multipart::run);
}

/// A target cannot be forgotten: this file, the manifest, the three folders and the document name the same ones.
#[test]
fn every_target_is_run_here() {
    let read = |file: &str| fs::read_to_string(repository().join(file)).unwrap();
    let named = |pattern: &str, text: &str| -> BTreeSet<String> {
        let pattern = regex::Regex::new(pattern).unwrap();
        let found = pattern.captures_iter(text);
        found.map(|found| found[1].to_owned()).collect()
    };
    let folder = |name: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(repository().join("fuzz").join(name)).unwrap();
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        entries.map(|entry| stem(entry.unwrap().path())).collect()
    };
    let here = named(r#"(?m)^    on_seeds\("(\w+)", "#, &read("tests/fuzz.rs"));
    assert!(here.len() > 10, "{here:?}");
    let bins = named(r#"\[\[bin\]\]\nname = "(\w+)""#, &read("fuzz/Cargo.toml"));
    assert_eq!(bins, here, "fuzz/Cargo.toml");
    for name in ["fuzz_targets", "seeds"] {
        assert_eq!(folder(name), here, "fuzz/{name}");
    }
    // Only a fuzzer builds these files: they have nothing in them that could go wrong.
    let library = read("fuzz/src/lib.rs");
    for name in &here {
        let target = format!(
            "#![no_main]\n\nlibfuzzer_sys::fuzz_target!(|bytes: &[u8]| {{\n    stepwell_fuzz::{name}::run(bytes);\n}});\n"
        );
        let file = format!("fuzz/fuzz_targets/{name}.rs");
        assert_eq!(read(&file), target, "{file}");
        assert!(library.contains(&format!("pub mod {name};")), "{name}");
    }
    let checks = &folder("src") - &BTreeSet::from(["lib".to_owned()]);
    assert_eq!(checks, here, "fuzz/src");
    let document = read("docs/architecture.md");
    let (_, section) = document.split_once("\n## Fuzz targets\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: String = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .fold(String::new(), |rows, line| {
            rows + line.split(" | ").next().unwrap()
        });
    assert_eq!(named(r"`(\w+)`", &rows), here, "docs/architecture.md");
}
