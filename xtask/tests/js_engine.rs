//! The committed engine, run under wasmtime with a small host: what a run costs, and that the
//! component's own glue works. The behaviour of JavaScript steps is tested in guest-sdk/js.

#![allow(missing_docs, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

mod bindings {
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
use bindings::stepwell::step::{connectors, console, data, script, task};
use bindings::{Failure, ScriptEnginePre};

const FUEL: u64 = 1_000_000_000;
const CONTACT_FORM: &str = "\
export const condition = { \"$via\": { name: \"Contact Form\" }, email: String };

export const content = async () => {
  console.log('Processing contact form submission...');
  console.log('Contact:', data.firstName, data.lastName);
  console.log('Email:', data.email);
  console.log('Company:', data.company);
  console.log('Webhook name:', data.$via.name);
  console.log('Webhook type:', data.$via.type);
  console.log('Received timestamp:', data.$via.received);

  data.contact = {
    fullName: `${data.firstName} ${data.lastName}`,
    email: data.email,
    company: data.company,
    source: 'website_form',
    receivedAt: new Date().toISOString()
  };

  data.processed = true;
};
";

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

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
    source: String,
    data: Value,
    logs: Vec<String>,
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
            Some(Value::Object(map)) => map.insert(key.to_owned(), value),
            other => return Err(format!("{other:?}")),
        };
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

impl connectors::Host for Host {
    fn fetch(&mut self, request: Request) -> Resource<Done<Answer>> {
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
}

/// The committed engine in a pool, as the server has it.
struct Bench {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    pre: ScriptEnginePre<Host>,
}

struct Ran {
    ended: wasmtime::Result<Result<(), Failure>>,
    host: Host,
    fuel: u64,
    took: Duration,
}

impl Bench {
    fn new() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../guest-sdk/js/engine/stepwell-js.wasm"
        );
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
        let component = Component::from_file(&engine, path).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        data::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
        task::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host).unwrap();
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
        }
    }

    fn store(&self, source: &str, data: Value) -> Store<Host> {
        let host = Host {
            wasi: WasiCtxBuilder::new().wall_clock(Stopped).build(),
            table: ResourceTable::new(),
            source: source.into(),
            data,
            logs: Vec::new(),
        };
        let mut store = Store::new(&self.engine, host);
        store.set_fuel(FUEL).unwrap();
        store
    }

    fn run(&self, source: &str, data: Value) -> Ran {
        let mut store = self.store(source, data);
        let started = Instant::now();
        let ended = self.runtime.block_on(async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            instance.call_run(&mut store).await
        });
        let fuel = FUEL - store.get_fuel().unwrap();
        let took = started.elapsed();
        Ran {
            ended,
            host: store.into_data(),
            fuel,
            took,
        }
    }

    fn condition(&self, source: &str) -> (wasmtime::Result<String>, Vec<String>) {
        let mut store = self.store(source, json!({}));
        let condition = self.runtime.block_on(async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            instance.call_condition(&mut store).await
        });
        (condition, store.into_data().logs)
    }

    /// Median time and the fuel of a step, which must be the same in every run.
    fn cost(&self, name: &str, source: &str, data: &Value) -> (Duration, u64) {
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

fn contact() -> Value {
    json!({
        "firstName": "Sarah", "lastName": "Chen", "email": "sarah@company.com", "company": "TechCorp",
        "message": "Interested in your automation platform",
        "$via": {"type": "webhook", "id": "w", "name": "Contact Form", "received": 1_755_000_000_000_u64,
                 "method": "POST", "ip": "203.0.113.7", "headers": {}},
    })
}

/// About 100 KB in a few hundred rows.
fn large() -> Value {
    let row = |n| {
        json!({"id": n, "name": format!("Customer {n}"), "email": format!("c{n}@example.com"),
                         "tags": ["a", "b", n], "total": f64::from(n) * 1.5, "open": n % 2 == 0})
    };
    let rows: Vec<Value> = (0..950).map(row).collect();
    let data = json!({"email": "sarah@company.com", "rows": rows, "status": "new"});
    assert!((100_000..120_000).contains(&data.to_string().len()));
    data
}

fn content(body: &str) -> String {
    format!("export const condition = {{}}; export const content = async () => {{ {body} }};")
}

#[test]
fn what_runs_cost() {
    let bench = Bench::new();
    let ran = bench.run(CONTACT_FORM, contact());
    ran.ended.unwrap().unwrap();
    assert_eq!(ran.host.data["contact"]["fullName"], json!("Sarah Chen"));
    assert_eq!(ran.host.logs.len(), 7);
    let (_, fuel) = bench.cost("contact form", CONTACT_FORM, &contact());
    assert!(fuel < 900_000, "{fuel}");
    bench.cost("nothing", &content(""), &json!({}));
    let (_, fuel) = bench.cost(
        "large, one member read, one written",
        &content("data.status = data.email"),
        &large(),
    );
    assert!(fuel < 2_500_000, "{fuel}");
    bench.cost(
        "large, a row changed",
        &content("data.rows[7].open = null"),
        &large(),
    );
    bench.cost(
        "large, stringified",
        &content("data.n = JSON.stringify(data).length"),
        &large(),
    );
}

#[test]
fn calls_files_and_clocks_reach_the_host() {
    let bench = Bench::new();
    let body = "
        const [a, b] = await Promise.all([connectors.fetch('https://a.example/'), connectors.slackCom.send({x: 1})]);
        data.a = a.body.url; data.b = b; data.up = lib.text.up('x'); data.now = Date.now(); data.random = Math.random();
        data.uuid = crypto.randomUUID();
        await new Promise((done) => setTimeout(done)); try { (function f() { f() })() } catch (e) { data.e = e.name }";
    let runs: Vec<Value> = (0..2)
        .map(|_| {
            let ran = bench.run(&content(body), json!({}));
            ran.ended.unwrap().unwrap();
            ran.host.data
        })
        .collect();
    let data = &runs[0];
    assert_eq!(
        (&data["a"], &data["b"]),
        (
            &json!("https://a.example/"),
            &json!(["slackCom.send", {"x": 1}])
        )
    );
    assert_eq!(
        (&data["up"], &data["e"]),
        (&json!("X"), &json!("RangeError"))
    );
    assert_eq!(data["now"], json!(1_755_000_000_123_u64));
    assert_ne!(
        (&data["random"], &data["uuid"]),
        (&runs[1]["random"], &runs[1]["uuid"])
    );
}

#[test]
fn faults_come_out() {
    let bench = Bench::new();
    let fails = |body: &str| bench.run(&content(body), json!({})).ended;
    assert!(
        matches!(fails("throw new Error('x')"), Ok(Err(Failure::Retry(text))) if text.starts_with("Error: x\n  at step.js:1:"))
    );
    assert!(matches!(fails("task.stop('x')"), Ok(Err(Failure::Stop(_)))));
    let trap = fails("for (;;);").unwrap_err();
    assert_eq!(trap.downcast_ref(), Some(&wasmtime::Trap::OutOfFuel));
    let hoard = fails("const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1))");
    assert!(
        matches!(hoard, Ok(Err(Failure::Retry(text))) if text.starts_with("RangeError: out of memory"))
    );
    let (condition, _) = bench.condition(CONTACT_FORM);
    assert_eq!(
        condition.unwrap(),
        r#"{"$via":{"name":"Contact Form"},"email":{"$type":"string"}}"#
    );
    let (condition, logs) =
        bench.condition("export const condition = 1;\nexport const content = 2");
    assert!(condition.is_err());
    assert_eq!(
        logs,
        ["TypeError: `content` is a number; it must be a function"]
    );
}
