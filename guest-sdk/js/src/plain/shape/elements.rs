//! Reading the elements of an array.

use rquickjs::{Result, qjs};

use super::{Elements, Slot, Walk, is_same, shape};
use crate::raw;

impl Walk<'_> {
    /// The elements of an array that is not changed as long as they are used.
    pub fn elements(&self, array: qjs::JSValue) -> Result<Elements> {
        let is_row = self.is_row(array);
        if is_row {
            // SAFETY: an array that lives; its first member is its length.
            let (length, object) = unsafe {
                let object = &*raw::object(array);
                (*object.members, object)
            };
            let all = qjs::JS_MKVAL(qjs::JS_TAG_INT, object.length as i32);
            if is_same(length, all) {
                let first = Some(object.elements.cast_const());
                return Ok(Elements {
                    length: object.length,
                    is_row,
                    first,
                });
            }
        }
        let length = self.length(array)?;
        Ok(Elements {
            length,
            is_row,
            first: None,
        })
    }

    /// Whether JSON calls no `toJSON` of an object that is no proxy.
    pub fn has_no_method(&self, object: qjs::JSValue) -> bool {
        // SAFETY: as in `new`.
        unsafe { qjs::JS_HasProperty(self.context, object, self.shapes.to_json) == 0 }
    }

    /// Whether a value is an array of nothing that JSON takes as it is.
    #[inline]
    pub fn is_empty_array(&self, value: qjs::JSValue) -> bool {
        if !self.is_array_plain || !self.is_row(value) {
            return false;
        }
        // SAFETY: an array that lives; its first member is its length.
        let (length, count) = unsafe {
            let object = &*raw::object(value);
            (*object.members, object.length)
        };
        count == 0 && is_same(length, qjs::JS_MKVAL(qjs::JS_TAG_INT, 0))
    }

    /// Whether a value is an object of which is known that it has no members, as the last one that was found so.
    #[inline]
    pub fn is_empty_object(&mut self, value: qjs::JSValue) -> bool {
        if !self.shapes.memory.is_known || self.class(value) != self.shapes.object {
            return false;
        }
        // SAFETY: an object that lives.
        let shape = unsafe { shape(value) };
        if self.empty_shape == shape {
            return true;
        }
        let is_empty = self.layout(value).is_ok_and(|layout| layout.is_empty());
        // The walk keeps the first object of the shape, unless it has too many.
        if is_empty && self.seen.contains_key(&shape) {
            self.empty_shape = shape;
        }
        is_empty
    }

    /// One of the elements of an array.
    #[inline]
    pub fn element(&self, array: qjs::JSValue, elements: &Elements, index: u32) -> Slot {
        // SAFETY: an array that lives, and has so many elements.
        unsafe {
            if let Some(first) = elements.first
                && index < elements.length
            {
                return Slot::Seen(*first.add(index as usize));
            }
            if elements.is_row {
                return Slot::Value(qjs::JS_GetPropertyUint32(self.context, array, index));
            }
            let atom = qjs::JS_NewAtomUInt32(self.context, index);
            let slot = self.slot(array, atom);
            qjs::JS_FreeAtom(self.context, atom);
            slot
        }
    }
}
