//! What came of the tests of one file.

use super::plan;

/// A test that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The file, with its variant.
    pub file: String,
    /// The test's name.
    pub test: String,
    /// What was wrong.
    pub why: String,
}

/// What came of one run of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileResult {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that did not.
    pub failed: Vec<Failure>,
    /// Why tests were not applicable, one each.
    pub absent: Vec<&'static str>,
}

/// How a run of a file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// The step finished with this result, JSON.
    Finished(String),
    /// The step failed, and said why.
    Failed(String),
    /// The sandbox ended it at a limit or a trap: the engine's fault, contained.
    Contained(String),
    /// The host could not run it. There must be none.
    HostFault(String),
}

/// Reads what a step told of its tests: a list with, for each test, its name if it passed, else its
/// name, `failed` or `absent`, and why.
///
/// # Errors
/// What it told is something else.
pub fn read(file: &str, text: &str) -> Result<FileResult, String> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    let tests = value.as_array().ok_or("the step told no list")?;
    let mut out = FileResult::default();
    for test in tests {
        let part = |index: usize| test.get(index).and_then(|text| text.as_str());
        let name = test.as_str().or(part(0)).unwrap_or_default();
        if let Some(what) = plan::test_left_out(file, name) {
            out.absent.push(what);
        } else if test.is_string() {
            out.passed += 1;
        } else if part(1) == Some("absent") {
            out.absent.push("optional, or left out by the file itself");
        } else {
            out.failed.push(Failure {
                file: file.to_owned(),
                test: name.to_owned(),
                why: part(2).unwrap_or_default().to_owned(),
            });
        }
    }
    if tests.is_empty() {
        return Err("the file has no test".to_owned());
    }
    Ok(out)
}
