//! Large objects and arrays of the document that were not read yet: each is a proxy that stands for a part of the
//! text. When a step asks for more than can be told from the text, the part is read, and the proxy becomes what was
//! read, under its own address: from then on it is a plain object or array like any other.
//!
//! An array may be read in part: its elements are read one by one as long as few are asked for.

mod hooks;
mod names;
mod read;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::{Ctx, Error, Object, Persistent, Result, Value, qjs};

use super::numbers::ByBits;
use super::shape::address;
use crate::raw::proxy;
use crate::scan::Elements;

pub use names::names;
pub use read::{become_of_target, become_read};
use read::{count, element, read_target, replace};

/// Elements of an array of fewer bytes are read at once.
const LARGE: usize = 4096;
/// So are those of an array of which so many were asked for one by one.
const MOST: u32 = 32;

/// Where the text comes from.
pub trait Source {
    fn text(&self) -> &str;
    /// The value between two places of the text, read.
    fn value<'js>(&self, ctx: &Ctx<'js>, from: usize, to: usize) -> Result<Value<'js>>;
    /// The same, unread if it is large. `is_usual` is what is known of the text around it.
    fn part<'js>(
        &self,
        ctx: &Ctx<'js>,
        from: usize,
        to: usize,
        is_usual: bool,
    ) -> Result<Value<'js>>;
    /// Where the elements are of the array that begins at a place.
    fn elements(&self, from: usize) -> Rc<Elements>;
    /// What was noted of an object or array belongs to another one from here on.
    fn moved<'js>(&self, from: &Value<'js>, to: &Value<'js>);
}

/// A part of the text that was left unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub from: usize,
    pub to: usize,
    /// It is as `JSON.stringify` would have it, but for its numbers.
    pub is_usual: bool,
}

/// What a step has read of a [`Part`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing that could have changed.
    Unread,
    /// Some elements of an array.
    InPart,
    Read,
}

struct Unread {
    part: Part,
    is_array: bool,
    is_read: bool,
    /// The address of the object that the proxy has as its target.
    target: usize,
    elements: Option<Rc<Elements>>,
    /// How often an element or member was asked for.
    asked: u32,
    /// Elements that were read and have an identity, and those that were replaced.
    own: BTreeMap<u32, Persistent<Value<'static>>>,
}

struct All {
    source: Rc<dyn Source>,
    handler: Persistent<Object<'static>>,
    handler_address: usize,
    /// By the address of the proxy. Where that is gone, another value may have its address, but not its handler.
    unread: ByBits<usize, Unread>,
    /// What was a proxy's target until a moment ago: a function of QuickJS's may still look at it.
    last: Option<Persistent<Value<'static>>>,
}

thread_local! {
    /// Those of the run that is under way.
    static ALL: RefCell<Option<All>> = const { RefCell::new(None) };
}

/// Lets proxies of a runtime be unread; false if that cannot be.
pub fn install(ctx: &Ctx<'_>) -> Result<bool> {
    proxy::replace(ctx, &hooks::METHODS)
}

/// Begins a run. `handler` is what all proxies have as their handler, and no others.
pub fn begin<'js>(ctx: &Ctx<'js>, source: Rc<dyn Source>, handler: Object<'js>) {
    let handler_address = address(handler.as_raw());
    let all = All {
        source,
        handler: Persistent::save(ctx, handler),
        handler_address,
        unread: ByBits::default(),
        last: None,
    };
    ALL.replace(Some(all));
}

/// Lets go of everything, so that the runtime can be dropped.
pub fn clear() {
    ALL.replace(None);
}

/// The object or array between two places of the text, unread. None if it must be read.
pub fn make<'js>(ctx: &Ctx<'js>, part: Part) -> Result<Option<Value<'js>>> {
    let begun = ALL.with_borrow(|all| {
        let all = all.as_ref()?;
        Some((Rc::clone(&all.source), all.handler.clone()))
    });
    let Some((source, handler)) = begun.filter(|_| proxy::original().is_some()) else {
        return Ok(None);
    };
    let is_array = match source.text().as_bytes().get(part.from) {
        Some(b'[') => true,
        Some(b'{') => false,
        _ => return Ok(None),
    };
    let handler = handler.restore(ctx)?;
    let context = ctx.as_raw().as_ptr();
    // SAFETY: new values, which are owned.
    let (target, made) = unsafe {
        let target = match is_array {
            true => qjs::JS_NewArray(context),
            false => qjs::JS_NewObject(context),
        };
        let target = Value::from_raw(ctx.clone(), target);
        if !target.is_object() {
            return Err(Error::Exception);
        }
        let made = qjs::JS_NewProxy(context, target.as_raw(), handler.as_raw());
        (target, Value::from_raw(ctx.clone(), made))
    };
    if !made.is_object() {
        return Err(Error::Exception);
    }
    let unread = Unread {
        part,
        is_array,
        is_read: false,
        target: address(target.as_raw()),
        elements: None,
        asked: 0,
        own: BTreeMap::new(),
    };
    // What had this address before is dropped behind the borrow.
    let _old = ALL.with_borrow_mut(|all| {
        let all = all.as_mut()?;
        all.unread.insert(address(made.as_raw()), unread)
    });
    Ok(Some(made))
}

/// Another proxy for the same part. None if the value is none that is unread.
pub fn copy<'js>(ctx: &Ctx<'js>, value: qjs::JSValue) -> Result<Option<Value<'js>>> {
    match found(value) {
        Some((part, State::Unread)) => make(ctx, part),
        _ => Ok(None),
    }
}

/// What a value is, if it is a proxy of a part.
pub fn found(value: qjs::JSValue) -> Option<(Part, State)> {
    of(value, |unread| {
        let state = match (unread.is_read, unread.own.is_empty()) {
            (true, _) => State::Read,
            (false, true) => State::Unread,
            (false, false) => State::InPart,
        };
        (unread.part, state)
    })
}

/// The same of a value of the bindings.
pub fn found_in(value: &Value<'_>) -> Option<(Part, State)> {
    found(value.as_raw())
}

/// Looks at the text of what was not read; None if the value is no such thing.
pub fn text_of<R>(value: qjs::JSValue, look: impl FnOnce(&str) -> Option<R>) -> Option<R> {
    let (part, state) = found(value)?;
    let source = source().filter(|_| state == State::Unread)?;
    look(source.text().get(part.from..part.to)?)
}

/// Whether a member of any object would be `toJSON` of this one, which is unread.
pub fn has_method(ctx: &Ctx<'_>, value: qjs::JSValue, to_json: qjs::JSAtom) -> bool {
    // SAFETY: a proxy that is unread has a target, which has no members.
    of(value, |_| unsafe { (*proxy::data(value)).target }).is_none_or(|target| unsafe {
        qjs::JS_HasProperty(ctx.as_raw().as_ptr(), target, to_json) != 0
    })
}

/// The elements of an array that were read or replaced one by one, with the place of the text that stands there.
pub fn own_elements<'js>(
    ctx: &Ctx<'js>,
    value: &Value<'js>,
) -> Result<Vec<(u32, (usize, usize), Value<'js>)>> {
    let own = of(value.as_raw(), |unread| unread.own.clone()).unwrap_or_default();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let (Some(elements), Some(source)) = (elements(value.as_raw()), source()) else {
        return Ok(Vec::new());
    };
    let all = own.into_iter().filter_map(|(index, kept)| {
        let place = elements.place(source.text().as_bytes(), index)?;
        Some(kept.restore(ctx).map(|value| (index, place, value)))
    });
    all.collect()
}

/// Looks at what is known of a proxy; None if it is none of these, or was read and became what it stood for.
fn of<R>(value: qjs::JSValue, look: impl FnOnce(&mut Unread) -> R) -> Option<R> {
    ALL.with_borrow_mut(|all| {
        let all = all.as_mut()?;
        // SAFETY: a proxy has these.
        unsafe {
            if !qjs::JS_IsProxy(value) || proxy::data(value).is_null() {
                return None;
            }
            if address((*proxy::data(value)).handler) != all.handler_address {
                return None;
            }
        }
        all.unread.get_mut(&address(value)).map(look)
    })
}

fn source() -> Option<Rc<dyn Source>> {
    ALL.with_borrow(|all| all.as_ref().map(|all| Rc::clone(&all.source)))
}

/// Where the elements of an array are; None if it is no array, or is read.
fn elements(value: qjs::JSValue) -> Option<Rc<Elements>> {
    let (from, known) = of(value, |unread| {
        let is_it = unread.is_array && !unread.is_read;
        is_it.then(|| (unread.part.from, unread.elements.clone()))
    })??;
    if known.is_some() {
        return known;
    }
    let made = source()?.elements(from);
    of(value, |unread| unread.elements = Some(Rc::clone(&made)));
    Some(made)
}
