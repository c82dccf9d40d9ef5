//! Objects, arrays and strings that are made in a slab.

use std::ptr;

use rquickjs::qjs;

use super::slab::{self, HEADER, Header};
use super::{Link, Object, Text, count, object};

/// A string of ASCII, out of a slab. None as in [`Model::copy`].
///
/// # Safety
/// [`Layout::overhead`] is known.
#[inline(always)]
pub unsafe fn ascii(slab: &mut slab::Slab, text: &[u8]) -> Option<qjs::JSValue> {
    // SAFETY: there is room for a header, the string and its bytes.
    unsafe {
        let block = slab.take(HEADER + slab::text_size(text.len()), 1)?;
        block.cast::<Header>().write(Header::TEXT);
        let made = block.add(HEADER).cast::<Text>();
        made.write(Text {
            length: text.len() as u32,
            kind: 0,
            next: 0,
            weak: ptr::null_mut(),
        });
        let first = made.add(1).cast::<u8>();
        first.copy_from_nonoverlapping(text.as_ptr(), text.len());
        first.add(text.len()).write(0);
        Some(qjs::JS_MKPTR(qjs::JS_TAG_STRING, made.cast()))
    }
}

/// What objects of one shape are copied from: one of them, which is kept, and how many bytes its members have.
#[derive(Clone, Copy)]
pub struct Model {
    object: *mut Object,
    bytes: usize,
    tag: i32,
}

impl Model {
    /// # Safety
    /// The value is an object that outlives this and has no other reference, and [`Layout::overhead`] is known.
    pub unsafe fn of(context: *mut qjs::JSContext, value: qjs::JSValue) -> Self {
        // SAFETY: as the caller says.
        unsafe {
            let object = object(value);
            let bytes = qjs::js_malloc_usable_size(context, (*object).members.cast()) as usize;
            Self {
                object,
                bytes,
                tag: qjs::JS_TAG_OBJECT,
            }
        }
    }

    /// A copy with other members, of which there are as many; they are the copy's from here on. None if there is
    /// no memory for it, and then nothing has happened.
    ///
    /// # Safety
    /// The model's object lives, and so do the values.
    #[inline(always)]
    pub unsafe fn copy(
        &self,
        slab: &mut slab::Slab,
        members: &[qjs::JSValue],
    ) -> Option<qjs::JSValue> {
        // SAFETY: there is room for the object, its members and their headers.
        unsafe {
            let size = HEADER + size_of::<Object>() + HEADER + self.bytes;
            let block = slab.take(size, 2)?;
            block.cast::<Header>().write(Header::OBJECT);
            let object = block.add(HEADER).cast::<Object>();
            object.write(self.object.read());
            let second = object.add(1).cast::<Header>();
            second.write(Header::sized(self.bytes));
            let first = second.add(1).cast::<qjs::JSValue>();
            first.copy_from_nonoverlapping(members.as_ptr(), members.len());
            (*object).members = first;
            let next = (*self.object).link.next;
            (*object).link = Link {
                next,
                previous: self.object.cast(),
            };
            (*next).previous = object.cast();
            (*self.object).link.next = object.cast();
            count((*object).shape.cast());
            Some(qjs::JS_MKPTR(self.tag, object.cast()))
        }
    }

    /// A copy of an array of nothing, with elements, which are the copy's from here on. None as in [`Self::copy`].
    ///
    /// # Safety
    /// As for [`Self::copy`]; the model is an array of nothing.
    #[inline(always)]
    pub unsafe fn array(
        &self,
        slab: &mut slab::Slab,
        elements: &[qjs::JSValue],
    ) -> Option<qjs::JSValue> {
        // SAFETY: there is room for so many elements and a header.
        unsafe {
            let bytes = size_of_val(elements);
            let block = match elements.len() {
                0 => ptr::null_mut(),
                _ => {
                    let block = slab.take(HEADER + bytes, 1)?;
                    block.cast::<Header>().write(Header::sized(bytes));
                    let first = block.add(HEADER).cast::<qjs::JSValue>();
                    first.copy_from_nonoverlapping(elements.as_ptr(), elements.len());
                    first
                }
            };
            let length = qjs::JS_MKVAL(qjs::JS_TAG_INT, elements.len() as i32);
            let made = match self.copy(slab, &[length]) {
                Some(made) => made,
                None => {
                    // SAFETY: the block was taken a moment ago.
                    if !block.is_null() {
                        slab.give_back(block.cast::<u8>().sub(HEADER));
                    }
                    return None;
                }
            };
            if !elements.is_empty() {
                let array = object(made);
                (*array).elements = block;
                (*array).room = elements.len();
                (*array).length = elements.len() as u32;
            }
            Some(made)
        }
    }
}
