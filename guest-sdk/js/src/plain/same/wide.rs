//! Objects of many members: no other has the same, so that its layout is not worth finding out.

use rquickjs::qjs;

use super::{Comparison, Place};
use crate::lanes;
use crate::plain::shape::{Slot, tag};
use crate::plain::text;
use crate::raw::{self, Characters};

/// An object of more members is looked at here.
const FEW: usize = 64;
/// Flags of what is no value, and of what is listed.
const NO_VALUE: u32 = qjs::JS_PROP_TMASK;
const LISTED: u32 = qjs::JS_PROP_ENUMERABLE;
/// In an atom: it is an integer, which is listed before the other names.
const IS_INTEGER: qjs::JSAtom = 1 << 31;

impl Comparison<'_, '_, '_> {
    /// Compares a plain object of many members. None if it has not so many, or there is more to it; then nothing is
    /// passed over.
    pub(super) fn wide(&mut self, value: qjs::JSValue) -> Option<bool> {
        if !self.walk.shapes.memory.is_known {
            return None;
        }
        // SAFETY: an object that lives, and is not changed while it is looked at.
        let (members, values) = unsafe {
            let object = &*raw::object(value);
            (raw::members(object.shape), object.members)
        };
        let is_value = |member: &raw::ShapeMember| {
            member.flags() & (NO_VALUE | LISTED) == LISTED && member.atom & IS_INTEGER == 0
        };
        if members.len() <= FEW || !members.iter().all(is_value) || !self.walk.has_no_method(value)
        {
            return None;
        }
        // Numbers that are noted by their names are left to the usual way.
        if self.has_marks && self.walk.marks(self.numbers, value).is_some() {
            return None;
        }
        let from = self.at;
        for (index, member) in members.iter().enumerate() {
            let (front, before) = (if index == 0 { b'{' } else { b',' }, self.at);
            let is_named = self.take_byte(front) && self.take_byte(b'"');
            match self.take_name(member.atom) {
                Some(true) if is_named => {}
                Some(_) => {
                    self.at = before;
                    return Some(false);
                }
                None => {
                    self.at = from;
                    return None;
                }
            }
            // SAFETY: so many values stand there.
            let slot = Slot::Seen(unsafe { *values.add(index) });
            if !self.slot(slot, &Place::Member(&[], b"")) {
                return Some(false);
            }
        }
        Some(self.take_byte(b'}'))
    }

    /// Passes over a name and the colon, if it begins here behind its first quote. None if it may be written in
    /// several ways.
    #[inline]
    fn take_name(&mut self, atom: qjs::JSAtom) -> Option<bool> {
        // SAFETY: the atom lives; its text is owned, and given back. A symbol has none.
        unsafe {
            let name = qjs::JS_AtomToValue(self.walk.context, atom);
            let is_it = match (tag(name), raw::of_string(name)) {
                (qjs::JS_TAG_STRING, Some(Characters::Latin(name))) => self.take_plain(name),
                _ => None,
            };
            qjs::JS_FreeValue(self.walk.context, name);
            is_it
        }
    }

    fn take_plain(&mut self, name: &[u8]) -> Option<bool> {
        if !lanes::is_ascii(name) || text::plain(name) != name.len() {
            return None;
        }
        let end = self.at + name.len();
        let bytes = self.text.as_bytes();
        let was = bytes.get(self.at..end);
        let is_it = was.is_some_and(|was| text::is_same(was, name))
            && bytes.get(end..end + 2) == Some(b"\":");
        self.at = if is_it { end + 2 } else { self.at };
        Some(is_it)
    }
}
