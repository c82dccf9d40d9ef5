//! What the engine may ask of the server, answered at once.

use std::time::Duration;

use serde_json::{Value, json};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::bindings::stepwell::step::connectors::{CallError, FetchError, Request, Response};
use super::bindings::stepwell::step::{
    blobs, connectors, console, data, script, task, task_extras,
};
use super::image::{Image, Keeping};

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
    pub(super) image: Image,
    pub(super) keeping: Option<Keeping>,
}

impl Host {
    pub fn new(source: &str, data: Value) -> Self {
        Self {
            wasi: WasiCtxBuilder::new().wall_clock(Stopped).build(),
            table: ResourceTable::new(),
            source: source.into(),
            data,
            logs: Vec::new(),
            sent: Vec::new(),
            image: Image::default(),
            keeping: None,
        }
    }
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
    fn first(&mut self, _: u32) -> Option<String> {
        None
    }
    fn layer(&mut self) {
        self.keeping.as_mut().unwrap().end_layer();
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
