//! The host functions that a guest can call, one file an interface, and the linker that offers them.

mod blobs;
pub(super) mod connectors;
mod console;
mod data;
mod extras;
mod poll;
mod task;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi_io::bindings::wasi::io::poll as wasi_poll;

use super::bindings::stepwell::step;
use super::error::SandboxError;
use super::state::RunState;

/// Everything that a component may be linked against.
pub(super) fn linker(engine: &Engine) -> Result<Linker<RunState>, SandboxError> {
    let mut linker = Linker::new(engine);
    add(&mut linker).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    Ok(linker)
}

fn add(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    wasi_poll::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    linker.allow_shadowing(false);
    step::data::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    step::task::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    step::task_extras::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    step::blobs::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    step::connectors::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    step::console::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}
