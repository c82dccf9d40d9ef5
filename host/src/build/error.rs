//! Why a crate did not become a component.

use std::io;
use std::path::PathBuf;

use super::target::TARGET;

/// Why a crate did not become a component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No cargo.
    #[error(
        "cargo is not in PATH: a step is built with Rust's own tools; install them from https://rustup.rs"
    )]
    NoCargo,
    /// Cargo is there and does not start.
    #[error("cannot run cargo: {0}")]
    CargoBroken(io::Error),
    /// No crate there.
    #[error("{} has no Cargo.toml: name a step's crate, or start one with `stepwell step new NAME`", .0.display())]
    NoCrate(PathBuf),
    /// Cargo cannot read the manifest.
    #[error("cargo cannot read {}:\n{text}", .manifest.display())]
    BadManifest {
        /// The manifest.
        manifest: PathBuf,
        /// What cargo wrote to stderr.
        text: String,
    },
    /// A workspace instead of a crate.
    #[error("{} is a workspace, not a crate; name one of its crates: {}", .directory.display(), .members.join(", "))]
    Workspace {
        /// The workspace.
        directory: PathBuf,
        /// Its crates.
        members: Vec<String>,
    },
    /// A crate that makes no dynamic library.
    #[error(
        "the crate `{0}` is no step: its Cargo.toml needs\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n"
    )]
    NotCdylib(String),
    /// The Rust target is not installed.
    #[error(
        "the Rust target {TARGET} is not installed; install it with `rustup target add {TARGET}`; it could not be fetched: {0}"
    )]
    NoTarget(String),
    /// The crate does not compile.
    #[error("`{package}` does not build; cargo says why{}", tail(.output))]
    Failed {
        /// The crate.
        package: String,
        /// Cargo's last lines, if the user has not seen them.
        output: String,
    },
    /// Cargo said nothing of a `.wasm` file.
    #[error(
        "cargo built `{0}` and named no .wasm file; does its .cargo/config.toml set another target or linker?"
    )]
    NoArtifact(String),
    /// The file is a core module.
    #[error("{} is no component but a core module; {TARGET} makes components: is another linker set for it?", .0.display())]
    NotComponent(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        error: io::Error,
    },
}

fn tail(output: &str) -> String {
    if output.is_empty() {
        " above".into()
    } else {
        format!(":\n{output}")
    }
}

impl BuildError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCargo | Self::CargoBroken(_) => "no-cargo",
            Self::NoCrate(_) => "no-crate",
            Self::BadManifest { .. } => "bad-manifest",
            Self::Workspace { .. } => "workspace",
            Self::NotCdylib(_) => "not-cdylib",
            Self::NoTarget(_) => "no-target",
            Self::Failed { .. } => "build-failed",
            Self::NoArtifact(_) => "no-artifact",
            Self::NotComponent(_) => "not-a-component",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}
