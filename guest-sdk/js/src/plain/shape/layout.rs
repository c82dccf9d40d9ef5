//! What members the objects of a shape have, and where.

use std::rc::Rc;

use rquickjs::{Error, Result, Value, qjs};

use super::{Kind, LAST, Layout, MOST, Member, Slot, Walk, shape};
use crate::plain::text;
use crate::raw;

impl Walk<'_> {
    /// The members of an object that is no array and no proxy.
    pub fn layout(&mut self, object: qjs::JSValue) -> Result<Rc<Layout>> {
        let shape = match self.shapes.memory.is_known {
            // SAFETY: an object that lives.
            true => unsafe { shape(object) },
            false => 0,
        };
        let place = shape / 32 % LAST;
        if let (last, Some(layout)) = &self.last[place]
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
        self.last[place] = (shape, Some(Rc::clone(&layout)));
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
                let slot = self.slot(object, atom);
                self.done(slot);
                if let Slot::Getter(_) = slot {
                    kind = Kind::Accessors;
                }
                match self.quoted(atom) {
                    Some(quoted) => members.push(member(atom, quoted, members.is_empty())),
                    None => kind = Kind::Method,
                }
            }
            let is_direct = kind == Kind::Values && self.find(object, &mut members);
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
                is_direct: is_direct && kind == Kind::Values,
                members,
                kind,
                is_private: length > 0,
            })
        }
    }

    /// Where the members of an object stand in its memory; false if one does not stand there as a value.
    fn find(&self, object: qjs::JSValue, members: &mut [Member]) -> bool {
        /// An accessor or the like.
        const NO_VALUE: u32 = qjs::JS_PROP_TMASK;
        if !self.shapes.memory.is_known {
            return false;
        }
        // SAFETY: an object that lives.
        let all = unsafe { raw::members((*raw::object(object)).shape) };
        let mut next = 0;
        for member in members {
            // Most come in the order in which they stand.
            let places = (next..all.len()).chain(0..next);
            let found = places.into_iter().find(|&at| all[at].atom == member.atom);
            let Some(place) = found.filter(|&at| all[at].flags() & NO_VALUE == 0) else {
                return false;
            };
            (member.place, next) = (place, place + 1);
        }
        true
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

fn member(atom: qjs::JSAtom, quoted: Box<[u8]>, is_first: bool) -> Member {
    let front = if is_first { b'{' } else { b',' };
    let lead: Box<[u8]> = [&[front], &*quoted, b":"].concat().into();
    let mut word = [0; 8];
    let length = lead.len().min(word.len());
    word[..length].copy_from_slice(&lead[..length]);
    Member {
        atom,
        quoted,
        lead,
        word: u64::from_le_bytes(word),
        mask: u64::MAX >> ((8 - length) * 8),
        place: 0,
    }
}
