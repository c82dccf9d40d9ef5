//! The functions that the prelude calls in Rust. Authors never see them: the prelude wraps them.

mod bytes;
mod crypto;
mod encoding;
mod file_url;
mod files;
mod intl;
mod json;
mod sha256;
mod text;
mod url;

use std::cell::Cell;
use std::rc::Rc;

use rquickjs::{Ctx, Exception, Function, Object, Promise, Result, Value};

use crate::fault;
use crate::host::{Host, Level, Redirect, Request};
use crate::text::Text;
use bytes::Bytes;
pub use json::{Given, install as json};

/// Bytes of a line that are given to the host, which keeps fewer and refuses to take many more.
const LINE: usize = 128 * 1024;

/// How many calls, other than pauses, are under way.
pub type OpenCalls = Rc<Cell<usize>>;

/// All natives, as one object for the prelude.
pub fn install<'js>(ctx: &Ctx<'js>, host: &Rc<dyn Host>, open: &OpenCalls) -> Result<Object<'js>> {
    let natives = Object::new(ctx.clone())?;
    task(ctx, &natives, host)?;
    calls(ctx, &natives, host, open)?;
    crypto::install(ctx, &natives, host)?;
    encoding::install(ctx, &natives)?;
    files::install(ctx, &natives, host)?;
    intl::install(ctx, &natives, host)?;
    text::install(ctx, &natives)?;
    url::install(ctx, &natives)?;
    Ok(natives)
}

/// A host's refusal as a JavaScript error.
fn refused<T>(ctx: &Ctx<'_>, result: std::result::Result<T, String>) -> Result<T> {
    result.map_err(|text| Exception::throw_type(ctx, &text))
}

fn task<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, host: &Rc<dyn Host>) -> Result<()> {
    let add = |name: &str, function: Function<'js>| natives.set(name, function);
    let h = Rc::clone(host);
    add("taskId", Function::new(ctx.clone(), move || h.task_id())?)?;
    let h = Rc::clone(host);
    add(
        "taskName",
        Function::new(ctx.clone(), move || h.task_name())?,
    )?;
    let h = Rc::clone(host);
    let set_name = move |ctx: Ctx<'js>, name: Text| refused(&ctx, h.set_task_name(&name));
    add("setTaskName", Function::new(ctx.clone(), set_name)?)?;
    let h = Rc::clone(host);
    add(
        "taskTags",
        Function::new(ctx.clone(), move || h.task_tags())?,
    )?;
    let h = Rc::clone(host);
    let set_tags = move |ctx: Ctx<'js>, tags: Vec<Text>| {
        let tags = tags.into_iter().map(|tag| tag.0).collect();
        refused(&ctx, h.set_task_tags(tags))
    };
    add("setTaskTags", Function::new(ctx.clone(), set_tags)?)?;
    let h = Rc::clone(host);
    let config = move |key: Text| h.config(&key);
    add("config", Function::new(ctx.clone(), config)?)?;
    let h = Rc::clone(host);
    let complete =
        move |ctx: Ctx<'js>, json: Option<Text>| refused(&ctx, h.complete(json.as_deref()));
    add("complete", Function::new(ctx.clone(), complete)?)?;
    let h = Rc::clone(host);
    add("ignore", Function::new(ctx.clone(), move || h.ignore())?)?;
    let h = Rc::clone(host);
    let park = move |ctx: Ctx<'js>, milliseconds: f64| refused(&ctx, h.park(milliseconds as u64));
    add("park", Function::new(ctx.clone(), park)?)?;
    let h = Rc::clone(host);
    let retry_after = move |milliseconds: f64| h.retry_after(milliseconds as u64);
    add("retryAfter", Function::new(ctx.clone(), retry_after)?)?;
    let h = Rc::clone(host);
    let subtask = move |ctx: Ctx<'js>, name: Text, data: Text, into: Option<Text>, wait: bool| {
        refused(&ctx, h.subtask(&name, &data, into.as_deref(), wait))
    };
    add("subtask", Function::new(ctx.clone(), subtask)?)?;
    let h = Rc::clone(host);
    add("redo", Function::new(ctx.clone(), move || h.redo())?)?;
    let h = Rc::clone(host);
    let timeout =
        move |ctx: Ctx<'js>, milliseconds: f64| refused(&ctx, h.timeout(milliseconds as u64));
    add("timeout", Function::new(ctx.clone(), timeout)?)?;
    let h = Rc::clone(host);
    let complete_on_expire = move || h.complete_on_expire();
    add(
        "completeOnExpire",
        Function::new(ctx.clone(), complete_on_expire)?,
    )?;
    let h = Rc::clone(host);
    let visualize = move |ctx: Ctx<'js>, json: String| refused(&ctx, h.visualize(&json));
    add("visualize", Function::new(ctx.clone(), visualize)?)?;
    let h = Rc::clone(host);
    let respond = move |ctx: Ctx<'js>, status: f64, headers: Vec<Text>, body: Option<Bytes>| {
        let body = body.map(|body| body.0).unwrap_or_default();
        refused(&ctx, h.respond(status as u16, pairs(headers), body))
    };
    add("respond", Function::new(ctx.clone(), respond)?)?;
    let h = Rc::clone(host);
    let write = move |level: u8, text: Value<'js>| {
        let level = match level {
            0 => Level::Log,
            1 => Level::Warn,
            2 => Level::Error,
            _ => Level::Audit,
        };
        let mut text = fault::text(&text).unwrap_or_default();
        fault::cut(&mut text, LINE);
        h.write(level, &text);
    };
    add("write", Function::new(ctx.clone(), write)?)
}

fn calls<'js>(
    ctx: &Ctx<'js>,
    natives: &Object<'js>,
    host: &Rc<dyn Host>,
    open: &OpenCalls,
) -> Result<()> {
    let (h, count) = (Rc::clone(host), Rc::clone(open));
    let fetch = move |url: Text,
                      method: Text,
                      headers: Vec<Text>,
                      body: Option<Bytes>,
                      timeout: Option<f64>,
                      redirect: Text| {
        count.set(count.get() + 1);
        h.fetch(Request {
            url: url.0,
            method: method.0,
            headers: pairs(headers),
            body: body.map(|body| body.0).unwrap_or_default(),
            timeout_ms: timeout.map(|milliseconds| milliseconds as u64),
            redirect: match &*redirect {
                "manual" => Redirect::Manual,
                "error" => Redirect::Error,
                _ => Redirect::Follow,
            },
        })
    };
    natives.set("fetch", Function::new(ctx.clone(), fetch)?)?;
    let (h, count) = (Rc::clone(host), Rc::clone(open));
    let call = move |connector: Text, operation: Text, argument: Text| {
        count.set(count.get() + 1);
        h.call(&connector, &operation, &argument)
    };
    natives.set("call", Function::new(ctx.clone(), call)?)?;
    let h = Rc::clone(host);
    natives.set("now", Function::new(ctx.clone(), move || h.now())?)?;
    // A promise's state and value, without waiting for it; undefined for what is no promise.
    let peek = |ctx: Ctx<'js>, value: Value<'js>| -> Result<Option<Vec<Value<'js>>>> {
        let Some(promise) = value.as_promise() else {
            return Ok(None);
        };
        Ok(Some(match promise.result::<Value>() {
            None => Vec::new(),
            Some(Ok(value)) => vec![Value::new_bool(ctx, true), value],
            Some(Err(_)) => vec![Value::new_bool(ctx.clone(), false), ctx.catch()],
        }))
    };
    let peek = Function::new(ctx.clone(), move |ctx: Ctx<'js>, value: Value<'js>| {
        peek(ctx, value)
    })?;
    natives.set("peek", peek)?;
    let is_promise = Function::new(ctx.clone(), |value: Value<'js>| -> bool {
        let promise: Option<&Promise> = value.as_promise();
        promise.is_some()
    })?;
    natives.set("isPromise", is_promise)
}

/// Names and values, which come one after the other.
fn pairs(headers: Vec<Text>) -> Vec<(String, String)> {
    let mut texts = headers.into_iter();
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        pairs.push((name.0, value.0));
    }
    pairs
}
