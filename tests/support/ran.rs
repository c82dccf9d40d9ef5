//! Commands of the binary under test, and what came of them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde::de::DeserializeOwned;
use serde_json::Value;
use stepwell_api::report::Failure;

use super::{Server, stepwell, typed};

/// A command that finds this server through its data directory.
pub fn command(server: &Server, words: &[&str]) -> Command {
    let mut command = stepwell();
    command
        .args(words)
        .env("STEPWELL_DATA_DIR", server.data_dir());
    command
}

pub fn cli(server: &Server, words: &[&str]) -> Ran {
    Ran::of(command(server, words).stdin(Stdio::null()))
}

/// The same with a text on its stdin.
pub fn cli_reading(server: &Server, words: &[&str], input: &str) -> Ran {
    let mut child = command(server, words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    Ran::from(child.wait_with_output().unwrap())
}

/// What came of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// The stdout of a command that went well.
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:#?}");
        &self.stdout
    }

    /// The one JSON document of a command that went well.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.ok()).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The same as its type.
    pub fn read<T: DeserializeOwned>(&self) -> T {
        typed(&self.json())
    }

    /// The code word and message of a command that was run with `--json` and ended with `code`.
    pub fn refusal(&self, code: i32) -> (String, String) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.stdout, "", "an error is no result");
        let Failure { error } = serde_json::from_str(&self.stderr).unwrap();
        (error.code, error.message)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
