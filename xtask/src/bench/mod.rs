//! The engine in a pool, as the server has it, with a small host in front of it.

#![allow(missing_docs, dead_code, clippy::unwrap_used)]

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};

pub mod contact;
mod host;
/// The server's own, so that runs begin here as they do there.
#[path = "../../../host/src/sandbox/image.rs"]
mod image;
#[path = "../../../host/src/sandbox/shared.rs"]
mod shared;
mod written;

pub mod bindings {
    #![allow(missing_docs, clippy::unwrap_used)]
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "script-engine",
        exports: { default: async },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "stepwell:step/connectors.pending-response": super::host::DoneResponse,
            "stepwell:step/connectors.pending-result": super::host::DoneResult,
        },
    });
}
use bindings::stepwell::step::{blobs, connectors, console, data, script, task, task_extras};
use bindings::{Failure, ScriptEnginePre};
use host::Host;
use image::{Changes, Image, Keeping, Snapshot};
use shared::{Pool, digest_of};

/// What a run has by default.
const FUEL: u64 = 1_000_000_000;

/// A step as the server compiles it when it is added.
#[derive(Clone)]
pub struct Compiled(Image);

impl Compiled {
    /// Whether it could be.
    pub fn is_whole(&self) -> bool {
        self.0.part(0).is_some()
    }
}

/// An engine.
pub struct Bench {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    pre: ScriptEnginePre<Host>,
    snapshot: OnceCell<Arc<Snapshot>>,
    images: RefCell<BTreeMap<String, Image>>,
    /// What a run gets.
    pub fuel: u64,
}

/// The component, compiled for this engine. That takes seconds, and all engines here have one configuration, so a process
/// compiles a component once for all of them.
#[allow(unsafe_code, reason = "the code does not come from outside")]
fn compiled(engine: &Engine, component: &[u8]) -> Component {
    static LAST: Mutex<Option<(Vec<u8>, Vec<u8>)>> = Mutex::new(None);
    let mut last = LAST.lock();
    if last.as_ref().is_none_or(|(of, _)| of != component) {
        let code = engine.precompile_component(component).unwrap();
        *last = Some((component.to_vec(), code));
    }
    let (_, code) = last.as_ref().unwrap();
    // SAFETY: the code is what wasmtime made in this process.
    unsafe { Component::deserialize(engine, code) }.unwrap()
}

pub struct Ran {
    pub ended: wasmtime::Result<Result<(), Failure>>,
    pub host: Host,
    pub fuel: u64,
    pub took: Duration,
}

impl Bench {
    /// With the committed engine.
    pub fn new() -> Self {
        let committed = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../guest-sdk/js/engine/stepwell-js.wasm"
        );
        // Another one, to compare what runs cost.
        let path = std::env::var("STEPWELL_JS_ENGINE").unwrap_or_else(|_| committed.into());
        Self::of(&std::fs::read(path).unwrap())
    }

    /// With this engine.
    pub fn of(component: &[u8]) -> Self {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(4)
            .max_memory_size(64 << 20)
            .linear_memory_keep_resident(2 << 20)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config
            .concurrency_support(false)
            .consume_fuel(true)
            .max_wasm_stack(4 << 20)
            .async_stack_size(5 << 20)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        let component = compiled(&engine, component);
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        data::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        task::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        task_extras::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        blobs::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        connectors::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        console::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        script::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        let pre = ScriptEnginePre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Self {
            runtime,
            engine,
            pre,
            snapshot: OnceCell::new(),
            images: RefCell::default(),
            fuel: FUEL,
        }
    }

    pub fn store(&self, source: &str, data: Value) -> Store<Host> {
        let mut store = Store::new(&self.engine, Host::new(source, data));
        store.set_fuel(self.fuel).unwrap();
        store
    }

    /// Compiles a step, as far as all of it can be.
    pub fn compiled(&self, source: &str) -> Compiled {
        Compiled(self.image(source))
    }

    fn image(&self, source: &str) -> Image {
        if let Some(image) = self.images.borrow().get(source) {
            return image.clone();
        }
        let snapshot = self.snapshot.get_or_init(|| {
            let empty = Keeping::Snapshot(Snapshot::default());
            match self.kept(source, script::Extent::Nothing, empty) {
                Some(Keeping::Snapshot(snapshot)) => Arc::new(snapshot),
                _ => panic!("no snapshot"),
            }
        });
        let changes = Keeping::Changes(Changes::to(snapshot.clone(), source.len(), 0));
        let image = match self.kept(source, script::Extent::All, changes) {
            Some(Keeping::Changes(changes)) => changes
                .into_image(|layer| Pool::default().share(digest_of(&layer.to_bytes()), layer)),
            _ => Image::default(),
        };
        let mut images = self.images.borrow_mut();
        images.insert(source.to_owned(), image.clone());
        image
    }

    fn kept(&self, source: &str, extent: script::Extent, keeping: Keeping) -> Option<Keeping> {
        let mut store = self.store(source, json!({}));
        store.data_mut().keeping = Some(keeping);
        let prepared = self.runtime.block_on(async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            instance.call_prepare(&mut store, extent).await
        });
        prepared.ok()?.ok()?;
        store.into_data().keeping
    }

    pub fn run(&self, source: &str, data: Value) -> Ran {
        let image = self.image(source);
        let mut store = self.store(source, data);
        store.data_mut().image = image;
        let started = Instant::now();
        let ended = self.runtime.block_on(async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            instance.call_run(&mut store).await
        });
        let fuel = self.fuel - store.get_fuel().unwrap();
        let took = started.elapsed();
        Ran {
            ended,
            host: store.into_data(),
            fuel,
            took,
        }
    }

    /// The pages of memory that a run has written to, if it is the first that is there with this engine.
    pub fn written(&self, source: &str, data: Value, step: Compiled) -> Vec<usize> {
        let mut store = self.store(source, data);
        store.data_mut().image = step.0;
        let before = written::memories();
        let ended = self.runtime.block_on(async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            instance.call_run(&mut store).await
        });
        ended.unwrap().unwrap();
        let memories = written::memories();
        let mut new = memories
            .into_iter()
            .filter(|memory| !before.contains(memory));
        written::pages(new.next().unwrap())
    }

    pub fn condition(&self, source: &str) -> (wasmtime::Result<String>, Vec<String>) {
        let mut store = self.store(source, json!({}));
        let condition = self.runtime.block_on(async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            instance.call_condition(&mut store).await
        });
        (condition, store.into_data().logs)
    }

    /// Median time and the fuel of a step, which must be the same in every run.
    pub fn cost(&self, name: &str, source: &str, data: &Value) -> (Duration, u64) {
        let fuel = self.run(source, data.clone()).fuel;
        let mut times: Vec<Duration> = (0..200)
            .map(|_| {
                let ran = self.run(source, data.clone());
                ran.ended.unwrap().unwrap();
                assert_eq!(ran.fuel, fuel, "{name}: fuel is not deterministic");
                ran.took
            })
            .collect();
        times.sort();
        println!(
            "{name}: {:?} median, {:?} least, fuel {fuel}",
            times[100], times[0]
        );
        (times[100], fuel)
    }
}

/// A step whose `content` has this body.
pub fn content(body: &str) -> String {
    format!("export const condition = {{}}; export const content = async () => {{ {body} }};")
}
