//! Checks that a component is a step, and says why another is refused.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::bindings::StepPre;
use super::error::ComponentError;
use super::files::Files;
use super::image::Image;
use super::state::{RunState, Script};
use super::world::{EXPORTS, is_allowed, no_export, refuse_import};

/// What a component counts for in memory, in bytes, however large it is: most of it is machine code that the operating
/// system can read again.
pub(super) const COMPONENT_BYTES: usize = 256 * 1024;
/// The size that a script counts for beside its text and image, in bytes.
const SCRIPT_BYTES: usize = 8 * 1024;

/// A compiled, linked component: an instance of it costs microseconds.
pub struct LoadedComponent {
    pre: StepPre<RunState>,
    /// For the script engine: what it is to run.
    script: Option<Arc<Script>>,
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
        Ok(Self { pre, script: None })
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
    pub(super) fn of_script(engine: StepPre<RunState>, files: Arc<Files>, image: Image) -> Self {
        Self {
            pre: engine,
            script: Some(Arc::new(Script { files, image })),
        }
    }

    /// The same script with what it is when it is compiled.
    pub(super) fn with_image(self, image: Image) -> Self {
        let Self { pre, script } = self;
        let script = script.map(|script| {
            let files = script.files.clone();
            Arc::new(Script { files, image })
        });
        Self { pre, script }
    }

    pub(super) fn script(&self) -> Option<&Arc<Script>> {
        self.script.as_ref()
    }

    /// The size that it counts for in memory, in bytes. What other scripts may have as well counts if `with_shared`.
    pub(super) fn weight(&self, with_shared: bool) -> u32 {
        let bytes = self.script.as_ref().map_or(COMPONENT_BYTES, |script| {
            let (shared_text, text) = script.files.bytes();
            let (shared_image, image) = script.image.bytes();
            let shared = match with_shared {
                true => shared_text + shared_image,
                false => 0,
            };
            SCRIPT_BYTES + text + image + shared
        });
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    pub(super) fn pre(&self) -> &StepPre<RunState> {
        &self.pre
    }
}

/// SHA-256, lower-case hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}
