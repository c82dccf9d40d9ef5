//! The members of an object as they stand in memory, without its layout being found out.

use rquickjs::qjs;

use super::{LAST, Walk, shape, tag};
use crate::raw::{self, Characters, ShapeMember};

/// Flags of what is no value, and of what is listed.
const NO_VALUE: u32 = qjs::JS_PROP_TMASK;
const LISTED: u32 = qjs::JS_PROP_ENUMERABLE;
/// In an atom: it is an integer, which is listed before the other names.
const IS_INTEGER: qjs::JSAtom = 1 << 31;

impl Walk<'_> {
    /// Whether no object of this one's shape came before it: there may be no other, for which the layout would be of use.
    #[inline]
    pub fn is_first(&mut self, object: qjs::JSValue) -> bool {
        if !self.shapes.memory.is_known {
            return false;
        }
        // SAFETY: an object that lives.
        let shape = unsafe { shape(object) };
        let place = shape / 32 % LAST;
        let (last, layout) = &self.last[place];
        if *last == shape && layout.is_some() {
            return false;
        }
        std::mem::replace(&mut self.first[place], shape) != shape && !self.seen.contains_key(&shape)
    }

    /// The members of a plain object and where their values stand, if all are listed, in this order, and reading them
    /// runs nothing. None also if JSON would call a method of it.
    pub fn direct<'a>(
        &self,
        object: qjs::JSValue,
    ) -> Option<(&'a [ShapeMember], *const qjs::JSValue)> {
        if !self.shapes.memory.is_known {
            return None;
        }
        // SAFETY: an object that lives, and is not changed while it is looked at.
        let (members, values) = unsafe {
            let object = &*raw::object(object);
            (raw::members(object.shape), object.members.cast_const())
        };
        let is_value = |member: &ShapeMember| {
            member.flags() & (NO_VALUE | LISTED) == LISTED && member.atom & IS_INTEGER == 0
        };
        let is_it = members.iter().all(is_value) && self.has_no_method(object);
        is_it.then_some((members, values))
    }

    /// Looks at the characters of a name in Latin-1; None if it is none, or a symbol.
    #[inline]
    pub fn name<R>(&self, atom: qjs::JSAtom, look: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
        // SAFETY: the atom lives; its text is owned, and given back. A symbol has none.
        unsafe {
            let name = qjs::JS_AtomToValue(self.context, atom);
            let found = match (tag(name), raw::of_string(name)) {
                (qjs::JS_TAG_STRING, Some(Characters::Latin(name))) => look(name),
                _ => None,
            };
            qjs::JS_FreeValue(self.context, name);
            found
        }
    }
}
