//! Runs a component's `init` and makes what it left in memory part of the component.

use std::time::Duration;

use anyhow::{Context, Result};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, Instance, Lift, Linker, ResourceTable, ResourceType, WasmList,
};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

const INIT: &str = "init";

/// The snapshot's component.
pub fn of(component: &[u8]) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(snapshot(component))
}

async fn snapshot(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    // Without the export the component would not be the world's any more.
    wizer.init_func(INIT).keep_init_func(true);
    let (context, instrumented) = wizer.instrument_component(bytes)?;

    let mut config = Config::new();
    config.wasm_component_model(true).concurrency_support(false);
    let engine = Engine::new(&config)?;
    let component = Component::new(&engine, &instrumented)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    refuse_calls(&engine, &component, &mut linker)?;
    let mut store = Store::new(&engine, State::fixed());
    let instance = linker.instantiate_async(&mut store, &component).await?;
    let init = instance.get_typed_func::<(), ()>(&mut store, INIT)?;
    init.call_async(&mut store, ()).await?;
    let mut started = Started { store, instance };
    Ok(wizer.snapshot_component(&context, &mut started).await?)
}

/// Gives the component the server's interfaces, with functions that fail: `init` must not ask the
/// server for anything.
fn refuse_calls(engine: &Engine, component: &Component, linker: &mut Linker<State>) -> Result<()> {
    for (interface, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(functions) = import.ty else {
            continue;
        };
        if !interface.starts_with("stepwell:") {
            continue;
        }
        let mut stubs = linker.instance(interface)?;
        for (name, export) in functions.exports(engine) {
            let message = format!("`init` calls {interface} {name}");
            match export.ty {
                ComponentItem::Resource(_) if name == "pollable" => {
                    stubs.resource(name, ResourceType::host::<DynPollable>(), |_, _| Ok(()))?;
                }
                ComponentItem::Resource(_) => {
                    stubs.resource(name, ResourceType::host::<()>(), |_, _| Ok(()))?;
                }
                ComponentItem::ComponentFunc(_) => {
                    stubs.func_new(name, move |_, _, _, _| wasmtime::bail!("{message}"))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A world without chance: what `init` reads of clock and randomness ends up in the snapshot.
struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl State {
    fn fixed() -> Self {
        let wasi = WasiCtxBuilder::new()
            .wall_clock(Stopped)
            .monotonic_clock(Stopped)
            .secure_random(Zeros)
            .insecure_random(Zeros)
            .insecure_random_seed(0)
            .build();
        Self {
            wasi,
            table: ResourceTable::new(),
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

struct Zeros;

impl rand_core::TryRng for Zeros {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(0);
        Ok(())
    }
}

/// The instance after `init`, for wizer to read.
struct Started {
    store: Store<State>,
    instance: Instance,
}

impl Started {
    /// Calls one of the functions with which wizer has instrumented the component.
    async fn call<R: Lift + 'static>(&mut self, instance: &str, function: &str) -> R {
        self.try_call(instance, function)
            .await
            .expect("wizer calls what it has put there itself")
    }

    async fn try_call<R: Lift + 'static>(&mut self, instance: &str, function: &str) -> Result<R> {
        let Self {
            store,
            instance: component,
        } = self;
        let (_, instance) = component
            .get_export(&mut *store, None, instance)
            .context("instance")?;
        let (_, function) = component
            .get_export(&mut *store, Some(&instance), function)
            .context("function")?;
        let function = component.get_typed_func::<(), (R,)>(&mut *store, function)?;
        let (value,) = function.call_async(&mut *store, ()).await?;
        Ok(value)
    }
}

impl ComponentInstanceState for Started {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        function: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        let list: WasmList<u8> = self.call(instance, function).await;
        contents(list.as_le_slice(&self.store));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, function: &str) -> i32 {
        self.call(instance, function).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, function: &str) -> i64 {
        self.call(instance, function).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, function: &str) -> u32 {
        self.call::<f32>(instance, function).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, function: &str) -> u64 {
        self.call::<f64>(instance, function).await.to_bits()
    }
}
