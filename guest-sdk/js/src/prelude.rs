//! The JavaScript that stands before every step: evaluated once, kept in the snapshot.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::{Ctx, Function, Object, Persistent, Result, context::EvalOptions};

/// A file of the prelude, without its comments and indentation; see `build.rs`.
macro_rules! prelude {
    ($name:literal) => {
        include_str!(concat!(env!("OUT_DIR"), "/", $name, ".js"))
    };
}

/// One file a concern, in the order of their needs. Each is a function of the natives and of what
/// the files share.
const FILES: [(&str, &str); 42] = [
    ("primordials", prelude!("primordials")),
    ("data", prelude!("data")),
    ("json", prelude!("json")),
    ("inspect", prelude!("inspect")),
    ("format", prelude!("format")),
    ("console", prelude!("console")),
    ("buffer", prelude!("buffer")),
    ("buffer-methods", prelude!("buffer-methods")),
    ("encoding", prelude!("encoding")),
    ("clone", prelude!("clone")),
    ("url-params", prelude!("url-params")),
    ("url", prelude!("url")),
    ("timers", prelude!("timers")),
    ("events", prelude!("events")),
    ("abort", prelude!("abort")),
    ("streams", prelude!("streams")),
    ("readable", prelude!("readable")),
    ("blob", prelude!("blob")),
    ("form", prelude!("form")),
    ("headers", prelude!("headers")),
    ("body", prelude!("body")),
    ("wait", prelude!("wait")),
    ("place", prelude!("place")),
    ("config", prelude!("config")),
    ("connectors", prelude!("connectors")),
    ("fetch", prelude!("fetch")),
    ("webcrypto", prelude!("webcrypto")),
    ("crypto", prelude!("crypto")),
    ("intl-locale", prelude!("intl-locale")),
    ("intl-digits", prelude!("intl-digits")),
    ("intl-number", prelude!("intl-number")),
    ("intl-number-format", prelude!("intl-number-format")),
    ("intl-pattern", prelude!("intl-pattern")),
    ("intl-zone", prelude!("intl-zone")),
    ("intl-date", prelude!("intl-date")),
    ("intl-words", prelude!("intl-words")),
    ("intl-collate", prelude!("intl-collate")),
    ("intl", prelude!("intl")),
    ("condition", prelude!("condition")),
    ("task", prelude!("task")),
    ("querystring", prelude!("querystring")),
    ("modules", prelude!("modules")),
];

/// The globals that the prelude uses, bound before any step can replace them.
const GLOBALS: &str = "Array, ArrayBuffer, BigInt, Boolean, DOMException, DataView, Date, Error, EvalError, Function, \
    JSON, Map, Math, Number, Object, Promise, Proxy, RangeError, ReferenceError, Reflect, RegExp, Set, \
    String, Symbol, SyntaxError, TypeError, URIError, Uint8Array, WeakMap, WeakSet, parseFloat, parseInt";

/// What the prelude's files share with each other and with Rust.
#[derive(Clone, Default)]
pub struct Glue(Rc<RefCell<Option<Persistent<Object<'static>>>>>);

impl Glue {
    /// Evaluates the prelude.
    pub fn fill<'js>(&self, ctx: &Ctx<'js>, natives: Object<'js>) -> Result<()> {
        let own = Object::new(ctx.clone())?;
        *self.0.borrow_mut() = Some(Persistent::save(ctx, own.clone()));
        for (name, text) in FILES {
            let mut options = EvalOptions::default();
            options.filename = Some(format!("stepwell:{name}"));
            let bound = format!("(({GLOBALS}) => {text})({GLOBALS})");
            let file: Function = ctx.eval_with_options(bound, options)?;
            file.call::<_, ()>((natives.clone(), own.clone()))?;
        }
        Ok(())
    }

    /// Lets go of everything, so that the runtime can be dropped.
    pub fn clear(&self) {
        self.0.borrow_mut().take();
    }

    pub fn get<'js>(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let own = self.0.borrow().clone();
        own.ok_or(rquickjs::Error::Unknown)?.restore(ctx)
    }
}
