//! The members of an object, remembered for the objects that have the same. The engine gives objects
//! that were built alike one "shape", whose address stands in the object.

mod direct;
mod elements;
mod layout;

use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::{Ctx, Error, Result, Value, qjs};

use super::numbers::{Key, Mark, Numbers};
use super::text::is_same as is_same_text;
use crate::raw::{self, Layout as Memory};

/// Shapes that are remembered at once.
const MOST: usize = 64;
/// Places for the layouts that came last.
const LAST: usize = 16;

/// What the engine was asked once, before a step's code ran.
#[derive(Clone, Copy)]
pub struct Shapes {
    /// The classes of plain objects, of arrays, of proxies, and of what `JSON.rawJSON` makes.
    pub object: qjs::JSClassID,
    pub array: qjs::JSClassID,
    pub proxy: qjs::JSClassID,
    pub raw: qjs::JSClassID,
    /// How values are laid out in memory.
    pub memory: Memory,
    pub to_json: qjs::JSAtom,
    pub raw_json: qjs::JSAtom,
}

/// The members of the objects of one shape.
pub struct Layout {
    pub members: Vec<Member>,
    pub kind: Kind,
    /// Each member is a value, and stands in the object's memory at [`Member::place`].
    is_direct: bool,
    /// It has private members of its class.
    pub is_private: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Reading the members runs nothing.
    Values,
    /// An accessor is among them.
    Accessors,
    /// JSON would call the object's `toJSON`, or a name is no UTF-8.
    Method,
}

pub struct Member {
    pub atom: qjs::JSAtom,
    /// The name as JSON, with quotes.
    pub quoted: Box<[u8]>,
    /// The name as JSON with what stands in front of it, a comma or the object's brace, and the colon.
    lead: Box<[u8]>,
    /// The first eight bytes of that, and which of them count.
    word: u64,
    mask: u64,
    place: usize,
}

/// The layouts seen in one walk, in which no JavaScript runs. The first object of each shape is
/// kept, and with it the shape and its atoms.
pub struct Walk<'js> {
    pub ctx: Ctx<'js>,
    pub context: *mut qjs::JSContext,
    pub shapes: Shapes,
    seen: BTreeMap<usize, (Rc<Layout>, Value<'js>)>,
    last: [(usize, Option<Rc<Layout>>); LAST],
    /// Shapes of which one object came, by the same places.
    first: [usize; LAST],
    /// The shape of objects without members, once one was seen.
    empty_shape: usize,
    /// An array that has only elements, and whether JSON takes such arrays as they are.
    array: Value<'js>,
    pub is_array_plain: bool,
}

/// A member or element as it stands there.
#[derive(Clone, Copy)]
pub enum Slot {
    /// A value that is owned.
    Value(qjs::JSValue),
    /// A value that belongs to the object or array.
    Seen(qjs::JSValue),
    /// The getter of an accessor, owned.
    Getter(qjs::JSValue),
    Absent,
}

/// The elements of an array.
#[derive(Clone, Copy)]
pub struct Elements {
    pub length: u32,
    /// They stand in a row: reading them runs nothing.
    is_row: bool,
    /// Where they stand in memory, if all of them do.
    first: Option<*const qjs::JSValue>,
}

impl Elements {
    /// Those that stand in a row in memory, from one on.
    ///
    /// # Safety
    /// The array lives and is not changed as long as they are used.
    #[inline]
    pub unsafe fn rest<'a>(&self, from: u32) -> &'a [qjs::JSValue] {
        match self.first {
            // SAFETY: there are so many.
            Some(first) if from < self.length => unsafe {
                std::slice::from_raw_parts(first.add(from as usize), (self.length - from) as usize)
            },
            _ => &[],
        }
    }
}

impl Member {
    /// How long the text is that stands in front of the member's value, if it stands at a place.
    #[inline(always)]
    pub fn lead(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        let length = self.lead.len();
        let is_it = match rest.first_chunk() {
            Some(word) if u64::from_le_bytes(*word) & self.mask != self.word => false,
            Some(_) if length <= 8 => true,
            _ => is_same_text(rest.get(..length)?, &self.lead),
        };
        is_it.then_some(length)
    }
}

impl Layout {
    /// Whether objects of it have no members, and reading them runs nothing.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.kind == Kind::Values
    }
}

impl Shapes {
    pub fn new(ctx: &Ctx<'_>) -> Result<Self> {
        let memory = Memory::new(ctx)?;
        let made: Vec<Value> = ctx.eval("[{a: 1}, [1], new Proxy({}, {}), JSON.rawJSON('1')]")?;
        let [object, array, proxy, raw] = &made[..] else {
            return Err(Error::Unknown);
        };
        let context = ctx.as_raw().as_ptr();
        // SAFETY: the values are objects that live.
        unsafe {
            let class = |value: &Value| qjs::JS_GetClassID(value.as_raw());
            let atom =
                |name: &str| qjs::JS_NewAtomLen(context, name.as_ptr().cast(), name.len() as _);
            Ok(Self {
                object: class(object),
                array: class(array),
                proxy: class(proxy),
                raw: class(raw),
                memory,
                to_json: atom("toJSON"),
                raw_json: atom("rawJSON"),
            })
        }
    }
}

impl<'js> Walk<'js> {
    pub fn new(ctx: &Ctx<'js>, shapes: Shapes) -> Result<Self> {
        let context = ctx.as_raw().as_ptr();
        // SAFETY: a new value, which is owned.
        let array = unsafe { Value::from_raw(ctx.clone(), qjs::JS_NewArray(context)) };
        if !array.is_array() {
            return Err(Error::Exception);
        }
        // SAFETY: the array lives. Asking runs nothing unless a prototype is a proxy; then the rest of
        // the walk sees what that left, and holds what it looks at.
        let has = unsafe { qjs::JS_HasProperty(context, array.as_raw(), shapes.to_json) };
        Ok(Self {
            ctx: ctx.clone(),
            context,
            shapes,
            seen: BTreeMap::new(),
            last: [const { (0, None) }; LAST],
            first: [0; LAST],
            empty_shape: usize::MAX,
            array,
            is_array_plain: has == 0,
        })
    }

    /// Whether a value is an array whose elements stand in a row: reading them runs nothing.
    pub fn is_row(&self, array: qjs::JSValue) -> bool {
        // SAFETY: both are objects that live.
        self.shapes.memory.is_known && unsafe { shape(array) == shape(self.array.as_raw()) }
    }

    /// The class of an object.
    #[inline]
    pub fn class(&self, object: qjs::JSValue) -> qjs::JSClassID {
        // SAFETY: an object that lives.
        unsafe {
            match self.shapes.memory.is_known {
                true => (*raw::object(object)).class.into(),
                false => qjs::JS_GetClassID(object),
            }
        }
    }

    /// Whether JSON takes an array as it is, and calls no `toJSON` of it.
    pub fn takes(&self, array: qjs::JSValue) -> bool {
        if self.is_row(array) {
            return self.is_array_plain;
        }
        // SAFETY: as in `new`.
        unsafe { qjs::JS_HasProperty(self.context, array, self.shapes.to_json) == 0 }
    }

    pub fn length(&self, array: qjs::JSValue) -> Result<u32> {
        let mut length = 0;
        // SAFETY: an array that lives; its length is a value of its own.
        if unsafe { qjs::JS_GetLength(self.context, array, &mut length) } < 0 {
            return Err(Error::Exception);
        }
        Ok(u32::try_from(length).unwrap_or(u32::MAX))
    }

    /// One of the members of an object that has this layout.
    #[inline]
    pub fn member(&self, object: qjs::JSValue, layout: &Layout, member: &Member) -> Slot {
        if layout.is_direct {
            // SAFETY: an object that lives, of whose members this is one.
            return Slot::Seen(unsafe { *(*raw::object(object)).members.add(member.place) });
        }
        match layout.kind {
            // SAFETY: an object that lives, and a member that is a value.
            Kind::Values => {
                Slot::Value(unsafe { qjs::JS_GetProperty(self.context, object, member.atom) })
            }
            _ => self.slot(object, member.atom),
        }
    }

    /// Frees what stands in a place, if it is owned.
    #[inline]
    pub fn done(&self, slot: Slot) {
        if let Slot::Value(value) | Slot::Getter(value) = slot {
            // SAFETY: it is owned, and given up.
            unsafe { qjs::JS_FreeValue(self.context, value) }
        }
    }

    /// A member as it stands there.
    pub fn slot(&self, object: qjs::JSValue, atom: qjs::JSAtom) -> Slot {
        let mut found = std::mem::MaybeUninit::<qjs::JSPropertyDescriptor>::uninit();
        // SAFETY: the descriptor is filled if there is such a property, and its values are owned then.
        unsafe {
            if qjs::JS_GetOwnProperty(self.context, found.as_mut_ptr(), object, atom) <= 0 {
                return Slot::Absent;
            }
            let found = found.assume_init();
            qjs::JS_FreeValue(self.context, found.setter);
            if found.flags & qjs::JS_PROP_GETSET as i32 == 0 {
                qjs::JS_FreeValue(self.context, found.getter);
                return Slot::Value(found.value);
            }
            qjs::JS_FreeValue(self.context, found.value);
            Slot::Getter(found.getter)
        }
    }

    /// The noted numbers of an object or array by their place, if it has any. Those of an array count as long as
    /// all of them stand where they stood and nothing was taken away.
    #[inline]
    pub fn marks(&self, numbers: &Numbers, holder: qjs::JSValue) -> Option<Rc<[Mark]>> {
        let marks = numbers.marks(address(holder))?;
        let Some(length) = marks.length else {
            return Some(marks.all);
        };
        let elements = self.elements(holder).ok()?;
        let stands = |mark: &Mark| match &mark.key {
            Key::Index(index) => {
                let slot = self.element(holder, &elements, *index);
                let bits = match slot {
                    Slot::Value(value) | Slot::Seen(value) => double(value).map(f64::to_bits),
                    _ => None,
                };
                self.done(slot);
                bits == Some(mark.bits)
            }
            Key::Name(_) => false,
        };
        let is_as_it_was =
            elements.is_row && elements.length >= length && marks.all.iter().all(stands);
        is_as_it_was.then_some(marks.all)
    }
}

/// The address of an object's shape.
///
/// # Safety
/// The value is an object that lives.
unsafe fn shape(object: qjs::JSValue) -> usize {
    // SAFETY: as the caller says.
    unsafe { (*raw::object(object)).shape.addr() }
}

/// Whether two values are the same bits.
fn is_same(a: qjs::JSValue, b: qjs::JSValue) -> bool {
    // SAFETY: integers are compared, and only if both are.
    unsafe {
        tag(a) == qjs::JS_TAG_INT
            && tag(b) == qjs::JS_TAG_INT
            && qjs::JS_VALUE_GET_INT(a) == qjs::JS_VALUE_GET_INT(b)
    }
}

/// The address of an object, which is its own while it lives.
pub fn address(object: qjs::JSValue) -> usize {
    // SAFETY: the pointer is not followed.
    unsafe { qjs::JS_VALUE_GET_PTR(object) as usize }
}

/// The number that a value is, if it is a double.
fn double(value: qjs::JSValue) -> Option<f64> {
    // SAFETY: the tag says what is in the value.
    (tag(value) == qjs::JS_TAG_FLOAT64).then(|| unsafe { qjs::JS_VALUE_GET_FLOAT64(value) })
}

/// A value's tag.
pub fn tag(value: qjs::JSValue) -> i32 {
    // SAFETY: the tag is part of every value.
    unsafe { qjs::JS_VALUE_GET_NORM_TAG(value) }
}
