//! Reading what was left unread.

use std::rc::Rc;

use rquickjs::{Ctx, Error, Persistent, Result, Value, qjs};

use super::{ALL, LARGE, MOST, elements, of, source};
use crate::plain::shape::address;
use crate::raw::proxy::{self, Extensible};

const ALL_FLAGS: i32 = qjs::JS_PROP_C_W_E as i32;

/// Reads the part of a proxy into the target that it stands before. The proxy stays one.
pub fn read_target(ctx: &Ctx<'_>, value: qjs::JSValue) -> Result<()> {
    let Some(Some(part)) = of(value, |unread| (!unread.is_read).then_some(unread.part)) else {
        return Ok(());
    };
    let source = source().ok_or(Error::Unknown)?;
    let made = source.value(ctx, part.from, part.to)?;
    let own = of(value, |unread| unread.own.clone());
    for (index, kept) in own.unwrap_or_default() {
        let kept = kept.restore(ctx)?;
        // SAFETY: an array of ours, that has such an element; the count that is given to the value is its own.
        let defined = unsafe {
            let context = ctx.as_raw().as_ptr();
            let kept = qjs::JS_DupValue(context, kept.as_raw());
            qjs::JS_DefinePropertyValueUint32(context, made.as_raw(), index, kept, ALL_FLAGS)
        };
        if defined < 0 {
            return Err(Error::Exception);
        }
    }
    // SAFETY: the target is an object or array of ours without members, which no one looks into; one more reference
    // is counted for it.
    let target = unsafe {
        let target = (*proxy::data(value)).target;
        proxy::exchange(made.as_raw(), target, Extensible::Stays);
        Value::from_raw(ctx.clone(), qjs::JS_DupValue(ctx.as_raw().as_ptr(), target))
    };
    source.moved(&made, &target);
    let _old = of(value, |unread| {
        unread.is_read = true;
        unread.elements = None;
        std::mem::take(&mut unread.own)
    });
    Ok(())
}

/// Reads the part of a proxy, which becomes what was read. Another value stays as it is.
pub fn become_read(ctx: &Ctx<'_>, value: qjs::JSValue) -> Result<()> {
    if of(value, |_| ()).is_none() {
        return Ok(());
    }
    read_target(ctx, value)?;
    let source = source().ok_or(Error::Unknown)?;
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the proxy has a target that is read. Both live; the count of the target goes from the proxy to the value
    // that holds it here.
    let (target, read) = unsafe {
        let target = (*proxy::data(value)).target;
        keep_private(context, value, target)?;
        proxy::exchange(value, target, Extensible::Moves);
        (*proxy::data(target)).target = qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0);
        let read = qjs::JS_DupValue(context, value);
        (
            Value::from_raw(ctx.clone(), target),
            Value::from_raw(ctx.clone(), read),
        )
    };
    source.moved(&target, &read);
    let target = Persistent::save(ctx, target);
    let _old = ALL.with_borrow_mut(|all| {
        let all = all.as_mut()?;
        let old = all.unread.remove(&address(value));
        Some((old, all.last.replace(target)))
    });
    Ok(())
}

/// Gives the target the private members of classes that the proxy has.
unsafe fn keep_private(
    context: *mut qjs::JSContext,
    value: qjs::JSValue,
    target: qjs::JSValue,
) -> Result<()> {
    // SAFETY: objects that live; the counts that are given to the values are their own.
    unsafe {
        let own = proxy::own_members(value);
        if own.is_empty() {
            return Ok(());
        }
        let was = proxy::set_extensible(target, true);
        let mut defined = 0;
        for (atom, flags, member) in own {
            let member = qjs::JS_DupValue(context, member);
            let flags = flags as i32 & ALL_FLAGS;
            defined |= qjs::JS_DefinePropertyValue(context, target, atom, member, flags);
        }
        proxy::set_extensible(target, was);
        if defined < 0 {
            return Err(Error::Exception);
        }
        Ok(())
    }
}

/// What a proxy becomes when its target is to get another prototype, or no more members: the target no longer belongs
/// to it, so that the function of QuickJS's that asked is given another one to look at, which takes members or not.
pub fn become_of_target<'js>(
    ctx: &Ctx<'js>,
    target: &Value<'js>,
    is_extensible: bool,
) -> Result<Option<Value<'js>>> {
    let looked_for = address(target.as_raw());
    let found = ALL.with_borrow(|all| {
        let mut unread = all.as_ref()?.unread.iter();
        let found = unread.find(|(_, unread)| unread.target == looked_for);
        found.map(|(at, _)| *at)
    });
    let Some(at) = found else { return Ok(None) };
    // SAFETY: the proxy lives, as its target has been asked for by way of it.
    let value = unsafe {
        let value = qjs::JS_MKPTR(qjs::JS_TAG_OBJECT, at as *mut _);
        Value::from_raw(ctx.clone(), qjs::JS_DupValue(ctx.as_raw().as_ptr(), value))
    };
    become_read(ctx, value.as_raw())?;
    // SAFETY: the target is a proxy by now, without a target of its own; a new object, which is owned.
    unsafe {
        let other = qjs::JS_NewObject(ctx.as_raw().as_ptr());
        if !is_extensible {
            qjs::JS_PreventExtensions(ctx.as_raw().as_ptr(), other);
        }
        (*proxy::data(target.as_raw())).target = other;
    }
    Ok(Some(value))
}

/// An element of an array that is read alone; None if all are to be read.
pub fn element(ctx: &Ctx<'_>, value: qjs::JSValue, index: u32) -> Result<Option<qjs::JSValue>> {
    let Some((kept, part)) = of(value, |unread| {
        let kept = unread.own.get(&index).cloned();
        unread.asked += u32::from(kept.is_none());
        let is_alone = unread.asked <= MOST && unread.part.to - unread.part.from >= LARGE;
        (kept, (is_alone && !unread.is_read).then_some(unread.part))
    }) else {
        return Ok(None);
    };
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the count that is given away is its own, here and below.
    let given = |value: &Value<'_>| unsafe { qjs::JS_DupValue(context, value.as_raw()) };
    if let Some(kept) = kept {
        return Ok(Some(given(&kept.restore(ctx)?)));
    }
    let (Some(part), Some(source)) = (part, source()) else {
        return Ok(None);
    };
    let place = elements(value).and_then(|all| all.place(source.text().as_bytes(), index));
    let Some((from, to)) = place else {
        return Ok(None);
    };
    let made = source.part(ctx, from, to, part.is_usual)?;
    if made.is_object() {
        let kept = Persistent::save(ctx, made.clone());
        of(value, |unread| unread.own.insert(index, kept));
    }
    Ok(Some(given(&made)))
}

/// Replaces an element of an array; false if all are to be read.
pub fn replace(ctx: &Ctx<'_>, value: qjs::JSValue, index: u32, element: qjs::JSValue) -> bool {
    // SAFETY: the count that is given to the value is its own.
    let element = unsafe {
        let element = qjs::JS_DupValue(ctx.as_raw().as_ptr(), element);
        Persistent::save(ctx, Value::from_raw(ctx.clone(), element))
    };
    let replaced = of(value, |unread| {
        unread.asked += 1;
        let is_alone = unread.asked <= MOST && unread.part.to - unread.part.from >= LARGE;
        (is_alone && !unread.is_read).then(|| unread.own.insert(index, element))
    });
    matches!(replaced, Some(Some(_)))
}

/// How many elements an array has, if it is one and was not read.
pub fn count(value: qjs::JSValue) -> Option<u32> {
    elements(value).map(|elements: Rc<_>| elements.count)
}
