//! Proxies of QuickJS, and what the runtime does when a member of one is asked for.
//!
//! The runtime has a table of classes, and a class that behaves otherwise than plain objects has a table of functions.
//! Here the one of proxies is replaced. A proxy can also become what it stands for, under its own address.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use rquickjs::{Ctx, Result, Value, qjs};

use super::{Link, Object, is_known, object};

/// `struct JSClass`.
#[repr(C)]
struct Class {
    id: u32,
    name: qjs::JSAtom,
    finalizer: *const c_void,
    mark: *const c_void,
    call: *const c_void,
    exotic: *const qjs::JSClassExoticMethods,
}

/// Sizes of blocks that the runtime has arenas for.
const SIZES: usize = 31;

/// `JSArenaState`.
#[repr(C, align(8))]
struct Arenas {
    lists: [[Link; SIZES]; 2],
    empty: Empty,
}

#[repr(C, align(8))]
struct Empty([u8; 8]);

/// The start of `struct JSRuntime`.
#[repr(C)]
struct Runtime {
    functions: qjs::JSMallocFunctions,
    counters: super::Counters,
    opaque: *const c_void,
    arenas: Arenas,
    info: *const c_void,
    atoms: [i32; 4],
    atom_hash: *const c_void,
    atom_array: *const c_void,
    free_atom: i32,
    next_class: u32,
    class_count: i32,
    classes: *mut Class,
}

/// `struct JSProxyData`.
#[repr(C)]
pub struct Data {
    pub target: qjs::JSValue,
    pub handler: qjs::JSValue,
    is_function: u8,
    is_revoked: u8,
}

/// What a proxy has.
///
/// # Safety
/// The value is a proxy, and the layout is known.
#[inline]
pub unsafe fn data(proxy: qjs::JSValue) -> *mut Data {
    // SAFETY: it stands where an array has room for its elements.
    unsafe { (*object(proxy)).room as *mut Data }
}

/// In an object's flags: it is some object's prototype; it takes new members.
const IS_PROTOTYPE: u16 = 1;
const IS_EXTENSIBLE: u16 = 2;

/// Which of two objects keeps that it takes new members or not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extensible {
    Stays,
    Moves,
}

/// Exchanges all that two objects are, but for their addresses and what is known by them.
///
/// # Safety
/// Both are objects that live, and no one looks into them; the layout is known.
pub unsafe fn exchange(a: qjs::JSValue, b: qjs::JSValue, extensible: Extensible) {
    let kept = match extensible {
        Extensible::Stays => IS_PROTOTYPE | IS_EXTENSIBLE,
        Extensible::Moves => IS_PROTOTYPE,
    };
    // SAFETY: as the caller says; they are two, or nothing changes.
    unsafe {
        let (a, b) = (object(a), object(b));
        if a == b {
            return;
        }
        let (old, new) = (a.read(), b.read());
        for (place, own, other) in [(a, &old, &new), (b, &new, &old)] {
            place.write(Object {
                link: own.link,
                weak: own.weak,
                flags: own.flags & kept | other.flags & !kept,
                ..*other
            });
        }
    }
}

/// Members that an object has of its own, with their flags; those of a proxy are private members of classes.
///
/// # Safety
/// The value is an object that lives, and is not changed as long as they are used; the layout is known.
pub unsafe fn own_members(value: qjs::JSValue) -> Vec<(qjs::JSAtom, u32, qjs::JSValue)> {
    // SAFETY: each member of the shape has a value.
    unsafe {
        let object = object(value);
        let all = super::members((*object).shape).iter().enumerate();
        all.filter(|(_, member)| member.atom != 0)
            .map(|(at, member)| (member.atom, member.flags(), *(*object).members.add(at)))
            .collect()
    }
}

/// Lets an object take new members, or no more; says what it did before.
///
/// # Safety
/// The value is an object that lives, and the layout is known.
pub unsafe fn set_extensible(value: qjs::JSValue, is_extensible: bool) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let object = object(value);
        let before = (*object).flags & IS_EXTENSIBLE != 0;
        (*object).flags = (*object).flags & !IS_EXTENSIBLE | u16::from(is_extensible) << 1;
        before
    }
}

/// The functions that QuickJS has for proxies. All runtimes of a process have the same.
static ORIGINAL: AtomicPtr<qjs::JSClassExoticMethods> = AtomicPtr::new(ptr::null_mut());

/// The same, once [`replace`] has replaced them.
pub fn original() -> Option<&'static qjs::JSClassExoticMethods> {
    // SAFETY: a constant of QuickJS, if it is there.
    unsafe { ORIGINAL.load(Ordering::Relaxed).as_ref() }
}

/// Gives proxies these functions; false if the runtime is not laid out as it is here. Then nothing has happened.
pub fn replace(ctx: &Ctx<'_>, methods: &'static qjs::JSClassExoticMethods) -> Result<bool> {
    if !is_known() {
        return Ok(false);
    }
    let made: Vec<Value> = ctx.eval(
        "(() => { const plain = {a: 1}; const base = {}; return [new Proxy(plain, base), plain, base, Object.setPrototypeOf({}, base), \
         Object.preventExtensions({})] })()",
    )?;
    let values: Vec<qjs::JSValue> = made.iter().map(Value::as_raw).collect();
    let &[proxy, plain, base, _, closed] = &values[..] else {
        return Ok(false);
    };
    // SAFETY: objects that live. Of the runtime is read what lies within its size; the table of classes is believed in
    // only if the counter beside it counts.
    unsafe {
        let flags = |value: qjs::JSValue| (*object(value)).flags & (IS_PROTOTYPE | IS_EXTENSIBLE);
        let has_flags = flags(plain) == IS_EXTENSIBLE
            && flags(base) == IS_EXTENSIBLE | IS_PROTOTYPE
            && flags(closed) == 0;
        let points_to = |value: qjs::JSValue, at: qjs::JSValue| object(value) == object(at);
        let class = usize::from((*object(proxy)).class);
        if !has_flags || (*object(proxy)).room == 0 || !qjs::JS_IsProxy(proxy) {
            return Ok(false);
        }
        let known = &*data(proxy);
        if !points_to(known.target, plain) || !points_to(known.handler, base) {
            return Ok(false);
        }
        let raw = qjs::JS_GetRuntime(ctx.as_raw().as_ptr());
        let runtime = raw.cast::<Runtime>();
        let before = (*runtime).next_class;
        let mut next = 0;
        qjs::JS_NewClassID(raw, &mut next);
        let is_counted = next == before && (*runtime).next_class == before + 1;
        if !is_counted || class as i32 >= (*runtime).class_count || (*runtime).classes.is_null() {
            return Ok(false);
        }
        let found = (*runtime).classes.add(class);
        if (*found).id as usize != class || (*found).exotic.is_null() {
            return Ok(false);
        }
        let is_whole = |methods: &qjs::JSClassExoticMethods| {
            methods.get_own_property.is_some()
                && methods.get_own_property_names.is_some()
                && methods.delete_property.is_some()
                && methods.define_own_property.is_some()
                && methods.has_property.is_some()
                && methods.get_property.is_some()
                && methods.set_property.is_some()
        };
        if !is_whole(&*(*found).exotic) {
            return Ok(false);
        }
        ORIGINAL.store((*found).exotic.cast_mut(), Ordering::Relaxed);
        (*found).exotic = methods;
        Ok(true)
    }
}
