//! What makes a component a step, and why another is refused.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stepwell_script::Package;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::bindings::StepPre;
use super::outline::{EXPORTS, no_export};
use super::state::RunState;
use crate::domain::hex::hex;
use crate::domain::run::StepFault;

/// What a step may import, as prefixes up to the version. Guests built with a standard library
/// import the WASI interfaces whether they use them or not; these are all answered by the
/// sandbox's own clocks, randomness and logs, or are empty.
const ALLOWED: [&str; 8] = [
    "stepwell:step/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/preopens@0.2",
    "wasi:filesystem/types@0.2",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/network@0.2",
];

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
        /// What to use instead, beginning with `; `, or empty.
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
        /// Why.
        fault: StepFault,
        /// What it printed.
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
    /// The compiler needed more than it may have.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// The server's own fault.
    #[error("the component could not be loaded: {0}")]
    Host(String),
}

/// A compiled, linked component: an instance of it costs microseconds.
pub struct LoadedComponent {
    pre: StepPre<RunState>,
    /// For the script engine: what it is to run.
    package: Option<Arc<Package>>,
}

impl std::fmt::Debug for LoadedComponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoadedComponent")
    }
}

impl LoadedComponent {
    /// Checks what the component imports and exports, and links it.
    pub(super) fn link(
        linker: &Linker<RunState>,
        component: &Component,
    ) -> Result<Self, ComponentError> {
        let engine = linker.engine();
        let kind = component.component_type();
        for (import, _) in kind.imports(engine) {
            if !is_allowed(import) {
                return Err(refuse_import(import));
            }
        }
        for export in EXPORTS {
            let item = kind.get_export(engine, export).map(|found| found.ty);
            if !matches!(item, Some(ComponentItem::ComponentFunc(_))) {
                return Err(no_export(export));
            }
        }
        let pre = linker
            .instantiate_pre(component)
            .and_then(StepPre::new)
            .map_err(|error| ComponentError::NotAStep(format!("{error:#}")))?;
        Ok(Self { pre, package: None })
    }

    /// Links the server's own script engine.
    pub(super) fn link_engine(
        linker: &Linker<RunState>,
        component: &Component,
    ) -> Result<StepPre<RunState>, ComponentError> {
        linker
            .instantiate_pre(component)
            .and_then(StepPre::new)
            .map_err(|error| ComponentError::Host(format!("the script engine: {error:#}")))
    }

    /// A script for the engine.
    pub(super) fn script(engine: StepPre<RunState>, package: Arc<Package>) -> Self {
        Self {
            pre: engine,
            package: Some(package),
        }
    }

    pub(super) fn package(&self) -> Option<&Arc<Package>> {
        self.package.as_ref()
    }

    pub(super) fn pre(&self) -> &StepPre<RunState> {
        &self.pre
    }
}

/// Whether a step may import an interface of this name.
pub(super) fn is_allowed(import: &str) -> bool {
    ALLOWED.iter().any(|prefix| import.starts_with(prefix))
        && !import.starts_with("stepwell:step/script")
}

/// The refusal of an import that a step may not have.
pub(super) fn refuse_import(import: &str) -> ComponentError {
    ComponentError::ForeignImport {
        hint: hint(import),
        import: import.to_owned(),
    }
}

fn hint(import: &str) -> &'static str {
    if import.starts_with("wasi:http/") || import.starts_with("wasi:sockets/") {
        "; use `connectors.fetch` of stepwell:step for calls to other systems"
    } else if import.starts_with("wasi:filesystem/") {
        "; a step has no files: keep what you need in the task's data"
    } else {
        "; a step has data, task, connectors and console of stepwell:step@0.1.0, and of WASI 0.2 clocks, random, io and standard streams"
    }
}

/// SHA-256, lower-case hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_may_import() {
        for allowed in [
            "stepwell:step/data@0.1.0",
            "wasi:io/poll@0.2.12",
            "wasi:filesystem/types@0.2.4",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for foreign in [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:sockets/tcp@0.2.0",
            "env",
            "wasi:filesystem/types@0.3.0",
            "stepwell:step/script@0.1.0",
        ] {
            assert!(!is_allowed(foreign), "{foreign}");
        }
        assert!(hint("wasi:http/types@0.2.0").contains("connectors.fetch"));
    }
}
