//! Compiles a script in the sandbox, before it runs: the engine does, and the host keeps what that changed in its memory.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Engine;

use super::bindings::scripts::stepwell::step::script::Extent;
use super::component::LoadedComponent;
use super::error::ComponentError;
use super::image::{Changes, Image, Keeping, Snapshot};
use super::run;
use super::script::ScriptEngine;
use super::time_limit::within;
use crate::domain::limits::StepLimits;

/// Fuel for compiling a script: that of some 2 MB of source. One that needs more is compiled by each run, out of the
/// run's own fuel.
const FUEL: u64 = 2_000_000_000;
/// How long it may take.
const TIME: Duration = Duration::from_secs(30);

/// A script's image. It has no parts if the script cannot be compiled, or not within the limits: then each run does,
/// and reports its errors.
///
/// # Errors
/// [`ComponentError::Host`]: the host could not do it, or had no time for it.
pub(super) async fn image(
    engine: &Engine,
    scripts: &ScriptEngine,
    script: &LoadedComponent,
) -> Result<Image, ComponentError> {
    let failed = || ComponentError::Host("the engine gave no snapshot of its memory".into());
    let snapshot = scripts
        .snapshot
        .get_or_try_init(|| async {
            let empty = Keeping::Snapshot(Snapshot::default());
            match kept(engine, scripts, script, Extent::Nothing, empty).await? {
                Compiled::Memory(Keeping::Snapshot(snapshot)) => Ok(Arc::new(snapshot)),
                _ => Err(failed()),
            }
        })
        .await?;
    for extent in [Extent::All, Extent::Entry, Extent::Common] {
        let changes = Keeping::Changes(Changes::to(snapshot.clone()));
        match kept(engine, scripts, script, extent, changes).await? {
            Compiled::Memory(Keeping::Changes(changes)) => return Ok(changes.into_image()),
            Compiled::Memory(Keeping::Snapshot(_)) => return Err(failed()),
            Compiled::Refused => {}
            Compiled::Trapped => break,
        }
    }
    Ok(Image::default())
}

/// The result of compiling.
enum Compiled {
    Memory(Keeping),
    /// The engine says that it cannot.
    Refused,
    /// A limit was reached.
    Trapped,
}

async fn kept(
    engine: &Engine,
    scripts: &ScriptEngine,
    script: &LoadedComponent,
    extent: Extent,
    keeping: Keeping,
) -> Result<Compiled, ComponentError> {
    let limits = StepLimits {
        fuel: FUEL,
        timeout_ms: TIME.as_millis() as u64,
        ..StepLimits::default()
    };
    let mut store = run::taskless(engine, script, limits)?;
    store.data_mut().keeping = Some(keeping);
    let (prepared, _) = within(TIME, async {
        let instance = scripts.scripts()?.instantiate_async(&mut store).await;
        let instance = instance.map_err(|error| ComponentError::Host(format!("{error:#}")))?;
        Ok(instance.call_prepare(&mut store, extent).await)
    })
    .await;
    match prepared {
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

#[cfg(test)]
mod tests;
