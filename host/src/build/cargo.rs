//! What cargo prints as JSON, as far as a build reads it.

use std::path::PathBuf;

use serde::Deserialize;

/// The output of `cargo metadata`.
#[derive(Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
}

#[derive(Deserialize)]
pub struct Package {
    pub name: String,
    pub manifest_path: PathBuf,
    pub targets: Vec<Target>,
}

#[derive(Deserialize)]
pub struct Target {
    pub name: String,
    pub crate_types: Vec<String>,
}

impl Target {
    /// Whether it can be a step.
    pub fn is_cdylib(&self) -> bool {
        self.crate_types.iter().any(|kind| kind == "cdylib")
    }
}

/// A line of `cargo build --message-format json`.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Message {
    CompilerArtifact(Artifact),
    #[serde(other)]
    Other,
}

/// A target that was built.
#[derive(Deserialize)]
pub struct Artifact {
    pub manifest_path: PathBuf,
    pub target: Target,
    pub filenames: Vec<PathBuf>,
}
