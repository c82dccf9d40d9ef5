//! The engine in a pool, as the server has it, with a small host in front of it.

#![allow(missing_docs, dead_code, clippy::unwrap_used)]

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

pub mod contact;
/// The server's own, so that runs begin here as they do there.
#[path = "../../../host/src/sandbox/image.rs"]
mod image;
mod written;

pub mod bindings {
    #![allow(missing_docs, clippy::unwrap_used)]
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "script-engine",
        exports: { default: async },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "stepwell:step/connectors.pending-response": super::DoneResponse,
            "stepwell:step/connectors.pending-result": super::DoneResult,
        },
    });
}
use bindings::stepwell::step::connectors::{CallError, FetchError, Request, Response};
use bindings::stepwell::step::{blobs, connectors, console, data, script, task, task_extras};
use bindings::{Failure, ScriptEnginePre};
use image::{Changes, Image, Keeping, Snapshot};

/// What a run has by default.
const FUEL: u64 = 1_000_000_000;

pub type Answer = Result<Response, FetchError>;
pub type Called = Result<String, CallError>;

pub type DoneResponse = Done<Answer>;
pub type DoneResult = Done<Called>;

/// A call that was done when it began.
pub struct Done<T>(Option<T>);

#[async_trait::async_trait]
impl<T: Send + 'static> Pollable for Done<T> {
    async fn ready(&mut self) {}
}

/// A clock that stands still, as a run's does; otherwise the digits of the time would cost fuel.
struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(1_755_000_000_123)
    }
}

pub struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
    source: String,
    pub data: Value,
    pub logs: Vec<String>,
    /// The bodies of requests.
    pub sent: Vec<Vec<u8>>,
    image: Image,
    keeping: Option<Keeping>,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl data::Host for Host {
    fn get(&mut self, pointer: String) -> Result<Option<String>, String> {
        Ok(self.data.pointer(&pointer).map(Value::to_string))
    }

    fn set(&mut self, pointer: String, json: String) -> Result<(), String> {
        let value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        let (parent, key) = pointer.rsplit_once('/').ok_or("the root")?;
        match self.data.pointer_mut(parent) {
            Some(Value::Object(map)) => {
                map.insert(key.to_owned(), value);
            }
            Some(Value::Array(list)) => match key.parse::<usize>() {
                Ok(index) if index < list.len() => list[index] = value,
                _ => list.push(value),
            },
            _ => return Err(format!("there is no `{parent}`")),
        }
        Ok(())
    }

    fn remove(&mut self, _: String) -> Result<(), String> {
        Ok(())
    }
}

impl task::Host for Host {
    fn id(&mut self) -> String {
        "id".into()
    }
    fn name(&mut self) -> Option<String> {
        None
    }
    fn set_name(&mut self, _: String) -> Result<(), String> {
        Ok(())
    }
    fn tags(&mut self) -> Vec<String> {
        Vec::new()
    }
    fn set_tags(&mut self, _: Vec<String>) -> Result<(), String> {
        Ok(())
    }
    fn config(&mut self, _: String) -> Option<String> {
        None
    }
    fn complete(&mut self, _: Option<String>) -> Result<(), String> {
        Ok(())
    }
    fn ignore(&mut self) {}
    fn park(&mut self, _: u64) -> Result<(), String> {
        Ok(())
    }
    fn retry_after(&mut self, _: u64) {}
    fn subtask(
        &mut self,
        _: String,
        _: String,
        _: Option<String>,
        _: bool,
    ) -> Result<String, String> {
        Ok("0199-child".into())
    }
    fn redo(&mut self) {}
}

impl blobs::Host for Host {
    fn size(&mut self, _: String) -> Result<Option<u64>, String> {
        Ok(None)
    }
    fn read(&mut self, _: String, _: u64, _: u32) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
}

impl task_extras::Host for Host {
    fn timeout(&mut self, _: u64) -> Result<(), String> {
        Ok(())
    }
    fn complete_on_expire(&mut self) {}
    fn visualize(&mut self, _: String) -> Result<(), String> {
        Ok(())
    }
    fn respond(&mut self, _: task_extras::Reply) -> Result<bool, String> {
        Ok(true)
    }
}

impl connectors::Host for Host {
    fn fetch(&mut self, request: Request) -> Resource<Done<Answer>> {
        self.sent.push(request.body);
        let response = Response {
            status: 200,
            status_text: "OK".into(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: json!({"url": request.url}).to_string().into_bytes(),
        };
        self.table.push(Done(Some(Ok(response)))).unwrap()
    }

    fn call(
        &mut self,
        connector: String,
        operation: String,
        argument: String,
    ) -> Resource<Done<Called>> {
        let result = format!("[{:?},{argument}]", format!("{connector}.{operation}"));
        self.table.push(Done(Some(Ok(result)))).unwrap()
    }

    fn pause(&mut self, _: u64) -> Resource<Done<Called>> {
        self.table
            .push(Done(Some(Err(CallError::Failed("no pauses here".into())))))
            .unwrap()
    }
}

impl connectors::HostPendingResponse for Host {
    fn subscribe(&mut self, pending: Resource<Done<Answer>>) -> Resource<DynPollable> {
        subscribe(&mut self.table, pending).unwrap()
    }
    fn take(&mut self, pending: Resource<Done<Answer>>) -> Option<Answer> {
        self.table.get_mut(&pending).unwrap().0.take()
    }
    fn redirected_to(&mut self, _: Resource<Done<Answer>>) -> Option<String> {
        None
    }
    fn drop(&mut self, pending: Resource<Done<Answer>>) -> wasmtime::Result<()> {
        self.table.delete(pending)?;
        Ok(())
    }
}

impl connectors::HostPendingResult for Host {
    fn subscribe(&mut self, pending: Resource<Done<Called>>) -> Resource<DynPollable> {
        subscribe(&mut self.table, pending).unwrap()
    }
    fn take(&mut self, pending: Resource<Done<Called>>) -> Option<Called> {
        self.table.get_mut(&pending).unwrap().0.take()
    }
    fn drop(&mut self, pending: Resource<Done<Called>>) -> wasmtime::Result<()> {
        self.table.delete(pending)?;
        Ok(())
    }
}

impl console::Host for Host {
    fn write(&mut self, _: console::Level, text: String) {
        self.logs.push(text);
    }
}

impl script::Host for Host {
    fn entry(&mut self) -> script::Module {
        script::Module {
            name: "step.js".into(),
            text: self.source.clone(),
        }
    }
    fn load(&mut self, name: String) -> Option<script::Module> {
        (name == "lib/text.js").then(|| script::Module {
            name,
            text: "export const up = (text) => text.toUpperCase();".into(),
        })
    }
    fn names(&mut self) -> Vec<String> {
        vec!["lib/text.js".into()]
    }
    fn locale_data(&mut self, name: String) -> Option<Vec<u8>> {
        stepwell_locale::get(&name).map(<[u8]>::to_vec)
    }
    fn keep(&mut self, at: u32, bytes: Vec<u8>) {
        self.keeping.as_mut().unwrap().take(at as usize, &bytes);
    }
    fn image(&mut self, part: u32) -> Option<Vec<u8>> {
        self.image.part(part).map(|part| part.to_vec())
    }
}

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
        let component = Component::new(&engine, component).unwrap();
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
        let host = Host {
            wasi: WasiCtxBuilder::new().wall_clock(Stopped).build(),
            table: ResourceTable::new(),
            source: source.into(),
            data,
            logs: Vec::new(),
            sent: Vec::new(),
            image: Image::default(),
            keeping: None,
        };
        let mut store = Store::new(&self.engine, host);
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
        let changes = Keeping::Changes(Changes::to(snapshot.clone(), source.len()));
        let image = match self.kept(source, script::Extent::All, changes) {
            Some(Keeping::Changes(changes)) => changes.into_image(),
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
