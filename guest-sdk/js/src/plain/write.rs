//! The engine's values as JSON text, as `JSON.stringify` has it, but for numbers that the step did not
//! compute: they keep their text. What has behaviour of its own is left to the engine's own function.

mod objects;

use rquickjs::{Ctx, Error, Value, qjs};

use super::numbers::{Key, Mark, Numbers};
use super::shape::{Shapes, Slot, Walk, address, tag};
use super::{number, text, unread};
use crate::lanes;
use crate::raw::{self, Characters, utf8};

/// What becomes of half a surrogate pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Halves {
    /// An escape, as in `JSON.stringify`.
    Escaped,
    /// U+FFFD, so that every reader takes it.
    Replaced,
}

/// How a text is to be written.
pub struct Style<'a> {
    pub halves: Halves,
    /// What a level is indented by; nothing for one line.
    pub gap: &'a [u8],
    /// What is nested deeper, as a cycle is, counts as having behaviour of its own.
    pub depth: usize,
    pub numbers: &'a Numbers,
    /// The text in which short numbers stand.
    pub document: &'a str,
    /// The text of a member that has this getter and was never touched, if it is as `JSON.stringify` would have it but
    /// for its numbers.
    pub deferred: &'a dyn Fn(usize) -> Option<&'a str>,
}

/// Why a value was not written.
pub enum Unwritten {
    /// It has behaviour of its own, which did not run.
    Behaves,
    /// What nobody can say is written how; where, and why.
    Wrong(String),
    Thrown(Error),
}

impl From<Error> for Unwritten {
    fn from(error: Error) -> Self {
        Self::Thrown(error)
    }
}

/// Appends the JSON of a value, which may stand in an object or array under a key. Runs nothing of the
/// step's.
pub fn write<'a, 'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    value: &Value<'js>,
    place: Option<&(Value<'js>, Key)>,
    style: &'a Style<'a>,
    out: &'a mut Vec<u8>,
) -> std::result::Result<(), Unwritten> {
    let mut writer = Writer {
        walk: Walk::new(ctx, shapes)?,
        style,
        out,
        depth: 0,
    };
    let Some((holder, key)) = place else {
        return writer.value(value.as_raw(), None);
    };
    let marks = writer.walk.marks(style.numbers, holder.as_raw());
    let marks = marks.as_deref().unwrap_or_default();
    writer.value(value.as_raw(), Some((marks, &|| key.clone())))
}

struct Writer<'a, 'js> {
    walk: Walk<'js>,
    style: &'a Style<'a>,
    out: &'a mut Vec<u8>,
    depth: usize,
}

type Written<T = ()> = std::result::Result<T, Unwritten>;

/// Where a value is: the noted numbers of its holder, and its key.
type Place<'a> = Option<(&'a [Mark], &'a dyn Fn() -> Key)>;

impl Writer<'_, '_> {
    /// Appends a value; says whether it is one that JSON has.
    fn value(&mut self, value: qjs::JSValue, place: Place<'_>) -> Written {
        match tag(value) {
            qjs::JS_TAG_NULL => self.out.extend_from_slice(b"null"),
            // SAFETY: the tag says what is in the value, here and below.
            qjs::JS_TAG_BOOL => {
                self.out
                    .extend_from_slice(match unsafe { qjs::JS_VALUE_GET_BOOL(value) } {
                        true => b"true",
                        false => b"false",
                    })
            }
            qjs::JS_TAG_INT => {
                let value = unsafe { qjs::JS_VALUE_GET_INT(value) };
                number::push_int(value.into(), self.out);
            }
            qjs::JS_TAG_FLOAT64 => {
                let double = unsafe { qjs::JS_VALUE_GET_FLOAT64(value) };
                self.double(double, value, place)?;
            }
            qjs::JS_TAG_STRING | qjs::JS_TAG_STRING_ROPE => self.string(value)?,
            qjs::JS_TAG_OBJECT => self.holder(value)?,
            _ => return Err(Unwritten::Behaves),
        }
        Ok(())
    }

    fn double(&mut self, double: f64, value: qjs::JSValue, place: Place<'_>) -> Written {
        let key = place
            .filter(|(marks, _)| !marks.is_empty())
            .map(|(marks, key)| (marks, key()));
        let noted = match self.style.numbers.is_empty() {
            true => None,
            false => {
                let place = key.as_ref().map(|(marks, key)| (*marks, key));
                let text = self.style.numbers.text(double, place, self.style.document);
                text.map_err(|ambiguous| Unwritten::Wrong(ambiguous.to_string()))?
            }
        };
        if let Some(text) = noted {
            self.out.extend_from_slice(text.as_bytes());
        } else if !double.is_finite() {
            self.out.extend_from_slice(b"null");
        } else if double == 0.0 {
            self.out.push(b'0');
        } else if !number::push_short(double, self.out) {
            self.text_of(value, |text, out| out.extend_from_slice(text))?;
        }
        Ok(())
    }

    /// Calls with the UTF-8 of a primitive's text; half a surrogate pair is three bytes of it.
    fn text_of(&mut self, value: qjs::JSValue, take: impl FnOnce(&[u8], &mut Vec<u8>)) -> Written {
        let mut length = 0;
        // SAFETY: the text has so many bytes and is given back.
        unsafe {
            let text = qjs::JS_ToCStringLen(self.walk.context, &mut length, value);
            if text.is_null() {
                return Err(Unwritten::Thrown(Error::Exception));
            }
            take(
                std::slice::from_raw_parts(text.cast::<u8>(), length),
                self.out,
            );
            qjs::JS_FreeCString(self.walk.context, text);
        }
        Ok(())
    }

    fn string(&mut self, value: qjs::JSValue) -> Written {
        let halves = self.style.halves;
        self.out.push(b'"');
        // SAFETY: a string that lives.
        if let Some(characters) = unsafe { raw::of_string(value) } {
            if let Characters::Latin(text) = characters
                && lanes::is_ascii(text)
            {
                text::escape(text, self.out);
            } else {
                let mut text = Vec::new();
                match utf8::encode(characters, &mut text) {
                    true => text::escape(&text, self.out),
                    false => with_halves(&text, halves, self.out),
                }
            }
            self.out.push(b'"');
            return Ok(());
        }
        self.text_of(value, |text, out| match std::str::from_utf8(text) {
            Ok(_) => text::escape(text, out),
            Err(_) => with_halves(text, halves, out),
        })?;
        self.out.push(b'"');
        Ok(())
    }

    fn holder(&mut self, value: qjs::JSValue) -> Written {
        let class = self.walk.class(value);
        let shapes = self.walk.shapes;
        if class == shapes.raw {
            return match self.walk.slot(value, shapes.raw_json) {
                Slot::Value(text) => {
                    let written = self.text_of(text, |text, out| out.extend_from_slice(text));
                    self.free(text);
                    written
                }
                other => {
                    self.walk.done(other);
                    Err(Unwritten::Behaves)
                }
            };
        }
        if self.depth >= self.style.depth {
            return Err(Unwritten::Behaves);
        }
        if class == shapes.proxy {
            return self.unread(value);
        }
        self.depth += 1;
        let marks = self.walk.marks(self.style.numbers, value);
        let marks = marks.as_deref().unwrap_or_default();
        if class == shapes.array && self.walk.takes(value) {
            self.array(value, marks)?;
        } else if class == shapes.object {
            self.object(value, marks)?;
        } else {
            return Err(Unwritten::Behaves);
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, value: qjs::JSValue, marks: &[Mark]) -> Written {
        let elements = self.walk.elements(value)?;
        let length = elements.length;
        self.out.push(b'[');
        for index in 0..length {
            if index > 0 {
                self.out.push(b',');
            }
            self.line();
            let slot = self.walk.element(value, &elements, index);
            match slot {
                Slot::Value(element) | Slot::Seen(element) => {
                    let written = match tag(element) {
                        qjs::JS_TAG_UNDEFINED | qjs::JS_TAG_SYMBOL => {
                            self.out.extend_from_slice(b"null");
                            Ok(())
                        }
                        _ => self.value(element, Some((marks, &|| Key::Index(index)))),
                    };
                    self.walk.done(slot);
                    written?;
                }
                Slot::Getter(getter) => self.deferred(getter)?,
                Slot::Absent => self.out.extend_from_slice(b"null"),
            }
        }
        self.end(length > 0, b']');
        Ok(())
    }

    /// Appends what was not read, as its text; reads it if that is not how it is to be written.
    fn unread(&mut self, value: qjs::JSValue) -> Written {
        let Some((part, state)) = unread::found(value) else {
            return Err(Unwritten::Behaves);
        };
        let (ctx, to_json) = (self.walk.ctx.clone(), self.walk.shapes.to_json);
        if !self.walk.is_array_plain || unread::has_method(&ctx, value, to_json) {
            return Err(Unwritten::Behaves);
        }
        let is_as_text = part.is_usual && self.style.gap.is_empty();
        if !is_as_text || state == unread::State::Read {
            unread::become_read(&ctx, value)?;
            return self.holder(value);
        }
        // SAFETY: the count that is given to the value is its own.
        let value =
            unsafe { Value::from_raw(ctx.clone(), qjs::JS_DupValue(self.walk.context, value)) };
        let mut from = part.from;
        let text = |from: usize, to: usize| {
            let text = self.style.document.get(from..to);
            text.unwrap_or_default().as_bytes()
        };
        for (_, place, element) in unread::own_elements(&ctx, &value)? {
            self.out.extend_from_slice(text(from, place.0));
            self.depth += 1;
            match tag(element.as_raw()) {
                qjs::JS_TAG_UNDEFINED | qjs::JS_TAG_SYMBOL => self.out.extend_from_slice(b"null"),
                _ => self.value(element.as_raw(), None)?,
            }
            self.depth -= 1;
            from = place.1;
        }
        self.out.extend_from_slice(text(from, part.to));
        Ok(())
    }

    /// Appends the text of a member that was never touched, and frees its getter.
    fn deferred(&mut self, getter: qjs::JSValue) -> Written {
        let text = (self.style.deferred)(address(getter));
        self.free(getter);
        match text {
            Some(text) if self.style.gap.is_empty() => {
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            _ => Err(Unwritten::Behaves),
        }
    }

    fn line(&mut self) {
        if !self.style.gap.is_empty() {
            self.out.push(b'\n');
            for _ in 0..self.depth {
                self.out.extend_from_slice(self.style.gap);
            }
        }
    }

    fn end(&mut self, has_lines: bool, bracket: u8) {
        if has_lines {
            self.depth -= 1;
            self.line();
            self.depth += 1;
        }
        self.out.push(bracket);
    }

    fn free(&self, value: qjs::JSValue) {
        // SAFETY: the caller owns the value and gives it up.
        unsafe { qjs::JS_FreeValue(self.walk.context, value) }
    }
}

/// A quoted name without its quotes and escapes.
pub fn name(quoted: &[u8]) -> std::rc::Rc<[u8]> {
    let mut out = Vec::new();
    if let Ok(text) = std::str::from_utf8(quoted.get(1..).unwrap_or_default()) {
        text::unescape(text, &mut out);
    }
    out.into()
}

/// Appends the inside of a string in which halves of surrogate pairs are three bytes each.
fn with_halves(text: &[u8], halves: Halves, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(error) = std::str::from_utf8(rest).err() {
        let (good, bad) = rest.split_at(error.valid_up_to());
        text::escape(good, out);
        if let [0xed, second, third, more @ ..] = bad {
            match halves {
                Halves::Replaced => out.extend_from_slice("\u{fffd}".as_bytes()),
                Halves::Escaped => {
                    let unit = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            rest = more;
        } else {
            rest = bad.get(1..).unwrap_or_default();
        }
    }
    text::escape(rest, out);
}
