//! Steps that are scripts: JavaScript, run by one engine for all tenants. The engine is a component
//! of the same world, built from `guest-sdk/js` and kept in this binary; a script is what it reads
//! through one more import. So a script has the limits, the journal and the sandbox of every step.

use std::sync::{Arc, LazyLock};

use stepwell_script::Package;
use tokio::sync::OnceCell;
use wasmtime::StoreContextMut;
use wasmtime::component::{Component, HasSelf, Linker};

use super::bindings::StepPre;
use super::bindings::scripts::stepwell::step::script;
use super::component::{self, LoadedComponent};
use super::error::{ComponentError, SandboxError};
use super::files::Files;
use super::host;
use super::image::Image;
use super::shared::Pool;
use super::state::RunState;

/// The engine, as `cargo xtask js-engine` made it.
const ENGINE: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../guest-sdk/js/engine/stepwell-js.wasm"
));

/// The digest of the engine, under which it and what it compiles are kept.
pub(super) static DIGEST: LazyLock<String> = LazyLock::new(|| component::digest(ENGINE));

/// Bytes of an image that cost what one byte of a value does: they are copied and not looked at.
const IMAGE_BYTES: usize = 16;

/// The engine, compiled when the first script is loaded.
pub(super) struct ScriptEngine {
    linker: Linker<RunState>,
    compiled: OnceCell<StepPre<RunState>>,
    texts: Pool<Box<str>>,
}

impl ScriptEngine {
    /// `texts` are those of the scripts that are loaded.
    pub(super) fn new(
        engine: &wasmtime::Engine,
        texts: Pool<Box<str>>,
    ) -> Result<Self, SandboxError> {
        Ok(Self {
            linker: linker(engine)?,
            compiled: OnceCell::new(),
            texts,
        })
    }

    /// A script, ready to run by the engine, which `compile` compiles if it is the first one. The script itself is not
    /// compiled yet.
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
        let files = Arc::new(Files::of(package, &self.texts));
        Ok(LoadedComponent::of_script(
            engine.clone(),
            files,
            Image::default(),
        ))
    }
}

/// What the engine may import: what a step may, and its script.
pub(super) fn linker(engine: &wasmtime::Engine) -> Result<Linker<RunState>, SandboxError> {
    let mut linker = host::linker(engine)?;
    script::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)
        .and_then(|()| share_images(&mut linker))
        .map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    Ok(linker)
}

/// Takes the place of the generated `image`, which copies each part before wasmtime copies it into the run's memory.
fn share_images(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance("stepwell:step/script@0.1.0")?.func_wrap(
        "image",
        |mut store: StoreContextMut<'_, RunState>, (part,): (u32,)| {
            Ok((store.data_mut().image_part(part)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl RunState {
    /// A part of the image of this run's script, paid for.
    fn image_part(&mut self, part: u32) -> wasmtime::Result<Option<Arc<[u8]>>> {
        let script = self.script.as_ref();
        let Some(part) = script.and_then(|script| script.image.part(part)) else {
            return Ok(None);
        };
        let part = part.clone();
        self.work.charge(part.len() / IMAGE_BYTES)?;
        Ok(Some(part))
    }
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
        self.has_entry = true;
        match &self.script {
            Some(script) => Ok(module(script.files.entry(), script.files.entry_text())),
            None => Err(wasmtime::format_err!("this run has no script")),
        }
    }

    fn load(&mut self, name: String) -> wasmtime::Result<Option<script::Module>> {
        let script = self.script.as_ref();
        if self.keeping.is_some()
            && !self.has_entry
            && script.is_some_and(|script| script.files.entry() == name)
        {
            // A layer that has it would not be that of another script, and the entry would be there twice.
            self.imports_entry = true;
            return Ok(None);
        }
        let text = script.and_then(|script| script.files.text(&name));
        Ok(text.map(|text| module(&name, text)))
    }

    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        let Some(script) = &self.script else {
            return Ok(Vec::new());
        };
        Ok(script.files.others().map(str::to_owned).collect())
    }

    fn first(&mut self, index: u32) -> wasmtime::Result<Option<String>> {
        let script = self.script.as_ref();
        let first = script
            .map(|script| script.files.first())
            .unwrap_or_default();
        Ok(first.get(index as usize).map(|name| (*name).to_owned()))
    }

    fn layer(&mut self) -> wasmtime::Result<()> {
        match &mut self.keeping {
            Some(keeping) => keeping.end_layer(),
            None => return Err(wasmtime::format_err!("nothing of this run is kept")),
        }
        Ok(())
    }

    fn locale_data(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(stepwell_locale::get(&name).map(<[u8]>::to_vec))
    }

    fn keep(&mut self, at: u32, bytes: Vec<u8>) -> wasmtime::Result<()> {
        match &mut self.keeping {
            Some(keeping) => keeping.take(at as usize, &bytes),
            None => return Err(wasmtime::format_err!("nothing of this run is kept")),
        }
        Ok(())
    }

    fn image(&mut self, part: u32) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.image_part(part)?.map(|part| part.to_vec()))
    }
}
