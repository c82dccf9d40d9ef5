//! Compiles a script in the sandbox, before it runs: the engine does, and the host keeps what that changed in its memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use wasmtime::Engine;
use wasmtime::component::Linker;

use super::bindings::scripts::ScriptsPre;
use super::bindings::scripts::stepwell::step::script::Extent;
use super::component::LoadedComponent;
use super::error::{ComponentError, SandboxError};
use super::image::{Changes, Image, Keeping, Layer, Snapshot};
use super::shared::{Pool, digest_of};
use super::state::RunState;
use super::time_limit::within;
use super::{cache, engine, run, script};
use crate::domain::limits::StepLimits;

/// Fuel for compiling a script: that of some 2 MB of source. One that needs more is compiled by each run, out of the
/// run's own fuel.
const FUEL: u64 = 2_000_000_000;
/// How long it may take.
const TIME: Duration = Duration::from_secs(30);

/// Prepares scripts, in memories that no run gets. The whole memory is read for what changed in it, and a memory of the
/// pool keeps each page that was ever read: wasmtime would look at all of them after every later run (a tenth of the price
/// of an empty script).
pub(super) struct Preparer {
    engine: Engine,
    linker: Linker<RunState>,
    scripts: OnceCell<ScriptsPre<RunState>>,
    /// The engine's memory before anything was done.
    snapshot: OnceCell<Arc<Snapshot>>,
    layers: Pool<Layer>,
}

impl Preparer {
    /// `layers` are those of the images that are loaded.
    pub(super) fn new(layers: Pool<Layer>) -> Result<Self, SandboxError> {
        let engine = engine::unpooled()?;
        Ok(Self {
            linker: script::linker(&engine)?,
            engine,
            scripts: OnceCell::new(),
            snapshot: OnceCell::new(),
            layers,
        })
    }

    /// Whose epoch must be moved on.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A script's image. It has no parts if the script cannot be compiled, or not within the limits: then each run does,
    /// and reports its errors.
    ///
    /// # Errors
    /// [`ComponentError::Host`]: the host could not do it, or had no time for it.
    pub(super) async fn image(&self, script: &LoadedComponent) -> Result<Image, ComponentError> {
        let failed = || ComponentError::Host("the engine gave no snapshot of its memory".into());
        let snapshot = self
            .snapshot
            .get_or_try_init(|| async {
                let empty = Keeping::Snapshot(Snapshot::default());
                match self.kept(script, Extent::Nothing, empty).await? {
                    Compiled::Memory(Keeping::Snapshot(snapshot)) => Ok(Arc::new(snapshot)),
                    _ => Err(failed()),
                }
            })
            .await?;
        let files = script.script().map(|script| &script.files);
        let (text, layers) = files.map_or((0, 0), |files| {
            let (shared, own) = files.bytes();
            (shared + own, files.first().len())
        });
        for extent in [Extent::All, Extent::Entry, Extent::Common] {
            let changes = Changes::to(snapshot.clone(), text, layers);
            match self.kept(script, extent, Keeping::Changes(changes)).await? {
                Compiled::Memory(Keeping::Changes(changes)) => {
                    return Ok(changes.into_image(|layer| {
                        self.layers.share(digest_of(&layer.to_bytes()), layer)
                    }));
                }
                Compiled::Memory(Keeping::Snapshot(_)) => return Err(failed()),
                Compiled::Refused => {}
                Compiled::Trapped => break,
            }
        }
        Ok(Image::default())
    }

    async fn kept(
        &self,
        script: &LoadedComponent,
        extent: Extent,
        keeping: Keeping,
    ) -> Result<Compiled, ComponentError> {
        let failed = |error| ComponentError::Host(format!("{error:#}"));
        let limits = StepLimits {
            fuel: FUEL,
            timeout_ms: TIME.as_millis() as u64,
            ..StepLimits::default()
        };
        let pooled = script.pre().instance_pre().component();
        let scripts = self
            .scripts
            .get_or_try_init(|| async {
                let component = cache::copied(pooled, &self.engine)?;
                ScriptsPre::new(self.linker.instantiate_pre(&component)?)
            })
            .await
            .map_err(failed)?;
        let mut store = run::taskless(&self.engine, script, limits)?;
        store.data_mut().keeping = Some(keeping);
        let (prepared, _) = within(TIME, async {
            let instance = scripts.instantiate_async(&mut store).await;
            Ok(instance
                .map_err(failed)?
                .call_prepare(&mut store, extent)
                .await)
        })
        .await;
        match prepared {
            Ok(Ok(Ok(Ok(())))) if store.data().imports_entry => Ok(Compiled::Refused),
            Ok(Ok(Ok(Ok(())))) => Ok(match store.into_data().keeping {
                Some(keeping) => Compiled::Memory(keeping),
                None => Compiled::Refused,
            }),
            Ok(Ok(Ok(Err(why)))) => {
                tracing::debug!(why, ?extent, "a script is not compiled to this extent");
                Ok(Compiled::Refused)
            }
            Ok(Ok(Err(_))) => Ok(Compiled::Trapped),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ComponentError::Host("it took too long".into())),
        }
    }
}

/// The result of compiling.
enum Compiled {
    Memory(Keeping),
    /// The engine says that it cannot.
    Refused,
    /// A limit was reached.
    Trapped,
}

#[cfg(test)]
mod tests;
