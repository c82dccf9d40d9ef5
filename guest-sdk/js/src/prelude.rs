//! The JavaScript that stands before every step: evaluated once, kept in the snapshot.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::{Ctx, FromJs, Function, Object, Persistent, Result, Value, context::EvalOptions};

/// A file of the prelude, without its comments and indentation; see `build.rs`.
macro_rules! prelude {
    ($name:literal) => {
        include_str!(concat!(env!("OUT_DIR"), "/", $name, ".js"))
    };
}

/// One file a concern, in the order of their needs. Each is a function of the natives and of what
/// the files share.
const FILES: [(&str, &str); 43] = [
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
    ("files", prelude!("files")),
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

/// What the names of the engine's own files begin with. No file has such a name: a package takes none with an empty
/// segment.
pub const OWN: &str = "stepwell://";

/// The globals that the prelude uses, bound before any step can replace them.
const GLOBALS: &str = "Array, ArrayBuffer, BigInt, Boolean, DOMException, DataView, Date, Error, EvalError, Function, \
    JSON, Map, Math, Number, Object, Promise, Proxy, RangeError, ReferenceError, Reflect, RegExp, Set, \
    String, Symbol, SyntaxError, TypeError, URIError, Uint8Array, WeakMap, WeakSet, parseFloat, parseInt";

/// What nearly every run asks for, which would cost it a look-up by name.
#[derive(Clone, Copy)]
pub enum Usual {
    Lazy,
    Settle,
    FireTimer,
    NextTimer,
    Getter,
    Plain,
    ObjectPrototype,
}

impl Usual {
    /// In the order of their numbers: what has it, and its name there.
    const ALL: [(Option<&str>, &str); 7] = [
        (None, "lazy"),
        (None, "settle"),
        (None, "fireTimer"),
        (None, "nextTimer"),
        (Some("writeback"), "getter"),
        (Some("writeback"), "plain"),
        (Some("writeback"), "objectPrototype"),
    ];
}

/// What the prelude's files share with each other and with Rust.
#[derive(Clone, Default)]
pub struct Glue(Rc<RefCell<Shared>>);

#[derive(Default)]
struct Shared {
    own: Option<Persistent<Object<'static>>>,
    usual: Vec<Persistent<Value<'static>>>,
}

impl Glue {
    /// Evaluates the prelude.
    pub fn fill<'js>(&self, ctx: &Ctx<'js>, natives: Object<'js>) -> Result<()> {
        let own = Object::new(ctx.clone())?;
        self.0.borrow_mut().own = Some(Persistent::save(ctx, own.clone()));
        for (name, text) in FILES {
            let mut options = EvalOptions::default();
            options.filename = Some(format!("{OWN}{name}"));
            let bound = format!("(({GLOBALS}) => {text})({GLOBALS})");
            let file: Function = ctx.eval_with_options(bound, options)?;
            file.call::<_, ()>((natives.clone(), own.clone()))?;
        }
        for (holder, name) in Usual::ALL {
            let value: Value = match holder {
                Some(holder) => own.get::<_, Object>(holder)?.get(name)?,
                None => own.get(name)?,
            };
            let usual = Persistent::save(ctx, value);
            self.0.borrow_mut().usual.push(usual);
        }
        Ok(())
    }

    /// Lets go of everything, so that the runtime can be dropped.
    pub fn clear(&self) {
        self.0.take();
    }

    /// One of what nearly every run asks for.
    pub fn usual<'js, T: FromJs<'js>>(&self, ctx: &Ctx<'js>, what: Usual) -> Result<T> {
        let value = self.0.borrow().usual.get(what as usize).cloned();
        let value = value.ok_or(rquickjs::Error::Unknown)?.restore(ctx)?;
        T::from_js(ctx, value)
    }

    pub fn get<'js>(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let own = self.0.borrow().own.clone();
        own.ok_or(rquickjs::Error::Unknown)?.restore(ctx)
    }
}
