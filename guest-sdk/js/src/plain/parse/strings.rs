//! Names and strings.

use rquickjs::qjs;

use super::{Parsed, Parser, Stop};
use crate::lanes;
use crate::plain::numbers::Key;
use crate::plain::text::{self, Unescaped};
use crate::raw::{self, model};

/// Strings of so many bytes are looked for among those that were just made.
const SHORT: usize = 16;
/// So are names.
const NAME: usize = 64;

impl Parser<'_, '_> {
    /// The name that begins at this place of the text.
    pub(super) fn key(&self, at: usize) -> Key {
        let mut name = Vec::new();
        let text = self.text.get(at + 1..).unwrap_or_default();
        text::unescape(text, &mut name);
        Key::Name(name.into())
    }

    /// An atom for the name that begins here. It is owned: the cache lets go of its own as other names
    /// come, those of the member's value among them.
    pub(super) fn name(&mut self) -> Parsed<qjs::JSAtom> {
        if self.peek() != Some(b'"') {
            return Err(Stop::Text);
        }
        let from = self.at + 1;
        let run = text::plain(&self.bytes[from..]);
        let name = &self.bytes[from..from + run];
        if self.bytes.get(from + run) != Some(&b'"') {
            let string = self.string()?;
            // SAFETY: the string is owned; so is the atom that is made of it.
            let atom = unsafe { qjs::JS_ValueToAtom(self.context, string) };
            self.free(string);
            return self.atom(atom);
        }
        self.at = from + run + 1;
        let is_kept = run <= NAME && self.names.is_of_use();
        if is_kept && let Some(atom) = self.names.find(self.bytes, name) {
            // SAFETY: the cache's atom lives.
            return Ok(unsafe { qjs::JS_DupAtom(self.context, atom) });
        }
        let atom = if name.is_ascii() {
            // SAFETY: so many bytes. The engine takes those of other texts for Latin-1.
            unsafe { qjs::JS_NewAtomLen(self.context, name.as_ptr().cast(), run as _) }
        } else {
            let string = self.new_string(name)?;
            // SAFETY: the string is owned; so is the atom that is made of it.
            let atom = unsafe { qjs::JS_ValueToAtom(self.context, string) };
            self.free(string);
            atom
        };
        let atom = self.atom(atom)?;
        if !is_kept {
            return Ok(atom);
        }
        // SAFETY: as above.
        unsafe { qjs::JS_DupAtom(self.context, atom) };
        if let Some(old) = self.names.put(from, name, atom) {
            // SAFETY: the cache's, which has it no longer.
            unsafe { qjs::JS_FreeAtom(self.context, old) };
        }
        Ok(atom)
    }

    fn atom(&self, atom: qjs::JSAtom) -> Parsed<qjs::JSAtom> {
        if atom == 0 {
            return Err(Stop::Thrown);
        }
        Ok(atom)
    }

    /// The string that begins here.
    pub(super) fn string(&mut self) -> Parsed {
        let from = self.at + 1;
        if self.bytes.get(from) == Some(&b'"') {
            self.at = from + 1;
            return self.no_text();
        }
        if let Some(made) = self.short(from) {
            return Ok(made);
        }
        let run = text::plain(&self.bytes[from..]);
        let inside = &self.bytes[from..from + run];
        if self.bytes.get(from + run) == Some(&b'"') {
            self.at = from + run + 1;
            if run > SHORT || !self.strings.is_of_use() {
                return self.new_string(inside);
            }
            if let Some(made) = self.strings.find(self.bytes, inside) {
                return Ok(self.kept(made));
            }
            let made = self.new_string(inside)?;
            let copy = self.kept(made);
            if let Some(old) = self.strings.put(from, inside, made) {
                self.free(old);
            }
            return Ok(copy);
        }
        self.buffer.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        let end = self.text.get(from..self.bytes.len()).ok_or(Stop::Text)?;
        let unescaped = text::unescape(end, &mut buffer);
        let made = match unescaped {
            None => Err(Stop::Text),
            Some((Unescaped::Utf8, length)) => {
                self.at = from + length;
                self.by_engine(&buffer)
            }
            Some((Unescaped::Utf16(units), length)) => {
                self.at = from + length;
                // SAFETY: so many units.
                self.made(unsafe {
                    qjs::JS_NewStringUTF16(self.context, units.as_ptr(), units.len() as _)
                })
            }
        };
        if buffer.capacity() <= 64 * 1024 {
            self.buffer = buffer;
        }
        made
    }

    /// The string of less than sixteen bytes of ASCII whose inside begins at a place, out of the slab.
    #[inline(always)]
    fn short(&mut self, from: usize) -> Option<qjs::JSValue> {
        let slab = self.slab.as_mut()?;
        let lanes = lanes::at(self.bytes, from)?;
        let stops = text::stops(lanes).high_bits();
        let length = stops.trailing_zeros() as usize;
        let before = stops.wrapping_sub(1) & !stops;
        if stops == 0 || lanes.high_bits() & before != 0 || self.bytes[from + length] != b'"' {
            return None;
        }
        // SAFETY: there is a slab only if the layout is known.
        let made = unsafe { model::ascii(slab, &self.bytes[from..from + length]) }?;
        self.at = from + length + 1;
        Some(made)
    }

    fn no_text(&mut self) -> Parsed {
        if let Some(empty) = self.empty_text {
            return Ok(self.kept(empty));
        }
        let empty = self.new_string(b"")?;
        self.empty_text = Some(empty);
        Ok(self.kept(empty))
    }

    /// One more reference to a value.
    #[inline(always)]
    pub(super) fn kept(&self, value: qjs::JSValue) -> qjs::JSValue {
        // SAFETY: the value lives.
        unsafe {
            match self.is_known {
                true => raw::keep(value),
                false => qjs::JS_DupValue(self.context, value),
            }
        }
    }

    #[inline(always)]
    fn new_string(&mut self, text: &[u8]) -> Parsed {
        /// Longer ones are made by the engine: they would fill the slab.
        const MOST: usize = 256;
        if let Some(slab) = &mut self.slab
            && text.len() <= MOST
            && lanes::is_ascii(text)
            // SAFETY: there is a slab only if the layout is known.
            && let Some(made) = unsafe { model::ascii(slab, text) }
        {
            return Ok(made);
        }
        self.by_engine(text)
    }

    #[inline(never)]
    fn by_engine(&self, text: &[u8]) -> Parsed {
        if text.len() > SHORT {
            return self.made(raw::utf8::string(self.ctx, text));
        }
        // SAFETY: so many bytes, of UTF-8.
        self.made(unsafe {
            qjs::JS_NewStringLen(self.context, text.as_ptr().cast(), text.len() as _)
        })
    }
}
