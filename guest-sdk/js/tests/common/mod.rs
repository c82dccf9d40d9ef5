//! A host in memory, and a step that runs on it.

#![allow(dead_code, clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use serde_json::{Value, json};
use stepwell_js::{
    CallId, Engine, Extent, Failure, Host, Level, Module, Outcome, Request, Response,
};

/// The mock's clock at the start of a run.
pub const START: f64 = 1_700_000_000_000.0;

/// A step with what its host has for it.
pub struct Step {
    host: Mock,
}

#[derive(Default)]
pub struct Mock {
    entry: RefCell<(String, String)>,
    files: BTreeMap<String, String>,
    pub data: RefCell<Value>,
    text: RefCell<Option<String>>,
    pub changes: RefCell<Vec<String>>,
    pub logs: RefCell<Vec<(Level, String)>>,
    config: BTreeMap<String, String>,
    answers: RefCell<VecDeque<Outcome>>,
    pub requests: RefCell<Vec<Request>>,
    pub calls: RefCell<Vec<(String, String, Value)>>,
    pub asked: RefCell<Vec<String>>,
    under_way: RefCell<Vec<(CallId, f64, Outcome)>>,
    next: Cell<CallId>,
    clock: Cell<f64>,
    /// The longest pause, if there is one.
    longest_pause: Cell<Option<u64>>,
    cap: Cell<usize>,
    /// Layers that the engine has ended.
    pub layers: Cell<usize>,
}

/// What came of a run.
pub struct Ran {
    pub ended: Result<(), Failure>,
    pub host: Rc<Mock>,
}

pub fn step(source: &str) -> Step {
    let host = Mock {
        entry: RefCell::new(("step.js".into(), source.into())),
        data: RefCell::new(json!({})),
        clock: Cell::new(START),
        cap: Cell::new(1000),
        ..Mock::default()
    };
    Step { host }
}

/// A step whose `content` has this body.
pub fn content(body: &str) -> Step {
    step(&format!(
        "export const condition = {{}};\nexport const content = async () => {{\n{body}\n}};"
    ))
}

impl Step {
    pub fn named(self, name: &str) -> Self {
        self.host.entry.borrow_mut().0 = name.into();
        self
    }

    pub fn data(self, data: Value) -> Self {
        *self.host.data.borrow_mut() = data;
        self
    }

    /// The document as this very text.
    pub fn text(self, text: &str) -> Self {
        *self.host.data.borrow_mut() = serde_json::from_str(text).unwrap();
        *self.host.text.borrow_mut() = Some(text.into());
        self
    }

    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.host.files.insert(name.into(), text.into());
        self
    }

    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.host.config.insert(key.into(), value.into());
        self
    }

    /// The outcome of the next call.
    pub fn answer(self, outcome: Outcome) -> Self {
        self.host.answers.borrow_mut().push_back(outcome);
        self
    }

    /// A JSON response to the next call.
    pub fn json(self, status: u16, body: Value) -> Self {
        self.answer(response(
            status,
            "application/json; charset=utf-8",
            body.to_string().as_bytes(),
        ))
    }

    pub fn longest_pause(self, milliseconds: u64) -> Self {
        self.host.longest_pause.set(Some(milliseconds));
        self
    }

    pub fn calls_at_once(self, cap: usize) -> Self {
        self.host.cap.set(cap);
        self
    }

    pub fn condition(self) -> Result<String, String> {
        Engine::new(Rc::new(self.host)).unwrap().condition()
    }

    pub fn run(self) -> Ran {
        let host = Rc::new(self.host);
        let engine = prepared(&host);
        Ran {
            ended: engine.run(),
            host,
        }
    }
}

/// An engine that has compiled what it can of a step, as the server has it.
fn prepared(host: &Rc<Mock>) -> Engine {
    let new = || Engine::new(host.clone()).unwrap();
    for extent in [Extent::All, Extent::Entry, Extent::Common] {
        let engine = new();
        if engine.prepare(extent).is_ok() {
            return engine;
        }
    }
    new()
}

pub fn response(status: u16, kind: &str, body: &[u8]) -> Outcome {
    Outcome::Response(Response {
        status,
        status_text: if status == 200 { "OK" } else { "" }.into(),
        headers: vec![("content-type".into(), kind.into())],
        body: body.to_vec(),
        landed: None,
    })
}

impl Ran {
    /// The data after a run that must have finished.
    pub fn data(&self) -> Value {
        assert_eq!(self.ended, Ok(()));
        self.host.data.borrow().clone()
    }

    pub fn changes(&self) -> Vec<String> {
        assert_eq!(self.ended, Ok(()));
        self.host.changes.borrow().clone()
    }

    /// The lines of the log, errors with a mark.
    pub fn logs(&self) -> Vec<String> {
        let logs = self.host.logs.borrow();
        let line = |(level, text): &(Level, String)| match level {
            Level::Log => text.clone(),
            level => format!("{level:?}: {text}"),
        };
        logs.iter().map(line).collect()
    }

    /// The log of a run that must have finished.
    pub fn printed(&self) -> Vec<String> {
        assert_eq!(self.ended, Ok(()), "{:?}", self.logs());
        self.logs()
    }

    pub fn retry(&self) -> String {
        match &self.ended {
            Err(Failure::Retry(text)) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn stop(&self) -> String {
        match &self.ended {
            Err(Failure::Stop(text)) => text.clone(),
            other => panic!("{other:?}"),
        }
    }
}

impl Mock {
    fn begin(&self, takes: f64, outcome: Outcome) -> CallId {
        let id = self.next.get() + 1;
        self.next.set(id);
        let mut under_way = self.under_way.borrow_mut();
        under_way.push((id, self.clock.get() + takes, outcome));
        id
    }

    fn answer(&self) -> Outcome {
        if self.under_way.borrow().len() >= self.cap.get() {
            return Outcome::Failed {
                code: "too-many",
                text: "too many calls".into(),
            };
        }
        let next = self.answers.borrow_mut().pop_front();
        next.unwrap_or_else(|| response(200, "text/plain", b"ok"))
    }
}

fn parent<'a>(data: &'a mut Value, pointer: &str) -> (&'a mut Value, String) {
    let (path, token) = pointer.rsplit_once('/').unwrap();
    let token = token.replace("~1", "/").replace("~0", "~");
    (data.pointer_mut(path).unwrap(), token)
}

impl Host for Mock {
    fn entry(&self) -> Module {
        let (name, text) = self.entry.borrow().clone();
        Module { name, text }
    }

    fn load(&self, name: &str) -> Option<Module> {
        let text = self.files.get(name)?.clone();
        Some(Module {
            name: name.into(),
            text,
        })
    }

    fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    /// All files, so that every test is one of layers, too.
    fn first(&self, index: u32) -> Option<String> {
        let mut names = self.files.keys().filter(|name| !name.ends_with(".json"));
        names.nth(index as usize).cloned()
    }

    fn layer(&self) {
        self.layers.set(self.layers.get() + 1);
    }

    fn locale_data(&self, name: &str) -> Option<Vec<u8>> {
        stepwell_locale::get(name).map(<[u8]>::to_vec)
    }

    fn document(&self) -> String {
        let text = self.text.borrow().clone();
        text.unwrap_or_else(|| self.data.borrow().to_string())
    }

    fn set(&self, pointer: &str, json: &str) -> Result<(), String> {
        self.changes
            .borrow_mut()
            .push(format!("{pointer} = {json}"));
        let value: Value = serde_json::from_str(json).map_err(|e| format!("{json}: {e}"))?;
        let mut data = self.data.borrow_mut();
        let (parent, token) = parent(&mut data, pointer);
        match parent {
            Value::Object(map) => {
                map.insert(token, value);
            }
            Value::Array(list) => {
                let index: usize = token.parse().unwrap();
                if index == list.len() {
                    list.push(value);
                } else {
                    list[index] = value;
                }
            }
            other => return Err(format!("{pointer}: {other}")),
        }
        Ok(())
    }

    fn remove(&self, pointer: &str) -> Result<(), String> {
        self.changes.borrow_mut().push(format!("{pointer} -"));
        let mut data = self.data.borrow_mut();
        let (parent, token) = parent(&mut data, pointer);
        match parent {
            Value::Object(map) => {
                map.shift_remove(&token);
            }
            Value::Array(list) => {
                list.remove(token.parse().unwrap());
            }
            other => return Err(format!("{pointer}: {other}")),
        }
        Ok(())
    }

    fn task_id(&self) -> String {
        "0199-task".into()
    }

    fn task_name(&self) -> Option<String> {
        Some("a name".into())
    }

    fn set_task_name(&self, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("a name has 1 to 4096 bytes".into());
        }
        self.asked.borrow_mut().push(format!("name {name}"));
        Ok(())
    }

    fn task_tags(&self) -> Vec<String> {
        vec!["a".into(), "b".into()]
    }

    fn set_task_tags(&self, tags: Vec<String>) -> Result<(), String> {
        self.asked.borrow_mut().push(format!("tags {tags:?}"));
        Ok(())
    }

    fn config(&self, key: &str) -> Option<String> {
        self.config.get(key).cloned()
    }

    fn complete(&self, result: Option<&str>) -> Result<(), String> {
        self.asked.borrow_mut().push(format!("complete {result:?}"));
        Ok(())
    }

    fn ignore(&self) {
        self.asked.borrow_mut().push("ignore".into());
    }

    fn park(&self, milliseconds: u64) -> Result<(), String> {
        self.asked.borrow_mut().push(format!("park {milliseconds}"));
        Ok(())
    }

    fn retry_after(&self, milliseconds: u64) {
        self.asked
            .borrow_mut()
            .push(format!("retryAfter {milliseconds}"));
    }

    fn subtask(
        &self,
        name: &str,
        data: &str,
        into: Option<&str>,
        wait: bool,
    ) -> Result<String, String> {
        if into == Some("no") {
            return Err("`into`: `no` is not a JSON pointer".into());
        }
        self.asked
            .borrow_mut()
            .push(format!("subtask {name} {data} {into:?} {wait}"));
        Ok("0199-child".into())
    }

    fn redo(&self) {
        self.asked.borrow_mut().push("redo".into());
    }

    fn timeout(&self, milliseconds: u64) -> Result<(), String> {
        let asked = format!("timeout {milliseconds}");
        self.asked.borrow_mut().push(asked);
        Ok(())
    }

    fn complete_on_expire(&self) {
        self.asked.borrow_mut().push("completeOnExpire".into());
    }

    fn visualize(&self, json: &str) -> Result<(), String> {
        if json.len() > 1_000 {
            return Err("there is no room".into());
        }
        self.asked.borrow_mut().push(format!("visualize {json}"));
        Ok(())
    }

    fn respond(
        &self,
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<bool, String> {
        if status == 418 {
            return Err("418 is no status of a reply".into());
        }
        let body = String::from_utf8_lossy(&body);
        let asked = format!("respond {status} {headers:?} {body}");
        self.asked.borrow_mut().push(asked);
        Ok(true)
    }

    fn file_size(&self, _: &str) -> Result<Option<u64>, String> {
        Ok(None)
    }

    fn read_file(&self, _: &str, _: u64, _: u32) -> Result<Vec<u8>, String> {
        Err("there are no files".into())
    }

    fn fetch(&self, request: Request) -> CallId {
        let takes = if request.url.contains("slow") {
            1000.0
        } else {
            100.0
        };
        self.requests.borrow_mut().push(request);
        let answer = self.answer();
        self.begin(takes, answer)
    }

    fn call(&self, connector: &str, operation: &str, argument: &str) -> CallId {
        let argument = serde_json::from_str(argument).unwrap();
        let mut calls = self.calls.borrow_mut();
        calls.push((connector.into(), operation.into(), argument));
        let answer = self.answers.borrow_mut().pop_front();
        self.begin(50.0, answer.unwrap_or(Outcome::Value("null".into())))
    }

    fn pause(&self, milliseconds: u64) -> CallId {
        self.asked
            .borrow_mut()
            .push(format!("pause {milliseconds}"));
        if self
            .longest_pause
            .get()
            .is_some_and(|most| milliseconds > most)
        {
            let text = "the run may take 30 s".into();
            return self.begin(
                0.0,
                Outcome::Failed {
                    code: "failed",
                    text,
                },
            );
        }
        self.begin(milliseconds as f64, Outcome::Value("null".into()))
    }

    fn wait(&self) -> Vec<(CallId, Outcome)> {
        let mut under_way = self.under_way.borrow_mut();
        let next = under_way
            .iter()
            .map(|(_, at, _)| *at)
            .fold(f64::INFINITY, f64::min);
        assert!(next.is_finite(), "nothing is under way");
        self.clock.set(self.clock.get().max(next));
        let mut done = Vec::new();
        for (id, at, outcome) in std::mem::take(&mut *under_way) {
            if at <= next {
                done.push((id, outcome));
            } else {
                under_way.push((id, at, outcome));
            }
        }
        done
    }

    fn write(&self, level: Level, text: &str) {
        self.logs.borrow_mut().push((level, text.into()));
    }

    fn now(&self) -> f64 {
        self.clock.get()
    }

    fn random(&self, bytes: &mut [u8]) {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = at as u8 ^ 0xa5;
        }
    }
}
