//! The command line, as a user of a server types it.

use std::process::Output;

use serde_json::Value;

use super::{Server, stepwell, texts};

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

    /// The same with `--json`, which must succeed.
    pub fn cli_json(&self, args: &[&str]) -> Value {
        let output = self.cli(&[args, &["--json"]].concat());
        let (out, err) = texts(&output);
        assert!(output.status.success(), "{args:?}: {err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args:?}: {error}: {out}"))
    }
}
