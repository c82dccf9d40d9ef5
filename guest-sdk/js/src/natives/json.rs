//! JSON text and copies of plain data, natively; see `prelude/json.js`.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::{Ctx, Exception, Function, Object, Result, Value};

use crate::document::Document;
use crate::plain::{self, Halves, Shapes, Style, Unwritten, unread};
use crate::prelude::Glue;

/// What JSON text may be nested before the engine's own functions take over.
const DEPTH: usize = 256;

/// The document of the run, once it has begun.
pub type Given = Rc<RefCell<Document>>;

/// `undefined`, by which a native says that the engine's own way is to be gone.
fn otherwise<'js>(ctx: &Ctx<'js>) -> Value<'js> {
    Value::new_undefined(ctx.clone())
}

pub fn install<'js>(
    ctx: &Ctx<'js>,
    natives: &Object<'js>,
    shapes: Shapes,
    given: &Given,
    glue: &Glue,
) -> Result<()> {
    let of = Rc::clone(given);
    let defer = move |ctx: Ctx<'js>, getter: Function<'js>, from: f64, to: f64| {
        of.borrow().defer(&ctx, getter, from as usize, to as usize);
    };
    natives.set("defer", Function::new(ctx.clone(), defer)?)?;
    let of = Rc::clone(given);
    let is_deferred =
        move |getter: Value<'js>| of.borrow().deferred(plain::address(&getter)).is_some();
    natives.set("isDeferred", Function::new(ctx.clone(), is_deferred)?)?;
    let (of, lazily) = (Rc::clone(given), glue.clone());
    let take_deferred = move |ctx: Ctx<'js>, getter: Function<'js>| -> Result<Value<'js>> {
        let document = of.borrow().clone();
        let Some((from, to)) = document.take_deferred(&getter) else {
            return Ok(otherwise(&ctx));
        };
        document.value(&ctx, shapes, &lazily, from, to)
    };
    natives.set("takeDeferred", Function::new(ctx.clone(), take_deferred)?)?;

    let unread_of = |ctx: Ctx<'js>, target: Value<'js>, extensible: bool| -> Result<Value<'js>> {
        let found = unread::become_of_target(&ctx, &target, extensible)?;
        Ok(found.unwrap_or_else(|| otherwise(&ctx)))
    };
    natives.set("unreadOf", Function::new(ctx.clone(), unread_of)?)?;

    let names = move |ctx: Ctx<'js>, object: Value<'js>| -> Result<Value<'js>> {
        let names = unread::names(&ctx, shapes.memory.overhead, &object)?;
        Ok(names.unwrap_or_else(|| otherwise(&ctx)))
    };
    natives.set("names", Function::new(ctx.clone(), names)?)?;

    let of = Rc::clone(given);
    let parse =
        move |ctx: Ctx<'js>, text: Value<'js>| parse(&ctx, shapes, &of.borrow().clone(), &text);
    natives.set("parse", Function::new(ctx.clone(), parse)?)?;
    let of = Rc::clone(given);
    let stringify = move |ctx: Ctx<'js>, value: Value<'js>, gap: String, replaces: bool| {
        let halves = if replaces {
            Halves::Replaced
        } else {
            Halves::Escaped
        };
        stringify(&ctx, shapes, &of.borrow().clone(), &value, &gap, halves)
    };
    natives.set("stringify", Function::new(ctx.clone(), stringify)?)?;
    let of = Rc::clone(given);
    let spelled = move |ctx: Ctx<'js>, number: f64| -> Result<Option<String>> {
        let document = of.borrow().clone();
        let numbers = document.numbers();
        match numbers.text(number, None, document.text()) {
            Ok(text) => Ok(text.map(|text| text.to_string())),
            Err(ambiguous) => Err(Exception::throw_type(
                &ctx,
                &format!("a number {ambiguous}"),
            )),
        }
    };
    natives.set("spelled", Function::new(ctx.clone(), spelled)?)?;
    let of = Rc::clone(given);
    let has_spelled = move || !of.borrow().numbers().is_empty();
    natives.set("hasSpelled", Function::new(ctx.clone(), has_spelled)?)?;
    let (of, lazy) = (Rc::clone(given), glue.clone());
    let clone = move |ctx: Ctx<'js>, value: Value<'js>| -> Result<Value<'js>> {
        let lazy: Function = lazy.get(&ctx)?.get("lazy")?;
        clone(&ctx, shapes, &of.borrow().clone(), &lazy, &value)
    };
    natives.set("clone", Function::new(ctx.clone(), clone)?)
}

fn clone<'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    document: &Document,
    lazy: &Function<'js>,
    value: &Value<'js>,
) -> Result<Value<'js>> {
    let mut defer = |holder: &Value<'js>, key: &Value<'js>, getter: usize| -> Result<bool> {
        let Some((from, to)) = document.deferred(getter) else {
            return Ok(false);
        };
        lazy.call::<_, ()>((holder.clone(), key.clone(), from as f64, to as f64))?;
        Ok(true)
    };
    let copy = plain::clone(ctx, shapes, value, document.numbers(), &mut defer)?;
    Ok(copy.unwrap_or_else(|| otherwise(ctx)))
}

fn parse<'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    document: &Document,
    text: &Value<'js>,
) -> Result<Value<'js>> {
    // Half a surrogate pair is no UTF-8.
    let Some(Ok(text)) = text.as_string().map(|text| text.to_string()) else {
        return Ok(otherwise(ctx));
    };
    let value = plain::parse(
        ctx,
        shapes,
        &text,
        (0, text.len()),
        document.numbers(),
        None,
    )?;
    Ok(value.unwrap_or_else(|| otherwise(ctx)))
}

fn stringify<'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    document: &Document,
    value: &Value<'js>,
    gap: &str,
    halves: Halves,
) -> Result<Option<Value<'js>>> {
    let style = Style {
        halves,
        gap: gap.as_bytes(),
        depth: DEPTH,
        numbers: document.numbers(),
        document: document.text(),
        deferred: &|getter| document.usual_text(getter),
    };
    let mut out = Vec::new();
    match plain::write(ctx, shapes, value, None, &style, &mut out) {
        Ok(()) => Ok(Some(plain::string(ctx, &out)?)),
        Err(Unwritten::Behaves) => Ok(None),
        Err(Unwritten::Wrong(text)) => Err(Exception::throw_type(ctx, &format!("a number {text}"))),
        Err(Unwritten::Thrown(error)) => Err(error),
    }
}
