//! What QuickJS calls for a proxy. One that is not unread is left to the functions that QuickJS has for it.

use std::ffi::c_int;
use std::ptr::NonNull;

use rquickjs::{Ctx, Error, Exception, qjs};

use super::names::{Member, member};
use super::{become_read, count, element, of, read_target, replace};
use crate::plain::shape::{address, tag};
use crate::raw::proxy;

pub static METHODS: qjs::JSClassExoticMethods = qjs::JSClassExoticMethods {
    get_own_property: Some(get_own_property),
    get_own_property_names: Some(get_own_property_names),
    delete_property: Some(delete_property),
    define_own_property: Some(define_own_property),
    has_property: Some(has_property),
    get_property: Some(get_property),
    set_property: Some(set_property),
};

/// Calls a function that QuickJS has for proxies.
macro_rules! original {
    ($name:ident($($argument:expr),*), $failed:expr) => {
        match proxy::original().and_then(|original| original.$name) {
            Some(function) => unsafe { function($($argument),*) },
            None => $failed,
        }
    };
}

const FAILED: c_int = -1;
const EXCEPTION: qjs::JSValue = qjs::JS_EXCEPTION;

fn is_unread(value: qjs::JSValue) -> bool {
    of(value, |_| ()).is_some()
}

/// Calls with the context; an error is thrown, and gives None.
fn within<R>(
    context: *mut qjs::JSContext,
    call: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<R>,
) -> Option<R> {
    // SAFETY: QuickJS's own, which lives.
    let ctx = unsafe { Ctx::from_raw(NonNull::new(context)?) };
    match call(&ctx) {
        Ok(result) => Some(result),
        Err(Error::Exception) => None,
        Err(error) => {
            Exception::throw_internal(&ctx, &error.to_string());
            None
        }
    }
}

/// The index that an atom is.
fn index(atom: qjs::JSAtom) -> Option<u32> {
    const IS_INTEGER: qjs::JSAtom = 1 << 31;
    (atom & IS_INTEGER != 0).then_some(atom & !IS_INTEGER)
}

fn is_same(object: qjs::JSValue, receiver: qjs::JSValue) -> bool {
    tag(receiver) == qjs::JS_TAG_OBJECT && address(object) == address(receiver)
}

fn is_length(atom: qjs::JSAtom) -> bool {
    atom == qjs::JS_ATOM_length as qjs::JSAtom
}

unsafe extern "C" fn get_own_property(
    context: *mut qjs::JSContext,
    found: *mut qjs::JSPropertyDescriptor,
    object: qjs::JSValue,
    atom: qjs::JSAtom,
) -> c_int {
    // The object stays a proxy: the names of its members may be asked for right now.
    if is_unread(object) && within(context, |ctx| read_target(ctx, object)).is_none() {
        return FAILED;
    }
    original!(get_own_property(context, found, object, atom), FAILED)
}

unsafe extern "C" fn get_own_property_names(
    context: *mut qjs::JSContext,
    names: *mut *mut qjs::JSPropertyEnum,
    length: *mut u32,
    object: qjs::JSValue,
) -> c_int {
    if is_unread(object) && within(context, |ctx| read_target(ctx, object)).is_none() {
        return FAILED;
    }
    original!(
        get_own_property_names(context, names, length, object),
        FAILED
    )
}

unsafe extern "C" fn delete_property(
    context: *mut qjs::JSContext,
    object: qjs::JSValue,
    atom: qjs::JSAtom,
) -> c_int {
    if !is_unread(object) {
        return original!(delete_property(context, object, atom), FAILED);
    }
    match within(context, |ctx| become_read(ctx, object)) {
        // SAFETY: an object that lives.
        Some(()) => unsafe { qjs::JS_DeleteProperty(context, object, atom, 0) },
        None => FAILED,
    }
}

unsafe extern "C" fn define_own_property(
    context: *mut qjs::JSContext,
    object: qjs::JSValue,
    atom: qjs::JSAtom,
    value: qjs::JSValue,
    getter: qjs::JSValue,
    setter: qjs::JSValue,
    flags: c_int,
) -> c_int {
    if !is_unread(object) {
        return original!(
            define_own_property(context, object, atom, value, getter, setter, flags),
            FAILED
        );
    }
    match within(context, |ctx| become_read(ctx, object)) {
        // SAFETY: an object that lives.
        Some(()) => unsafe {
            qjs::JS_DefineProperty(context, object, atom, value, getter, setter, flags)
        },
        None => FAILED,
    }
}

unsafe extern "C" fn has_property(
    context: *mut qjs::JSContext,
    object: qjs::JSValue,
    atom: qjs::JSAtom,
) -> c_int {
    if is_unread(object) {
        let is_of_target = match count(object) {
            Some(count) if index(atom).is_some_and(|index| index < count) => return 1,
            // What an array has beside its elements, its target has.
            Some(_) => true,
            None => match within(context, |ctx| member(ctx, object, atom)) {
                Some(Member::Absent) => true,
                Some(Member::Value(value)) => {
                    // SAFETY: it is owned.
                    unsafe { qjs::JS_FreeValue(context, value) };
                    return 1;
                }
                Some(Member::Unknown) => false,
                None => return FAILED,
            },
        };
        if !is_of_target && within(context, |ctx| read_target(ctx, object)).is_none() {
            return FAILED;
        }
    }
    original!(has_property(context, object, atom), FAILED)
}

unsafe extern "C" fn get_property(
    context: *mut qjs::JSContext,
    object: qjs::JSValue,
    atom: qjs::JSAtom,
    receiver: qjs::JSValue,
) -> qjs::JSValue {
    if !is_unread(object) {
        return original!(get_property(context, object, atom, receiver), EXCEPTION);
    }
    if let Some(count) = count(object) {
        if is_length(atom) {
            return qjs::JS_MKVAL(qjs::JS_TAG_INT, count as i32);
        }
        let Some(index) = index(atom).filter(|index| *index < count) else {
            // The target has no elements, and the same prototype.
            return original!(get_property(context, object, atom, receiver), EXCEPTION);
        };
        match within(context, |ctx| element(ctx, object, index)) {
            Some(Some(element)) => return element,
            Some(None) => {}
            None => return EXCEPTION,
        }
    } else {
        match within(context, |ctx| member(ctx, object, atom)) {
            Some(Member::Absent) => {
                return original!(get_property(context, object, atom, receiver), EXCEPTION);
            }
            Some(Member::Value(value)) => return value,
            Some(Member::Unknown) => {}
            None => return EXCEPTION,
        }
    }
    if !is_same(object, receiver) {
        return match within(context, |ctx| read_target(ctx, object)) {
            Some(()) => original!(get_property(context, object, atom, receiver), EXCEPTION),
            None => EXCEPTION,
        };
    }
    match within(context, |ctx| become_read(ctx, object)) {
        // SAFETY: an object that lives.
        Some(()) => unsafe { qjs::JS_GetProperty(context, object, atom) },
        None => EXCEPTION,
    }
}

unsafe extern "C" fn set_property(
    context: *mut qjs::JSContext,
    object: qjs::JSValue,
    atom: qjs::JSAtom,
    value: qjs::JSValue,
    receiver: qjs::JSValue,
    flags: c_int,
) -> c_int {
    if is_unread(object) {
        let is_own = is_same(object, receiver);
        if let (true, Some(index), Some(count)) = (is_own, index(atom), count(object))
            && index < count
        {
            match within(context, |ctx| Ok(replace(ctx, object, index, value))) {
                Some(true) => return 1,
                Some(false) => {}
                None => return FAILED,
            }
        }
        if within(context, |ctx| read_target(ctx, object)).is_none() {
            return FAILED;
        }
    }
    // It ends with a member being defined, and then the object becomes what was read.
    original!(
        set_property(context, object, atom, value, receiver, flags),
        FAILED
    )
}
