//! Why there is no sandbox, and why a component is no step.

use std::path::PathBuf;

use crate::domain::run::StepFault;

/// Why the sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// wasmtime refused the configuration, or the machine lacks what it needs.
    #[error("the WebAssembly engine could not be set up: {0}")]
    Engine(String),
    /// The directory for compiled components cannot be used.
    #[error("the directory {path} for compiled components cannot be used: {source}")]
    CacheDir {
        /// The directory.
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Why a component is no step. Each message says what would be right.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ComponentError {
    /// Not WebAssembly, a core module, or not valid.
    #[error("not a component: {0}")]
    NotAComponent(String),
    /// An import that no step may have.
    #[error("the component imports `{import}`, which a step does not have{hint}")]
    ForeignImport {
        /// The import's name.
        import: String,
        /// A hint at an alternative, beginning with `; `, or empty.
        hint: &'static str,
    },
    /// `condition` or `run` is missing or of another type, or an import's type differs.
    #[error(
        "the component is no step: {0}; a step exports `condition: func() -> string` and `run: func() -> result<_, failure>` of the world stepwell:step/step@0.1.0"
    )]
    NotAStep(String),
    /// `condition` did not return.
    #[error("`condition` failed: {fault}")]
    Condition {
        fault: StepFault,
        /// Its log lines.
        logs: Vec<String>,
    },
    /// The script cannot be a step; the text says where and why.
    #[error("{0}")]
    Script(String),
    /// It has more parts than the pool of instances has room for.
    #[error("the component has {count} {what}, and a step has at most {most}")]
    TooManyParts {
        /// How many it has.
        count: u32,
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: u32,
    },
    /// Its memories are larger from the start than any run's may be.
    #[error(
        "the component's memories begin with {bytes} bytes, and a step has at most {most} bytes of memory; link it with a smaller stack or less static data"
    )]
    TooMuchMemory {
        /// Bytes that they begin with.
        bytes: u64,
        /// How many there may be.
        most: u64,
    },
    /// The compiler needed more than it may have.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// The server's own fault.
    #[error("the component could not be loaded: {0}")]
    Host(String),
}
