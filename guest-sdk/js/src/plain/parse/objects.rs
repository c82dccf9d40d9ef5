//! Objects: member by member, or at once when there are many.

use rquickjs::qjs;

use super::names::ROOT;
use super::{Parsed, Parser, Stop};
use crate::plain::kinds::Kind;

impl Parser<'_, '_> {
    pub(super) fn object(&mut self) -> Parsed {
        if self.slab.is_none() || (self.depth == 1 && self.lazy.is_some()) {
            return self.by_member();
        }
        let marks = self.marks.len();
        let mut node = ROOT;
        if self.next() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let Some(next) = self.step(node)? else {
                    return self.rest(node, marks);
                };
                node = next;
                self.next();
                let value = self.held(|parser| parser.key(parser.nodes[next as usize].from))?;
                self.values.push(value);
                let next = self.next();
                self.at += 1;
                match next {
                    Some(b',') => {}
                    Some(b'}') => break,
                    _ => return Err(Stop::Text),
                }
            }
        }
        let object = self.finish(node)?;
        if self.marks.len() > marks {
            self.hold(object, marks, None);
        }
        Ok(object)
    }

    /// The rest of an object of which some members were read.
    fn rest(&mut self, node: u32, marks: usize) -> Parsed {
        let object = self.by_name(node)?;
        match self.members(object) {
            Ok(_) => {
                self.hold(object, marks, None);
                Ok(object)
            }
            Err(stop) => {
                self.free(object);
                Err(stop)
            }
        }
    }

    fn by_member(&mut self) -> Parsed {
        let marks = self.marks.len();
        // SAFETY: a new object, which is owned.
        let object = self.made(unsafe { qjs::JS_NewObject(self.context) })?;
        if self.take(b'}') {
            return Ok(object);
        }
        match self.members(object) {
            Ok(kind) => {
                self.hold(object, marks, None);
                // SAFETY: a plain object that lives.
                unsafe { self.kinds.came(self.context, object, kind) };
                Ok(object)
            }
            Err(stop) => {
                self.free(object);
                Err(stop)
            }
        }
    }

    fn members(&mut self, object: qjs::JSValue) -> Parsed<Kind> {
        let mut kind = Kind::default();
        loop {
            self.space();
            let from = self.at;
            let atom = self.name()?;
            kind.add(atom);
            let member = self.member(object, atom, from);
            // SAFETY: the atom is owned.
            unsafe { qjs::JS_FreeAtom(self.context, atom) };
            member?;
            if self.take(b',') {
                continue;
            }
            return if self.take(b'}') {
                Ok(kind)
            } else {
                Err(Stop::Text)
            };
        }
    }

    fn member(&mut self, object: qjs::JSValue, atom: qjs::JSAtom, name: usize) -> Parsed<()> {
        if !self.take(b':') {
            return Err(Stop::Text);
        }
        self.space();
        let (value, left) = match self.skip_deferred(true) {
            None => (self.held(|parser| parser.key(name))?, None),
            Some(place) => match self.unread(place)? {
                Some(value) => (value, None),
                None => (qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0), Some(place)),
            },
        };
        self.define(object, atom, value)?;
        if let Some(place) = left {
            // SAFETY: a new string, which is owned.
            let key = self.made(unsafe { qjs::JS_AtomToString(self.context, atom) })?;
            let noted = self.defer(object, key, place);
            self.free(key);
            noted?;
        }
        Ok(())
    }

    /// Gives an object of ours a member; the value is the engine's from here on.
    pub(super) fn define(
        &self,
        object: qjs::JSValue,
        atom: qjs::JSAtom,
        value: qjs::JSValue,
    ) -> Parsed<()> {
        let flags = qjs::JS_PROP_C_W_E as i32;
        // SAFETY: as above.
        match unsafe { qjs::JS_DefinePropertyValue(self.context, object, atom, value, flags) } {
            0.. => Ok(()),
            _ => Err(Stop::Thrown),
        }
    }
}
