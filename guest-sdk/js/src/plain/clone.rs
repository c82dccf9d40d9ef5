//! Copies of plain data, for `structuredClone`.

use std::collections::BTreeMap;

use rquickjs::{Ctx, Error, Persistent, Result, Value, qjs};

use super::numbers::Numbers;
use super::shape::{Kind, Shapes, Slot, Walk, address, tag};
use super::unread;

/// What is nested deeper is left to the slow way.
const DEPTH: usize = 256;

/// Leaves a member of a copy alone that is deferred in the original, which has this getter; false if
/// it has another accessor. It is null in the copy by now.
pub type Defer<'a, 'js> = dyn FnMut(&Value<'js>, &Value<'js>, usize) -> Result<bool> + 'a;

/// A copy of a value in which the same objects are the same; None if some of it has behaviour of its
/// own. Runs nothing of the step's.
pub fn clone<'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    value: &Value<'js>,
    numbers: &Numbers,
    defer: &mut Defer<'_, 'js>,
) -> Result<Option<Value<'js>>> {
    let mut copier = Copier {
        walk: Walk::new(ctx, shapes)?,
        numbers,
        defer,
        depth: 0,
        copies: BTreeMap::new(),
        elements: Vec::new(),
    };
    let copied = copier.value(value.as_raw());
    let Copier {
        walk,
        copies,
        elements,
        ..
    } = copier;
    // SAFETY: the counts are the copier's own.
    unsafe {
        for value in copies.into_values().flatten().chain(elements) {
            qjs::JS_FreeValue(walk.context, value);
        }
        match copied {
            Ok(value) => Ok(Some(Value::from_raw(ctx.clone(), value))),
            Err(Stop::Behaves) => Ok(None),
            Err(Stop::Thrown(error)) => Err(error),
        }
    }
}

enum Stop {
    Behaves,
    Thrown(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Thrown(error)
    }
}

type Copied<T = qjs::JSValue> = std::result::Result<T, Stop>;

struct Copier<'a, 'b, 'js> {
    walk: Walk<'js>,
    numbers: &'a Numbers,
    defer: &'a mut Defer<'b, 'js>,
    depth: usize,
    /// By the original's address; None while an array is being copied.
    copies: BTreeMap<usize, Option<qjs::JSValue>>,
    /// The elements of the arrays that are open.
    elements: Vec<qjs::JSValue>,
}

impl<'js> Copier<'_, '_, 'js> {
    fn duplicate(&self, value: qjs::JSValue) -> qjs::JSValue {
        // SAFETY: the value lives.
        unsafe { qjs::JS_DupValue(self.walk.context, value) }
    }

    fn free(&self, value: qjs::JSValue) {
        // SAFETY: the caller owns the value and gives it up.
        unsafe { qjs::JS_FreeValue(self.walk.context, value) }
    }

    fn made(&self, value: qjs::JSValue) -> Copied {
        match tag(value) {
            qjs::JS_TAG_EXCEPTION => Err(Stop::Thrown(Error::Exception)),
            _ => Ok(value),
        }
    }

    /// The copy of a value, which is owned.
    fn value(&mut self, value: qjs::JSValue) -> Copied {
        match tag(value) {
            qjs::JS_TAG_OBJECT => {}
            qjs::JS_TAG_SYMBOL => return Err(Stop::Behaves),
            _ => return Ok(self.duplicate(value)),
        }
        match self.copies.get(&address(value)) {
            Some(Some(copy)) => return Ok(self.duplicate(*copy)),
            Some(None) => return Err(Stop::Behaves),
            None => {}
        }
        let class = self.walk.class(value);
        let shapes = self.walk.shapes;
        if class == shapes.raw {
            // It never changes.
            return Ok(self.duplicate(value));
        }
        if class == shapes.proxy
            && let Some(copy) = self.unread(value)?
        {
            return Ok(copy);
        }
        let class = self.walk.class(value);
        if self.depth >= DEPTH {
            return Err(Stop::Behaves);
        }
        self.depth += 1;
        let copy = if class == shapes.array {
            self.array(value)?
        } else if class == shapes.object {
            self.object(value)?
        } else {
            return Err(Stop::Behaves);
        };
        self.depth -= 1;
        if let Some(marks) = self.numbers.marks(address(value)) {
            // SAFETY: the count that is given to the value is its own.
            let kept = unsafe { Value::from_raw(self.walk.ctx.clone(), self.duplicate(copy)) };
            self.numbers
                .hold(address(copy), Persistent::save(&self.walk.ctx, kept), marks);
        }
        Ok(copy)
    }

    /// A copy of what was not read, unread as well. None if it is no such thing; what was read in part is read.
    fn unread(&mut self, value: qjs::JSValue) -> Copied<Option<qjs::JSValue>> {
        let Some((_, state)) = unread::found(value) else {
            return Ok(None);
        };
        if state != unread::State::Unread {
            unread::become_read(&self.walk.ctx, value)?;
            return Ok(None);
        }
        let copy = unread::copy(&self.walk.ctx, value)?.ok_or(Stop::Behaves)?;
        let kept = self.duplicate(copy.as_raw());
        self.copies.insert(address(value), Some(kept));
        Ok(Some(self.duplicate(copy.as_raw())))
    }

    fn array(&mut self, value: qjs::JSValue) -> Copied {
        self.copies.insert(address(value), None);
        let first = self.elements.len();
        let is_row = self.walk.is_row(value);
        let mut left = Vec::new();
        let all = self.walk.elements(value)?;
        let length = all.length;
        if !is_row && self.walk.layout(value)?.members.len() != length as usize {
            return Err(Stop::Behaves);
        }
        for index in 0..length {
            let element = match self.walk.element(value, &all, index) {
                Slot::Seen(element) => self.value(element)?,
                Slot::Value(element) => {
                    let copy = self.value(element);
                    self.free(element);
                    copy?
                }
                Slot::Getter(getter) => {
                    left.push((index, address(getter)));
                    self.free(getter);
                    qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0)
                }
                Slot::Absent => return Err(Stop::Behaves),
            };
            self.elements.push(element);
        }
        let elements = &self.elements[first..];
        let count = i32::try_from(elements.len()).map_err(|_| Stop::Behaves)?;
        // SAFETY: so many values, which the engine owns from here on, also if it fails.
        let copy = unsafe { qjs::JS_NewArrayFrom(self.walk.context, count, elements.as_ptr()) };
        self.elements.truncate(first);
        let copy = self.made(copy)?;
        let kept = self.duplicate(copy);
        self.copies.insert(address(value), Some(kept));
        for (index, getter) in left {
            let key = qjs::JS_MKVAL(qjs::JS_TAG_INT, index as i32);
            if let Err(stop) = self.defer(copy, key, getter) {
                self.free(copy);
                return Err(stop);
            }
        }
        Ok(copy)
    }

    fn object(&mut self, value: qjs::JSValue) -> Copied {
        let layout = self.walk.layout(value)?;
        if layout.kind == Kind::Method || layout.is_private {
            return Err(Stop::Behaves);
        }
        // SAFETY: a new object, which is owned.
        let copy = self.made(unsafe { qjs::JS_NewObject(self.walk.context) })?;
        let kept = self.duplicate(copy);
        self.copies.insert(address(value), Some(kept));
        for member in &layout.members {
            let slot = self.walk.member(value, &layout, member);
            if let Err(stop) = self.member(slot, copy, member.atom) {
                self.free(copy);
                return Err(stop);
            }
        }
        Ok(copy)
    }

    fn member(&mut self, slot: Slot, copy: qjs::JSValue, atom: qjs::JSAtom) -> Copied<()> {
        let (copied, left) = match slot {
            Slot::Seen(member) => (self.value(member)?, None),
            Slot::Absent => return Ok(()),
            Slot::Value(member) => {
                let copied = self.value(member);
                self.free(member);
                (copied?, None)
            }
            Slot::Getter(getter) => {
                let left = address(getter);
                self.free(getter);
                (qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0), Some(left))
            }
        };
        // SAFETY: an object of ours; the value is the engine's from here on.
        let defined = unsafe {
            let flags = qjs::JS_PROP_C_W_E as i32;
            qjs::JS_DefinePropertyValue(self.walk.context, copy, atom, copied, flags)
        };
        if defined < 0 {
            return Err(Stop::Thrown(Error::Exception));
        }
        if let Some(getter) = left {
            // SAFETY: a new string, which is owned.
            let key = self.made(unsafe { qjs::JS_AtomToString(self.walk.context, atom) })?;
            let noted = self.defer(copy, key, getter);
            self.free(key);
            noted?;
        }
        Ok(())
    }

    fn defer(&mut self, copy: qjs::JSValue, key: qjs::JSValue, getter: usize) -> Copied<()> {
        // SAFETY: the counts that are given to the values are their own.
        let [copy, key] = [copy, key]
            .map(|value| unsafe { Value::from_raw(self.walk.ctx.clone(), self.duplicate(value)) });
        match (self.defer)(&copy, &key, getter)? {
            true => Ok(()),
            false => Err(Stop::Behaves),
        }
    }
}
