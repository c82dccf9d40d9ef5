//! Whole files, as the command line prepares them.

mod imports;
mod laws;

mod refusals;
mod splitting;
mod steps;

use std::collections::BTreeMap;

use crate::{Package, Script, prepare};

/// A step's two exports, in one line.
const STEP: &str = "export const condition = {}; export const content = () => {};";

/// Prepares the first of some files.
fn prepared(files: &[(&str, &str)]) -> Result<Vec<Script>, String> {
    let all: BTreeMap<String, String> = files
        .iter()
        .map(|(name, text)| ((*name).into(), (*text).into()))
        .collect();
    prepare(files[0].0, &all).map_err(|error| error.to_string())
}

/// The only step of the first of some files.
fn package(files: &[(&str, &str)]) -> Package {
    let mut scripts = prepared(files).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scripts.len(), 1);
    scripts.remove(0).package
}

/// The first line of what is said about the first of some files.
fn refused(files: &[(&str, &str)]) -> String {
    let error = prepared(files).expect_err("a refusal");
    error.lines().next().unwrap_or_default().to_owned()
}
