//! Steps that are scripts: JavaScript, run by one engine for all tenants. The engine is a component
//! of the same world, built from `guest-sdk/js` and kept in this binary; a script is what it reads
//! through one more import. So a script has the limits, the journal and the sandbox of every step.

use std::sync::Arc;

use stepwell_script::Package;
use tokio::sync::OnceCell;
use wasmtime::component::{Component, HasSelf, Linker};

use super::bindings::StepPre;
use super::bindings::scripts::stepwell::step::script;
use super::component::LoadedComponent;
use super::error::{ComponentError, SandboxError};
use super::host;
use super::state::RunState;

/// The engine, as `cargo xtask js-engine` made it.
const ENGINE: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../guest-sdk/js/engine/stepwell-js.wasm"
));

/// The engine, compiled when the first script is loaded.
pub(super) struct ScriptEngine {
    linker: Linker<RunState>,
    compiled: OnceCell<StepPre<RunState>>,
}

impl ScriptEngine {
    pub(super) fn new(engine: &wasmtime::Engine) -> Result<Self, SandboxError> {
        let mut linker = host::linker(engine)?;
        script::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)
            .map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        Ok(Self {
            linker,
            compiled: OnceCell::new(),
        })
    }

    /// A script, ready to run by the engine, which `compile` compiles if it is the first one.
    pub(super) async fn load<F>(
        &self,
        bytes: &[u8],
        compile: impl FnOnce(&'static [u8]) -> F,
    ) -> Result<LoadedComponent, ComponentError>
    where
        F: Future<Output = Result<Component, ComponentError>>,
    {
        let package = Package::parse(bytes)
            .map_err(|error| ComponentError::Script(format!("not a script package: {error}")))?;
        let engine = self
            .compiled
            .get_or_try_init(|| async {
                LoadedComponent::link_engine(&self.linker, &compile(ENGINE).await?)
            })
            .await?;
        Ok(LoadedComponent::script(engine.clone(), Arc::new(package)))
    }
}

/// The digest of the engine, under which it is kept compiled.
pub(super) fn engine_digest() -> String {
    super::component::digest(ENGINE)
}

/// Whether a step's bytes are a script: its package is a JSON object.
pub(super) fn is_script(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'{')
}

/// A module as the engine is given it.
fn module(name: &str, text: &str) -> script::Module {
    script::Module {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

impl script::Host for RunState {
    fn entry(&mut self) -> wasmtime::Result<script::Module> {
        match &self.script {
            Some(package) => Ok(module(&package.entry, package.entry_text())),
            None => Err(wasmtime::format_err!("this run has no script")),
        }
    }

    fn load(&mut self, name: String) -> wasmtime::Result<Option<script::Module>> {
        let text = self
            .script
            .as_ref()
            .and_then(|package| package.modules.get(&name));
        Ok(text.map(|text| module(&name, text)))
    }

    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        let Some(package) = &self.script else {
            return Ok(Vec::new());
        };
        let names = package.modules.keys();
        Ok(names
            .filter(|name| **name != package.entry)
            .cloned()
            .collect())
    }

    fn locale_data(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(stepwell_locale::get(&name).map(<[u8]>::to_vec))
    }
}
