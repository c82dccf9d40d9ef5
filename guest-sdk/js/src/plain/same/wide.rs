//! Objects of many members, or of a shape that did not come before: no other may have the same, so that their layout is
//! not worth finding out.

use rquickjs::qjs;

use super::{Comparison, Place};
use crate::lanes;
use crate::plain::shape::Slot;
use crate::plain::text;
use crate::raw;

/// An object of more members is looked at here.
const FEW: usize = 64;

impl Comparison<'_, '_, '_> {
    /// Compares a plain object of many members, or the first one of its shape. None if it is none, or there is more to
    /// it; then nothing is passed over.
    pub(super) fn wide(&mut self, value: qjs::JSValue) -> Option<bool> {
        if !self.walk.shapes.memory.is_known {
            return None;
        }
        // SAFETY: an object that lives.
        let count = unsafe { raw::members((*raw::object(value)).shape) }.len();
        if count <= FEW && (count == 0 || !self.walk.is_first(value)) {
            return None;
        }
        let (members, values) = self.walk.direct(value)?;
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
        let (bytes, at) = (self.text.as_bytes(), self.at);
        let end = self.walk.name(atom, |name| name_end(bytes, at, name))?;
        self.at = end.unwrap_or(at);
        Some(end.is_some())
    }
}

/// Where the value of a member begins that has this name, if it stands at a place behind its first quote. None if it may
/// be written in several ways.
fn name_end(bytes: &[u8], at: usize, name: &[u8]) -> Option<Option<usize>> {
    if !lanes::is_ascii(name) || text::plain(name) != name.len() {
        return None;
    }
    let end = at + name.len();
    let was = bytes.get(at..end);
    let is_it =
        was.is_some_and(|was| text::is_same(was, name)) && bytes.get(end..end + 2) == Some(b"\":");
    Some(is_it.then_some(end + 2))
}
