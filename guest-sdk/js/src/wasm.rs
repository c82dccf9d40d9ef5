//! The WebAssembly component: it exports the world `script-engine`, and implements [`Host`] by its imports.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use bindings::stepwell::step::connectors::{
    self as raw, CallError, FetchError, PendingResponse, PendingResult,
};
use bindings::stepwell::step::{blobs, console, data, script, task, task_extras};
use bindings::wasi::io::poll::{Pollable, poll};

use crate::compiled::Extent;
use crate::engine::Engine;
use crate::heap::scrub;
use crate::host::{CallId, Failure, Host, Level, Module, Outcome, Redirect, Request, Response};
use crate::image;

/// What wit-bindgen makes of the world. Its code for the canonical ABI is `unsafe`.
#[allow(unsafe_code, missing_docs, clippy::all)]
pub(crate) mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "script-engine",
        generate_all,
    });
    use super::Component;
    export!(Component);
}

thread_local! {
    /// The engine of this instance: built by `init`, in the snapshot, and never dropped.
    static ENGINE: RefCell<Option<Rc<Engine>>> = const { RefCell::new(None) };
}

pub(crate) struct Component;

impl bindings::Guest for Component {
    /// An error shows in the next call of `condition` or `run`.
    fn init() {
        let _ = engine();
        fill_holes();
    }

    fn condition() -> String {
        let engine = image::resume().and_then(|()| engine());
        match engine.and_then(|engine| engine.condition()) {
            Ok(json) => json,
            Err(text) => {
                console::write(console::Level::Error, &text);
                std::process::abort()
            }
        }
    }

    fn prepare(extent: script::Extent) -> Result<(), String> {
        let extent = match extent {
            script::Extent::Nothing => None,
            script::Extent::Common => Some(Extent::Common),
            script::Extent::Entry => Some(Extent::Entry),
            script::Extent::All => Some(Extent::All),
        };
        if let Some(extent) = extent {
            scrub::begin();
            engine()?.prepare(extent)?;
            scrub::end();
        }
        image::keep()
    }

    fn run() -> Result<(), bindings::Failure> {
        image::resume().map_err(bindings::Failure::Retry)?;
        let engine = engine().map_err(bindings::Failure::Stop)?;
        engine.run().map_err(|failure| match failure {
            Failure::Retry(text) => bindings::Failure::Retry(text),
            Failure::Stop(text) => bindings::Failure::Stop(text),
        })
    }
}

/// Takes the blocks that `init` has freed, for good: a run's allocations then lie side by side behind them,
/// and not in holes all over the heap. The host restores every page that a run has written to.
fn fill_holes() {
    /// Blocks that are taken at the most.
    const BLOCKS: usize = 1 << 16;
    /// Bytes of the smallest and the largest hole that is looked for, as powers of two.
    const HOLES: std::ops::RangeInclusive<u32> = 3..=16;
    /// Bytes that are free at the end of the heap, so that a short run does not grow it.
    const ROOM: usize = 1 << 20;
    let pages = || std::arch::wasm32::memory_size(0);
    let (before, mut taken, mut last) = (pages(), 0, 0);
    for size in HOLES.rev().map(|power| 1 << power) {
        // The first block that the memory grew for is the end of what has holes.
        while taken < BLOCKS {
            let block = std::hint::black_box(vec![0_u8; size])
                .leak()
                .as_ptr()
                .addr();
            taken += 1;
            if last == 0 && pages() > before {
                last = block;
            }
            if last > 0 && block >= last {
                break;
            }
        }
    }
    drop(std::hint::black_box(vec![0_u8; ROOM]));
}

fn engine() -> Result<Rc<Engine>, String> {
    ENGINE.with_borrow_mut(|engine| {
        if let Some(engine) = engine {
            return Ok(Rc::clone(engine));
        }
        let built = Rc::new(Engine::new(Rc::new(Imports::default()))?);
        // Dropping it would tear down a heap that goes with the instance anyway.
        std::mem::forget(Rc::clone(&built));
        Ok(Rc::clone(engine.insert(built)))
    })
}

/// The host behind the component's imports.
#[derive(Default)]
struct Imports {
    last: Cell<CallId>,
    /// In the order in which they began.
    under_way: RefCell<Vec<UnderWay>>,
}

struct UnderWay {
    id: CallId,
    /// Declared first, so that it is dropped before the call.
    ready: Pollable,
    call: Call,
}

enum Call {
    Response(PendingResponse),
    Result(PendingResult),
}

impl Imports {
    fn begin(&self, ready: Pollable, call: Call) -> CallId {
        let id = self.last.get() + 1;
        self.last.set(id);
        self.under_way
            .borrow_mut()
            .push(UnderWay { id, ready, call });
        id
    }

    fn begin_result(&self, pending: PendingResult) -> CallId {
        self.begin(pending.subscribe(), Call::Result(pending))
    }
}

impl Call {
    fn take(&self) -> Option<Outcome> {
        match self {
            Self::Response(pending) => pending.take().map(|result| match result {
                Ok(response) => Outcome::Response(Response {
                    status: response.status,
                    status_text: response.status_text,
                    headers: response.headers,
                    body: response.body,
                    landed: pending.redirected_to(),
                }),
                Err(error) => fetch_error(error),
            }),
            Self::Result(pending) => pending.take().map(|result| match result {
                Ok(json) => Outcome::Value(json),
                Err(error) => call_error(error),
            }),
        }
    }
}

fn fetch_error(error: FetchError) -> Outcome {
    let (code, text) = match error {
        FetchError::Invalid(text) => ("invalid", text),
        FetchError::Denied(text) => ("denied", text),
        FetchError::Connection(text) => ("connection", text),
        FetchError::Timeout(ms) => ("timeout", format!("no response within {ms} ms")),
        FetchError::TooLarge(bytes) => (
            "too-large",
            format!("the response is larger than {bytes} bytes"),
        ),
        FetchError::Redirected(url) => ("redirected", format!("a redirect came to {url}")),
        FetchError::TooMany(text) => ("too-many", text),
    };
    Outcome::Failed { code, text }
}

fn call_error(error: CallError) -> Outcome {
    let (code, text) = match error {
        CallError::Unknown(text) => ("unknown", text),
        CallError::Invalid(text) => ("invalid", text),
        CallError::Refused(text) => ("refused", text),
        CallError::Failed(text) => ("failed", text),
    };
    Outcome::Failed { code, text }
}

impl From<script::Module> for Module {
    fn from(module: script::Module) -> Self {
        let script::Module { name, text } = module;
        Self { name, text }
    }
}

impl Host for Imports {
    fn entry(&self) -> Module {
        script::entry().into()
    }

    fn load(&self, name: &str) -> Option<Module> {
        script::load(name).map(Module::from)
    }

    fn names(&self) -> Vec<String> {
        script::names()
    }

    fn first(&self, index: u32) -> Option<String> {
        script::first(index)
    }

    fn layer(&self) {
        scrub::clean();
        // An error shows when all is kept.
        if image::keep().is_ok() {
            script::layer();
        }
    }

    fn locale_data(&self, name: &str) -> Option<Vec<u8>> {
        script::locale_data(name)
    }

    fn document(&self) -> String {
        // The whole document is always there.
        data::get("").ok().flatten().unwrap_or_else(|| "{}".into())
    }

    fn set(&self, pointer: &str, json: &str) -> Result<(), String> {
        data::set(pointer, json)
    }

    fn remove(&self, pointer: &str) -> Result<(), String> {
        data::remove(pointer)
    }

    fn task_id(&self) -> String {
        task::id()
    }

    fn task_name(&self) -> Option<String> {
        task::name()
    }

    fn set_task_name(&self, name: &str) -> Result<(), String> {
        task::set_name(name)
    }

    fn task_tags(&self) -> Vec<String> {
        task::tags()
    }

    fn set_task_tags(&self, tags: Vec<String>) -> Result<(), String> {
        task::set_tags(&tags)
    }

    fn config(&self, key: &str) -> Option<String> {
        task::config(key)
    }

    fn complete(&self, result: Option<&str>) -> Result<(), String> {
        task::complete(result)
    }

    fn ignore(&self) {
        task::ignore();
    }

    fn park(&self, milliseconds: u64) -> Result<(), String> {
        task::park(milliseconds)
    }

    fn retry_after(&self, milliseconds: u64) {
        task::retry_after(milliseconds);
    }

    fn subtask(
        &self,
        name: &str,
        data: &str,
        into: Option<&str>,
        wait: bool,
    ) -> Result<String, String> {
        task::subtask(name, data, into, wait)
    }

    fn redo(&self) {
        task::redo();
    }

    fn timeout(&self, milliseconds: u64) -> Result<(), String> {
        task_extras::timeout(milliseconds)
    }

    fn complete_on_expire(&self) {
        task_extras::complete_on_expire();
    }

    fn visualize(&self, json: &str) -> Result<(), String> {
        task_extras::visualize(json)
    }

    fn respond(
        &self,
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<bool, String> {
        task_extras::respond(&task_extras::Reply {
            status,
            headers,
            body,
        })
    }

    fn file_size(&self, digest: &str) -> Result<Option<u64>, String> {
        blobs::size(digest)
    }

    fn read_file(&self, digest: &str, offset: u64, length: u32) -> Result<Vec<u8>, String> {
        blobs::read(digest, offset, length)
    }

    fn fetch(&self, request: Request) -> CallId {
        let pending = raw::fetch(&raw::Request {
            url: request.url,
            method: request.method,
            headers: request.headers,
            body: request.body,
            timeout_ms: request.timeout_ms,
            redirect: match request.redirect {
                Redirect::Follow => raw::Redirect::Follow,
                Redirect::Manual => raw::Redirect::Manual,
                Redirect::Error => raw::Redirect::Error,
            },
        });
        self.begin(pending.subscribe(), Call::Response(pending))
    }

    fn call(&self, connector: &str, operation: &str, argument: &str) -> CallId {
        self.begin_result(raw::call(connector, operation, argument))
    }

    fn pause(&self, milliseconds: u64) -> CallId {
        self.begin_result(raw::pause(milliseconds))
    }

    fn wait(&self) -> Vec<(CallId, Outcome)> {
        let mut under_way = self.under_way.borrow_mut();
        let pollables: Vec<&Pollable> = under_way.iter().map(|one| &one.ready).collect();
        let mut done = Vec::new();
        for index in poll(&pollables) {
            let taken = under_way.get(index as usize);
            if let Some(one) = taken
                && let Some(outcome) = one.call.take()
            {
                done.push((one.id, outcome));
            }
        }
        under_way.retain(|one| done.iter().all(|(id, _)| *id != one.id));
        done
    }

    fn write(&self, level: Level, text: &str) {
        let level = match level {
            Level::Log => console::Level::Log,
            Level::Warn => console::Level::Warn,
            Level::Error => console::Level::Error,
            Level::Audit => console::Level::Audit,
        };
        console::write(level, text);
    }

    fn now(&self) -> f64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
        elapsed.map_or(0.0, |elapsed| elapsed.as_millis() as f64)
    }

    fn random(&self, bytes: &mut [u8]) {
        // The host's randomness never fails. If it did, the bytes would stay zero.
        let _ = getrandom::fill(bytes);
    }
}
