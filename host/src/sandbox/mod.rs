//! The sandbox: runs a component's step in a fresh instance with fuel, memory, time, log and host
//! call limits. Data in, changes out: it never sees the store, the engine or the network, and
//! knows connector calls only as [`crate::domain::effect::Calls`].

mod answer_order;
mod bindings;
mod cache;
mod compile;
mod component;
mod engine;
mod error;
mod fault;
mod files;
pub mod gave_back;
mod host;
mod image;
mod in_flight;
mod limiter;
mod logs;
mod outline;
mod panic;
mod pending;
mod prepare;
mod run;
mod script;
mod shared;
mod state;
mod time_limit;
mod wasi;
mod work;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Semaphore;
use wasmtime::component::{Component, Linker};

pub use compile::{Compiler, compile_child};
pub use component::LoadedComponent;
pub use error::{ComponentError, SandboxError};
pub use run::not_run;

use crate::domain::effect::Calls;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits::{self, StepLimits};
use crate::domain::places::Places;
use crate::domain::run::{RunInput, RunOutput};
use crate::domain::step::StepKind;
use cache::Cache;
use component::COMPONENT_BYTES;
use engine::EpochTicker;
use image::{Image, Layer};
use prepare::Preparer;
use script::ScriptEngine;
use shared::Pool;
use state::RunState;

/// Calls of `condition` that are under way at once. Each may take the memory of a run, which no workspace has been
/// charged for.
const CONDITIONS: usize = 2;
/// What scripts share may take this part of the room for components and scripts, on top of it. If it takes more, a script
/// that is loaded then counts with what it shares: so the memory of all is bounded.
const SHARED: u64 = 4;
/// Whose compilation that of the engine of scripts is. No workspace is expected to have this name.
const ENGINES_OWNER: &str = "-";

/// How the sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// Where compiled components are kept; `None` keeps none.
    pub cache_dir: Option<PathBuf>,
    /// Whether other servers use the directory too, so that what this one does not need stays.
    pub cache_is_shared: bool,
    /// The secret that marks cache files as this host's own.
    pub cache_key: [u8; 32],
    /// Runs that may be live at once, those that wait for a connector call included. Each costs
    /// about 50 KiB and 6 memory mappings; the kernel's `vm.max_map_count` (65,530 by default)
    /// caps it near 10,000.
    pub concurrency: u32,
    /// Bytes of memory that all runs may take together. The pool keeps a part of it at most of memories that no run has.
    pub memory: u64,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// Compiled components kept in memory; the least recently used are dropped first. Scripts count by their bytes,
    /// 256 KiB for a component. What scripts share is a quarter more at most.
    pub loaded: u64,
    /// Compilations that may be under way at once; more wait.
    pub compilations: usize,
    /// Bytes of memory that one compilation may take, if a child process makes it.
    pub compile_memory: u64,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            cache_dir: None,
            cache_is_shared: false,
            cache_key: [0; 32],
            concurrency: 1_000,
            memory: u64::MAX,
            compiler: Compiler::InProcess,
            loaded: 1_000,
            compilations: 2,
            compile_memory: limits::COMPILE_MEMORY,
        }
    }
}

/// A component or script that was looked at and found to be a step.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// SHA-256 of its bytes, lower-case hex.
    pub digest: String,
    /// The text that its `condition` returned, not parsed yet.
    pub condition: String,
    /// Ready to run.
    pub component: Arc<LoadedComponent>,
    /// What it is.
    pub kind: StepKind,
}

/// Runs steps. One for the whole server; cheap to share.
pub struct Sandbox {
    engine: wasmtime::Engine,
    linker: Linker<RunState>,
    compiler: Compiler,
    cache: Cache,
    loaded: moka::sync::Cache<String, Arc<LoadedComponent>>,
    scripts: ScriptEngine,
    preparer: Preparer,
    layers: Pool<Layer>,
    permits: Semaphore,
    compilations: Places,
    compile_memory: u64,
    conditions: Places,
    short_ticks: Arc<AtomicBool>,
    _ticker: EpochTicker,
}

impl Sandbox {
    /// Sets up the WebAssembly engine and the pool of instances.
    pub fn new(settings: SandboxSettings) -> Result<Arc<Self>, SandboxError> {
        let engine = engine::pooled(settings.concurrency, settings.memory)?;
        let linker = host::linker(&engine)?;
        let (texts, layers) = (Pool::default(), Pool::default());
        let preparer = Preparer::new(layers.clone())?;
        let capacity = settings.loaded.saturating_mul(COMPONENT_BYTES as u64);
        let short_ticks = Arc::<AtomicBool>::default();
        Ok(Arc::new(Self {
            _ticker: EpochTicker::start([&engine, preparer.engine()], short_ticks.clone()),
            short_ticks,
            cache: Cache::open(
                settings.cache_dir,
                settings.cache_is_shared,
                settings.cache_key,
                &engine,
            )?,
            loaded: moka::sync::Cache::builder()
                .max_capacity(capacity)
                .weigher({
                    let (texts, layers) = (texts.clone(), layers.clone());
                    move |_: &String, component: &Arc<LoadedComponent>| {
                        let shared = (texts.bytes() + layers.bytes()) as u64;
                        component.weight(shared > capacity / SHARED)
                    }
                })
                .build(),
            compiler: settings.compiler,
            permits: Semaphore::new(settings.concurrency as usize),
            compilations: Places::new(settings.compilations, 1),
            compile_memory: settings.compile_memory,
            conditions: Places::new(CONDITIONS, 1),
            scripts: ScriptEngine::new(&engine, texts)?,
            layers,
            preparer,
            linker,
            engine,
        }))
    }

    /// Compiles a component of the workspace `owner`, checks that it is a step, and calls its `condition` under `limits`.
    /// It waits for no more than one compilation of each other workspace.
    ///
    /// # Errors
    /// [`ComponentError`] says what the component is or lacks.
    pub async fn inspect(
        &self,
        owner: &WorkspaceName,
        bytes: &[u8],
        limits: StepLimits,
    ) -> Result<Inspected, ComponentError> {
        let digest = component::digest(bytes);
        let kind = match script::is_script(bytes) {
            true => StepKind::Script,
            false => StepKind::Component,
        };
        if kind == StepKind::Component && self.loaded.get(&digest).is_none() {
            outline::check(bytes)?;
        }
        let component = self.load(owner, &digest, bytes).await?;
        let _turn = self.conditions.take(owner).await;
        let _permit = self.permit().await?;
        let condition = run::condition(&self.engine, &component, limits).await?;
        Ok(Inspected {
            digest,
            condition,
            component,
            kind,
        })
    }

    /// Whether a guest that computes gives its thread back every millisecond, and not every five.
    pub fn short_ticks(&self) -> Arc<AtomicBool> {
        self.short_ticks.clone()
    }

    /// A component that is in memory already.
    pub fn loaded(&self, digest: &str) -> Option<Arc<LoadedComponent>> {
        self.loaded.get(digest)
    }

    /// Whether a script would have to be compiled to be loaded, and is worth compiling before: the directory of
    /// compiled components, if there is one, does not have it for this engine.
    pub fn lacks(&self, digest: &str) -> bool {
        self.loaded.get(digest).is_none() && self.cache.lacks_image(digest)
    }

    /// Takes a component from memory or from the cache of compiled ones, or compiles it. `digest`
    /// is the SHA-256 of `bytes` as [`Sandbox::inspect`] gave it. Compilations wait by workspace, as that of `owner`.
    pub async fn load(
        &self,
        owner: &WorkspaceName,
        digest: &str,
        bytes: &[u8],
    ) -> Result<Arc<LoadedComponent>, ComponentError> {
        if let Some(component) = self.loaded.get(digest) {
            return Ok(component);
        }
        let component = if script::is_script(bytes) {
            let compile = |engine: &'static [u8]| async move {
                // All scripts wait for it, so it does not wait behind one workspace's components.
                let server = ENGINES_OWNER.parse();
                let owner = server.as_ref().unwrap_or(owner);
                self.compiled(owner, &script::DIGEST, engine).await
            };
            let script = self.scripts.load(bytes, compile).await?;
            let image = self.image(owner, digest, &script).await?;
            script.with_image(image)
        } else {
            LoadedComponent::link(&self.linker, &self.compiled(owner, digest, bytes).await?)?
        };
        let component = Arc::new(component);
        self.loaded.insert(digest.to_owned(), component.clone());
        Ok(component)
    }

    /// A script's image: from the cache, or made now. One that could not be made is tried again when the script is next
    /// loaded; until then each run compiles it.
    async fn image(
        &self,
        owner: &WorkspaceName,
        digest: &str,
        script: &LoadedComponent,
    ) -> Result<Image, ComponentError> {
        if let Some(image) = self.cache.read_image(digest, &self.layers) {
            return Ok(image);
        }
        let _turn = self.conditions.take(owner).await;
        let _permit = self.permit().await?;
        // Another workspace with the same script may have been faster.
        if let Some(image) = self.cache.read_image(digest, &self.layers) {
            return Ok(image);
        }
        match self.preparer.image(script).await {
            Ok(image) => {
                self.cache.write_image(digest, &image);
                Ok(image)
            }
            Err(error) => {
                tracing::warn!(%error, script = digest, "a script could not be compiled before its runs");
                Ok(Image::default())
            }
        }
    }

    /// Removes the compiled components whose digests are not `used`, in memory and on disk; runs that
    /// have one go on. A step that is needed again is compiled again.
    pub fn retain(&self, used: impl Fn(&str) -> bool) {
        for (digest, _) in &self.loaded {
            if !used(&digest) {
                self.loaded.invalidate(&*digest);
            }
        }
        let is_used = |digest: &str| used(digest) || digest == *script::DIGEST;
        if let Err(error) = self.cache.retain(is_used) {
            tracing::warn!(%error, "compiled components that nothing uses stay in the cache");
        }
    }

    /// Machine code for a component: from the cache, or made now.
    async fn compiled(
        &self,
        owner: &WorkspaceName,
        digest: &str,
        bytes: &[u8],
    ) -> Result<Component, ComponentError> {
        match self.cache.read(&self.engine, digest) {
            Some(component) => Ok(component),
            None => {
                let _turn = self.compilations.take(owner).await;
                // Another workspace with the same component may have been faster.
                if let Some(component) = self.cache.read(&self.engine, digest) {
                    return Ok(component);
                }
                let memory = self.compile_memory;
                let machine_code = self.compiler.compile(&self.engine, bytes, memory).await?;
                self.cache.write(&self.engine, digest, &machine_code)
            }
        }
    }

    /// Runs a step once. Never fails: how the run ended is part of the output.
    pub async fn run(
        &self,
        component: &LoadedComponent,
        input: RunInput,
        calls: Arc<dyn Calls>,
    ) -> RunOutput {
        match self.permit().await {
            Ok(_permit) => run::step(&self.engine, component, input, calls).await,
            Err(error) => run::not_run(error.to_string()),
        }
    }

    async fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>, ComponentError> {
        self.permits
            .acquire()
            .await
            .map_err(|_| ComponentError::Host("the sandbox is closed".into()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, poll};

    use super::*;

    /// All scripts wait for it.
    #[tokio::test]
    async fn the_engine_of_scripts_is_compiled_beside_what_a_workspace_compiles() {
        let sandbox = Sandbox::new(SandboxSettings {
            concurrency: 1,
            ..SandboxSettings::default()
        });
        let sandbox = sandbox.unwrap();
        let [loud, server] = ["loud", ENGINES_OWNER].map(|name| name.parse().unwrap());
        let script = br#"{"entry":"step.js","modules":{"step.js":""}}"#;
        // The workspace has its compilation under way, and the engine's has to wait for something else.
        let places = &sandbox.compilations;
        let (own, _engines) = (places.take(&loud).await, places.take(&server).await);
        let mut loads = Box::pin(sandbox.load(&loud, "digest", script));
        assert!(poll!(&mut loads).is_pending());
        drop(own);
        // It does not wait for the workspace's.
        assert!(places.take(&loud).now_or_never().is_some());
        assert!(poll!(&mut loads).is_pending());
    }
}
