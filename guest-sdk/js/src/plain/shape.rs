//! The members of an object, remembered for the objects that have the same. The engine gives objects
//! that were built alike one "shape"; its address stands in the object and is all that is read here.

use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::{Ctx, Error, Result, Value, qjs};

use super::numbers::{Key, Mark, Numbers};
use super::text;

/// Where an object of QuickJS-ng 0.16.2 (rquickjs-sys 0.14.0) has its shape: behind two links and four
/// bytes of flags. [`Shapes::new`] checks it.
const SHAPE: usize = (2 * size_of::<usize>() + 4).next_multiple_of(align_of::<usize>());
/// Shapes that are remembered at once.
const MOST: usize = 64;

/// What the engine was asked once, before a step's code ran.
#[derive(Clone, Copy)]
pub struct Shapes {
    /// The classes of plain objects, of arrays, and of what `JSON.rawJSON` makes.
    pub object: qjs::JSClassID,
    pub array: qjs::JSClassID,
    pub raw: qjs::JSClassID,
    /// Whether shapes are where they are looked for.
    is_known: bool,
    to_json: qjs::JSAtom,
    pub raw_json: qjs::JSAtom,
}

/// The members of the objects of one shape.
pub struct Layout {
    pub members: Vec<Member>,
    pub kind: Kind,
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
}

/// The layouts seen in one walk, in which no JavaScript runs. The first object of each shape is
/// kept, and with it the shape and its atoms.
pub struct Walk<'js> {
    pub ctx: Ctx<'js>,
    pub context: *mut qjs::JSContext,
    pub shapes: Shapes,
    seen: BTreeMap<usize, (Rc<Layout>, Value<'js>)>,
    last: (usize, Option<Rc<Layout>>),
    /// An array that has only elements, and whether JSON takes such arrays as they are.
    array: Value<'js>,
    is_array_plain: bool,
}

/// A member or element as it stands there.
pub enum Slot {
    /// A value that is owned.
    Value(qjs::JSValue),
    /// The getter of an accessor, owned.
    Getter(qjs::JSValue),
    Absent,
}

impl Shapes {
    pub fn new(ctx: &Ctx<'_>) -> Result<Self> {
        let made: Vec<Value> = ctx.eval("[{a: 1}, {a: 2}, {b: 1}, [1], JSON.rawJSON('1')]")?;
        let [one, same, other, array, raw] = &made[..] else {
            return Err(Error::Unknown);
        };
        let context = ctx.as_raw().as_ptr();
        // SAFETY: the values are objects that live.
        unsafe {
            let class = |value: &Value| qjs::JS_GetClassID(value.as_raw());
            let shapes = [one, same, other].map(|value| shape(value.as_raw()));
            let atom =
                |name: &str| qjs::JS_NewAtomLen(context, name.as_ptr().cast(), name.len() as _);
            Ok(Self {
                object: class(one),
                array: class(array),
                raw: class(raw),
                is_known: shapes[0] != 0 && shapes[0] == shapes[1] && shapes[0] != shapes[2],
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
            last: (0, None),
            array,
            is_array_plain: has == 0,
        })
    }

    /// Whether a value is an array whose elements stand in a row: reading them runs nothing.
    pub fn is_row(&self, array: qjs::JSValue) -> bool {
        // SAFETY: both are objects that live.
        self.shapes.is_known && unsafe { shape(array) == shape(self.array.as_raw()) }
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

    /// An element of an array; `is_row` says whether they stand in a row.
    pub fn element(&self, array: qjs::JSValue, index: u32, is_row: bool) -> Slot {
        // SAFETY: an array that lives.
        unsafe {
            if is_row {
                return Slot::Value(qjs::JS_GetPropertyUint32(self.context, array, index));
            }
            let atom = qjs::JS_NewAtomUInt32(self.context, index);
            let slot = self.slot(array, atom);
            qjs::JS_FreeAtom(self.context, atom);
            slot
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

    /// The noted numbers of an object or array by their place. Those of an array count as long as all of
    /// them stand where they stood and nothing was taken away; None if they do not.
    pub fn marks(&self, numbers: &Numbers, holder: qjs::JSValue) -> Option<Rc<[Mark]>> {
        let Some(marks) = numbers.marks(address(holder)) else {
            return Some(Rc::default());
        };
        let Some(length) = marks.length else {
            return Some(marks.all);
        };
        let stands = |mark: &Mark| match &mark.key {
            Key::Index(index) => {
                let Slot::Value(value) = self.element(holder, *index, true) else {
                    return false;
                };
                let bits = double(value).map(f64::to_bits);
                // SAFETY: the element is owned.
                unsafe { qjs::JS_FreeValue(self.context, value) };
                bits == Some(mark.bits)
            }
            Key::Name(_) => false,
        };
        let is_as_it_was = self.is_row(holder)
            && self.length(holder).is_ok_and(|now| now >= length)
            && marks.all.iter().all(stands);
        is_as_it_was.then_some(marks.all)
    }

    /// The members of an object that is no array and no proxy.
    pub fn layout(&mut self, object: qjs::JSValue) -> Result<Rc<Layout>> {
        // SAFETY: an object that lives.
        let shape = if self.shapes.is_known {
            unsafe { shape(object) }
        } else {
            0
        };
        if let (last, Some(layout)) = &self.last
            && *last == shape
        {
            return Ok(Rc::clone(layout));
        }
        let known = self.seen.get(&shape).map(|(layout, _)| Rc::clone(layout));
        let layout = match known {
            Some(layout) => layout,
            None => {
                let layout = Rc::new(self.look(object)?);
                if shape == 0 || layout.kind == Kind::Accessors || self.seen.len() >= MOST {
                    return Ok(layout);
                }
                // SAFETY: the count that is given to the value is its own.
                let kept = unsafe {
                    Value::from_raw(self.ctx.clone(), qjs::JS_DupValue(self.context, object))
                };
                self.seen.insert(shape, (Rc::clone(&layout), kept));
                layout
            }
        };
        self.last = (shape, Some(Rc::clone(&layout)));
        Ok(layout)
    }

    fn look(&self, object: qjs::JSValue) -> Result<Layout> {
        let (mut table, mut length) = (std::ptr::null_mut(), 0);
        let flags = (qjs::JS_GPN_STRING_MASK | qjs::JS_GPN_ENUM_ONLY) as _;
        // SAFETY: the table is the engine's, of so many entries, and is given back to it.
        unsafe {
            if qjs::JS_GetOwnPropertyNames(self.context, &mut table, &mut length, object, flags) < 0
            {
                return Err(Error::Exception);
            }
            let mut kind = Kind::Values;
            let mut members = Vec::with_capacity(length as usize);
            for index in 0..length as usize {
                let atom = (*table.add(index)).atom;
                match self.slot(object, atom) {
                    Slot::Value(value) => qjs::JS_FreeValue(self.context, value),
                    Slot::Getter(getter) => {
                        qjs::JS_FreeValue(self.context, getter);
                        kind = Kind::Accessors;
                    }
                    Slot::Absent => {}
                }
                match self.quoted(atom) {
                    Some(quoted) => members.push(Member { atom, quoted }),
                    None => kind = Kind::Method,
                }
            }
            qjs::JS_FreePropertyEnum(self.context, table, length);
            if qjs::JS_HasProperty(self.context, object, self.shapes.to_json) != 0 {
                kind = Kind::Method;
            }
            let flags = qjs::JS_GPN_PRIVATE_MASK as _;
            if qjs::JS_GetOwnPropertyNames(self.context, &mut table, &mut length, object, flags) < 0
            {
                return Err(Error::Exception);
            }
            qjs::JS_FreePropertyEnum(self.context, table, length);
            Ok(Layout {
                members,
                kind,
                is_private: length > 0,
            })
        }
    }

    /// A name as JSON; None if it has half a surrogate pair.
    fn quoted(&self, atom: qjs::JSAtom) -> Option<Box<[u8]>> {
        let mut out = vec![b'"'];
        let mut length = 0;
        // SAFETY: the text has so many bytes and is given back.
        let is_utf8 = unsafe {
            let text = qjs::JS_AtomToCStringLen(self.context, &mut length, atom);
            if text.is_null() {
                return None;
            }
            let bytes = std::slice::from_raw_parts(text.cast::<u8>(), length as usize);
            text::escape(bytes, &mut out);
            let is_utf8 = std::str::from_utf8(bytes).is_ok();
            qjs::JS_FreeCString(self.context, text);
            is_utf8
        };
        out.push(b'"');
        is_utf8.then(|| out.into())
    }
}

/// The address of an object's shape.
///
/// # Safety
/// The value is an object that lives.
unsafe fn shape(object: qjs::JSValue) -> usize {
    // SAFETY: an object is longer than this, and aligned.
    unsafe {
        let object: *const u8 = qjs::JS_VALUE_GET_PTR(object).cast_const().cast();
        object.add(SHAPE).cast::<usize>().read()
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
