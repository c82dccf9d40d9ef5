//! What makes a component a step, and why another is refused.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stepwell_script::Package;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::bindings::StepPre;
use super::error::ComponentError;
use super::state::RunState;
use super::world::{EXPORTS, is_allowed, no_export, refuse_import};
use crate::domain::hex::hex;

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

/// SHA-256, lower-case hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
