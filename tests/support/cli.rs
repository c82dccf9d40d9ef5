//! The command line, as a user of a server types it.

use std::process::Output;

use serde::de::DeserializeOwned;

use super::{Server, stepwell, texts, typed};

impl Server {
    /// Runs the command line against this server, as a user who types no address and no token.
    pub fn cli(&self, args: &[&str]) -> Output {
        stepwell()
            .args(args)
            .env("STEPWELL_DATA_DIR", self.dir.path())
            .env("STEPWELL_WORKSPACE", &self.workspace)
            .output()
            .unwrap()
    }

    /// The document that the same prints with `--json`, as its type; panics if the command fails.
    pub fn cli_json<T: DeserializeOwned>(&self, args: &[&str]) -> T {
        let output = self.cli(&[args, &["--json"]].concat());
        let (out, err) = texts(&output);
        assert!(output.status.success(), "{args:?}: {err}");
        let document = serde_json::from_str(&out);
        typed(&document.unwrap_or_else(|error| panic!("{args:?}: {error}: {out}")))
    }
}
