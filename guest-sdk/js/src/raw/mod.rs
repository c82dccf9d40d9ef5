//! How QuickJS-ng 0.16.2 (rquickjs-sys 0.14.0) lays out its values in memory. Reading a member through the engine's
//! functions costs a hundred times what it costs here, and a mebibyte of data has half a million of them.
//! [`Layout::new`] looks whether everything is where it is expected; if not, nobody looks here.

#![allow(unsafe_code)]

pub mod model;
pub mod proxy;
pub mod slab;
pub mod utf8;

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use rquickjs::{Ctx, Result, Value, qjs};

use slab::Header;

/// `struct list_head`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Link {
    pub next: *mut Link,
    pub previous: *mut Link,
}

/// `struct JSObject`, with the part that an array has.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Object {
    pub link: Link,
    flags: u16,
    pub class: u16,
    pub shape: *mut Shape,
    /// `struct JSProperty`, of which one without accessors is a value.
    pub members: *mut qjs::JSValue,
    weak: *mut c_void,
    /// For how many elements there is room: four bytes of it.
    pub room: usize,
    pub elements: *mut qjs::JSValue,
    pub length: u32,
}

/// `struct JSShape`, which is followed by a hash table and [`ShapeMember`]s.
#[repr(C)]
pub struct Shape {
    link: Link,
    is_hashed: u8,
    hash: u32,
    mask: u32,
    room: i32,
    count: i32,
    deleted: i32,
    next: *mut Shape,
    prototype: *mut Object,
    table: [u32; 0],
}

/// `struct JSShapeProperty`: an index of 26 bits and six flags, and a name.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ShapeMember {
    bits: u32,
    pub atom: qjs::JSAtom,
}

impl ShapeMember {
    pub fn flags(self) -> u32 {
        self.bits >> 26
    }
}

/// `struct JSString`, which is followed by its characters if it is of the usual kind.
#[repr(C)]
struct Text {
    length: u32,
    kind: u32,
    next: u32,
    weak: *mut c_void,
}

/// What was found out about the memory of a runtime.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Whether values are laid out as they are here.
    pub is_known: bool,
    /// What the runtime adds to the size of each block that it counts; None if a block cannot be made here.
    pub overhead: Option<usize>,
}

/// The counters of a runtime, `struct JSMallocState`.
#[repr(C)]
pub struct Counters {
    pub blocks: usize,
    pub bytes: usize,
    pub most: usize,
}

/// The counters of the runtime of a context.
///
/// # Safety
/// The context lives, and [`Layout::overhead`] is known.
pub unsafe fn counters(context: *mut qjs::JSContext) -> *mut Counters {
    // SAFETY: they come after the functions of the allocator.
    unsafe {
        qjs::JS_GetRuntime(context)
            .cast::<qjs::JSMallocFunctions>()
            .add(1)
            .cast()
    }
}

/// An object's memory.
///
/// # Safety
/// The value is an object.
#[inline(always)]
pub unsafe fn object(value: qjs::JSValue) -> *mut Object {
    // SAFETY: the tag says so.
    unsafe { qjs::JS_VALUE_GET_PTR(value).cast() }
}

/// The members that a shape has, removed ones among them.
///
/// # Safety
/// The shape lives.
pub unsafe fn members<'a>(shape: *const Shape) -> &'a [ShapeMember] {
    // SAFETY: they come after the hash table, which has `mask + 1` entries.
    unsafe {
        let table = ptr::addr_of!((*shape).table).cast::<u32>();
        let first = table.add((*shape).mask as usize + 1).cast::<ShapeMember>();
        std::slice::from_raw_parts(first, (*shape).count as usize)
    }
}

/// One more reference to a value.
///
/// # Safety
/// The value lives, and the layout is known.
#[inline(always)]
pub unsafe fn keep(value: qjs::JSValue) -> qjs::JSValue {
    // SAFETY: a value with a negative tag has a header in front of it.
    unsafe {
        if qjs::JS_VALUE_GET_TAG(value) < 0 {
            count(qjs::JS_VALUE_GET_PTR(value));
        }
    }
    value
}

/// Counts one more reference to what stands at an address.
///
/// # Safety
/// It lives, and has a header in front of it.
#[inline(always)]
pub unsafe fn count(at: *mut c_void) {
    // SAFETY: as the caller says.
    unsafe { (*at.cast::<Header>().sub(1)).count += 1 }
}

/// The characters of a string.
#[derive(Clone, Copy)]
pub enum Characters<'a> {
    /// Each has a byte, in Latin-1.
    Latin(&'a [u8]),
    /// UTF-16.
    Wide(&'a [u16]),
}

/// The characters of a string; None if it is put together of others.
///
/// # Safety
/// The value is a string or rope that lives as long as the slice is used, and the layout is known.
#[inline]
pub unsafe fn characters<'a>(value: qjs::JSValue) -> Option<Characters<'a>> {
    // SAFETY: the tag says that it is a string.
    unsafe {
        if qjs::JS_VALUE_GET_TAG(value) != qjs::JS_TAG_STRING {
            return None;
        }
        let text = qjs::JS_VALUE_GET_PTR(value).cast::<Text>();
        let (bits, kind) = ((*text).length, (*text).kind >> 28 & 3);
        let (length, is_wide) = ((bits & i32::MAX as u32) as usize, bits >> 31 != 0);
        let first = text.add(1);
        match (kind, is_wide) {
            (0, false) => Some(Characters::Latin(std::slice::from_raw_parts(
                first.cast(),
                length,
            ))),
            (0, true) => Some(Characters::Wide(std::slice::from_raw_parts(
                first.cast(),
                length,
            ))),
            _ => None,
        }
    }
}

/// Whether [`Layout::new`] found values laid out as they are here. All runtimes of a process are alike.
static IS_KNOWN: AtomicBool = AtomicBool::new(false);

/// Whether values are laid out as they are here.
pub fn is_known() -> bool {
    IS_KNOWN.load(Ordering::Relaxed)
}

/// The characters of a string, if they can be read here; see [`characters`].
///
/// # Safety
/// The string lives as long as the slice is used.
pub unsafe fn of_string<'a>(value: qjs::JSValue) -> Option<Characters<'a>> {
    // SAFETY: as the caller says.
    is_known().then(|| unsafe { characters(value) })?
}

impl Layout {
    const UNKNOWN: Self = Self {
        is_known: false,
        overhead: None,
    };

    pub fn new(ctx: &Ctx<'_>) -> Result<Self> {
        let made: Vec<Value> = ctx.eval(
            "[[7, 'é', true], [], {a: 1, b: 'x'}, {b: 1, a: 2}, {a: 3, b: 4}, 'plain', '\u{20ac}', Object.freeze({a: 1, b: 2})]",
        )?;
        let values: Vec<qjs::JSValue> = made.iter().map(Value::as_raw).collect();
        let &[row, empty, one, other, same, text, wide, frozen] = &values[..] else {
            return Ok(Self::UNKNOWN);
        };
        // SAFETY: objects and strings that live. What is read lies within the least that they have.
        unsafe {
            let [row, empty, one, other, same, frozen] =
                [row, empty, one, other, same, frozen].map(|value| object(value));
            let is_int = |value: qjs::JSValue, int: i32| {
                qjs::JS_VALUE_GET_TAG(value) == qjs::JS_TAG_INT
                    && qjs::JS_VALUE_GET_INT(value) == int
            };
            let is_true = |value: qjs::JSValue| {
                qjs::JS_VALUE_GET_TAG(value) == qjs::JS_TAG_BOOL && qjs::JS_VALUE_GET_BOOL(value)
            };
            let [array, plain] = [values[0], values[2]].map(|value| qjs::JS_GetClassID(value));
            let is_array = u32::from((*row).class) == array
                && (*row).shape == (*empty).shape
                && (*row).length == 3
                && (*empty).length == 0
                && (*empty).elements.is_null()
                && is_int(*(*row).members, 3)
                && is_int(*(*row).elements, 7)
                && is_true(*(*row).elements.add(2));
            let is_object = u32::from((*one).class) == plain
                && (*one).shape == (*same).shape
                && (*one).shape != (*other).shape
                && (*one).shape != (*frozen).shape
                && is_int(*(*one).members, 1)
                && is_int(*(*same).members.add(1), 4);
            let flags = |object: *mut Object| -> Vec<u32> {
                members((*object).shape)
                    .iter()
                    .map(|member| member.flags())
                    .collect()
            };
            let names = |object: *mut Object| -> Vec<qjs::JSAtom> {
                members((*object).shape)
                    .iter()
                    .map(|member| member.atom)
                    .collect()
            };
            let mut reversed = names(other);
            reversed.reverse();
            let is_shape = flags(one) == [qjs::JS_PROP_C_W_E; 2]
                && flags(frozen) == [qjs::JS_PROP_ENUMERABLE; 2]
                && names(one) == reversed;
            let is_text = matches!(characters(text), Some(Characters::Latin(b"plain")))
                && matches!(characters(wide), Some(Characters::Wide([0x20ac])))
                && matches!(
                    characters(*(*row).elements.add(1)),
                    Some(Characters::Latin(b"\xe9"))
                );
            let before = (*object(values[0]).cast::<Header>().sub(1)).count;
            let kept = qjs::JS_DupValue(ctx.as_raw().as_ptr(), values[0]);
            let is_counted = (*object(values[0]).cast::<Header>().sub(1)).count == before + 1;
            qjs::JS_FreeValue(ctx.as_raw().as_ptr(), kept);
            let is_known = is_array && is_object && is_shape && is_text && is_counted;
            IS_KNOWN.store(is_known, Ordering::Relaxed);
            Ok(Self {
                is_known,
                overhead: if is_known { overhead(ctx, row) } else { None },
            })
        }
    }
}

/// What a runtime adds to the size of a block, if its counters stand where they are looked for, an object has the
/// size that it has here, and the allocator knows the blocks of a slab.
unsafe fn overhead(ctx: &Ctx<'_>, object: *mut Object) -> Option<usize> {
    if !cfg!(any(target_family = "wasm", target_os = "linux")) {
        return None;
    }
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the counters are read; the block is given back.
    unsafe {
        if qjs::js_malloc_usable_size(context, object.cast()) as usize != size_of::<Object>() {
            return None;
        }
        let counters = counters(context);
        let (blocks, bytes) = ((*counters).blocks, (*counters).bytes);
        let block = qjs::js_malloc(context, 24);
        if block.is_null() {
            return None;
        }
        let usable = qjs::js_malloc_usable_size(context, block) as usize;
        let (more, longer) = ((*counters).blocks - blocks, (*counters).bytes - bytes);
        qjs::js_free(context, block);
        (more == 1 && (*counters).bytes == bytes).then(|| longer.checked_sub(usable))?
    }
}
