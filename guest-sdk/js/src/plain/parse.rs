//! JSON text as the engine's values.

mod strings;

use std::rc::Rc;

use rquickjs::{Ctx, Error, Persistent, Result, Value, qjs};

use super::cache::Cache;
use super::kinds::{Kind, Kinds};
use super::number::{self, Number};
use super::numbers::{Key, Mark, Marks, Numbers};
use super::shape::address;

/// Texts that are nested deeper are left to the engine, which watches its stack.
const DEPTH: usize = 256;

/// What is to be done with a part of a document that is only read when it is touched.
pub trait Lazily<'js> {
    /// Whether the value that begins here is left alone, and where it ends. It is a member of an object
    /// or, if it is an array, an element of an array.
    fn end(&self, at: usize, is_member: bool) -> Option<usize>;
    /// Notes that this member or element, which is null by now, is the text between two places.
    fn leave(
        &mut self,
        holder: &Value<'js>,
        key: &Value<'js>,
        from: usize,
        to: usize,
    ) -> Result<()>;
}

/// The value of a JSON text, or of the part of it between two places; None if it is no JSON, or is
/// nested deeply. `lazy` is only asked about what lies in the outermost object or array.
pub fn parse<'a, 'js>(
    ctx: &'a Ctx<'js>,
    text: &'a str,
    (from, to): (usize, usize),
    numbers: &'a mut Numbers,
    lazy: Option<&'a mut dyn Lazily<'js>>,
) -> Result<Option<Value<'js>>> {
    let context = ctx.as_raw().as_ptr();
    let mut parser = Parser {
        ctx,
        context,
        text,
        bytes: text.get(..to).unwrap_or_default().as_bytes(),
        at: from,
        depth: 0,
        values: Vec::new(),
        names: Cache::new(),
        strings: Cache::new(),
        buffer: Vec::new(),
        kinds: Kinds::default(),
        marks: Vec::new(),
        numbers,
        lazy,
    };
    let value = parser.value().and_then(|value| {
        parser.space();
        if parser.at == parser.bytes.len() {
            Ok(value)
        } else {
            parser.free(value);
            Err(Stop::Text)
        }
    });
    match value {
        // SAFETY: the value is owned.
        Ok(value) => Ok(Some(unsafe { Value::from_raw(ctx.clone(), value) })),
        Err(Stop::Text) => Ok(None),
        Err(Stop::Thrown(error)) => Err(error),
    }
}

enum Stop {
    /// The text is no JSON.
    Text,
    Thrown(Error),
}

type Parsed<T = qjs::JSValue> = std::result::Result<T, Stop>;

/// The bits of a number, and its text.
type Spelled = (u64, Rc<str>);

struct Parser<'a, 'js> {
    ctx: &'a Ctx<'js>,
    context: *mut qjs::JSContext,
    text: &'a str,
    /// The text up to where it ends here.
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// The elements of the arrays that are open.
    values: Vec<qjs::JSValue>,
    names: Cache<qjs::JSAtom>,
    strings: Cache<qjs::JSValue>,
    buffer: Vec<u8>,
    kinds: Kinds,
    /// Numbers to remember of the objects and arrays that are open.
    marks: Vec<Mark>,
    numbers: &'a mut Numbers,
    lazy: Option<&'a mut dyn Lazily<'js>>,
}

impl Drop for Parser<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: all of these are owned, and nobody else has them.
        unsafe {
            for atom in self.names.all() {
                qjs::JS_FreeAtom(self.context, atom);
            }
            let kept = self.strings.all().chain(self.kinds.all());
            for value in kept.chain(self.values.drain(..)) {
                qjs::JS_FreeValue(self.context, value);
            }
        }
    }
}

impl Parser<'_, '_> {
    fn free(&self, value: qjs::JSValue) {
        // SAFETY: the caller owns the value and gives it up.
        unsafe { qjs::JS_FreeValue(self.context, value) }
    }

    /// A value that the engine made, or the exception that it threw instead.
    fn made(&self, value: qjs::JSValue) -> Parsed {
        if super::shape::tag(value) == qjs::JS_TAG_EXCEPTION {
            return Err(Stop::Thrown(Error::Exception));
        }
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }

    fn word(&mut self, word: &[u8], value: qjs::JSValue) -> Parsed {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Stop::Text);
        }
        self.at += word.len();
        Ok(value)
    }

    /// The value that begins here.
    fn value(&mut self) -> Parsed {
        self.space();
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b't') => self.word(b"true", qjs::JS_MKVAL(qjs::JS_TAG_BOOL, 1)),
            Some(b'f') => self.word(b"false", qjs::JS_MKVAL(qjs::JS_TAG_BOOL, 0)),
            Some(b'n') => self.word(b"null", qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0)),
            _ => Ok(self.number()?.0),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Parsed) -> Parsed {
        if self.depth >= DEPTH {
            return Err(Stop::Text);
        }
        self.at += 1;
        self.depth += 1;
        let value = parse(self);
        self.depth -= 1;
        value
    }

    /// A number, and its text if it is to be remembered.
    fn number(&mut self) -> Parsed<(qjs::JSValue, Option<Spelled>)> {
        let rest = &self.bytes[self.at..];
        let (number, length) = number::read(rest).ok_or(Stop::Text)?;
        let text = self.text.get(self.at..self.at + length).ok_or(Stop::Text)?;
        self.at += length;
        Ok(match number {
            Number::Int(value) => (qjs::JS_MKVAL(qjs::JS_TAG_INT, value), None),
            Number::Double(value) => (qjs::__JS_NewFloat64(value), None),
            // Also one that is an integer is kept as a double: so a step's own integers are none of
            // those whose text is looked for.
            Number::Spelled { value, is_long } => {
                let text = self.numbers.note(value, text);
                let mark = is_long.then(|| (value.to_bits(), text));
                (qjs::__JS_NewFloat64(value), mark)
            }
        })
    }

    /// The value of a member or element: a number is marked.
    fn held(&mut self, key: impl FnOnce(&Self) -> Key) -> Parsed {
        self.space();
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return self.value();
        }
        let (value, spelled) = self.number()?;
        if let Some((bits, text)) = spelled {
            let key = key(self);
            self.marks.push(Mark { key, bits, text });
        }
        Ok(value)
    }

    fn array(&mut self) -> Parsed {
        let (values, marks) = (self.values.len(), self.marks.len());
        let mut left = Vec::new();
        if !self.take(b']') {
            loop {
                self.space();
                let value = match self.left_alone(false) {
                    Some(place) => {
                        left.push((self.values.len() - values, place));
                        qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0)
                    }
                    None => {
                        let index = (self.values.len() - values) as u32;
                        self.held(|_| Key::Index(index))?
                    }
                };
                self.values.push(value);
                if self.take(b',') {
                    continue;
                }
                if self.take(b']') {
                    break;
                }
                return Err(Stop::Text);
            }
        }
        let elements = &self.values[values..];
        let count = i32::try_from(elements.len()).map_err(|_| Stop::Text)?;
        // SAFETY: so many values, which the engine owns from here on, also if it fails.
        let array = unsafe { qjs::JS_NewArrayFrom(self.context, count, elements.as_ptr()) };
        self.values.truncate(values);
        let array = self.made(array)?;
        self.hold(array, marks, Some(count as u32));
        for (index, place) in left {
            let key = qjs::JS_MKVAL(qjs::JS_TAG_INT, index as i32);
            if let Err(stop) = self.leave(array, key, place) {
                self.free(array);
                return Err(stop);
            }
        }
        Ok(array)
    }

    fn object(&mut self) -> Parsed {
        let marks = self.marks.len();
        // SAFETY: a new object, which is owned.
        let object = self.made(unsafe { qjs::JS_NewObject(self.context) })?;
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
        if self.take(b'}') {
            return Ok(kind);
        }
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
        let left = self.left_alone(true);
        let value = match left {
            Some(_) => qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0),
            None => self.held(|parser| parser.key(name))?,
        };
        // SAFETY: an object of ours; the value is the engine's from here on.
        let defined = unsafe {
            let flags = qjs::JS_PROP_C_W_E as i32;
            qjs::JS_DefinePropertyValue(self.context, object, atom, value, flags)
        };
        if defined < 0 {
            return Err(Stop::Thrown(Error::Exception));
        }
        if let Some(place) = left {
            // SAFETY: a new string, which is owned.
            let key = self.made(unsafe { qjs::JS_AtomToString(self.context, atom) })?;
            let noted = self.leave(object, key, place);
            self.free(key);
            noted?;
        }
        Ok(())
    }

    /// Remembers the marks of an object or array that is complete.
    fn hold(&mut self, holder: qjs::JSValue, marks: usize, length: Option<u32>) {
        if self.marks.len() == marks {
            return;
        }
        // A stable sort, which is quick for an array: its marks are in order.
        self.marks[marks..].sort_by(|a, b| a.key.cmp(&b.key));
        let all = self.marks.drain(marks..).collect();
        let marks = Marks { all, length };
        // SAFETY: the count that is given to the value is its own.
        let kept =
            unsafe { Value::from_raw(self.ctx.clone(), qjs::JS_DupValue(self.context, holder)) };
        self.numbers
            .hold(address(holder), Persistent::save(self.ctx, kept), marks);
    }

    /// Passes over the value that begins here if it is to be left alone; says where it is.
    fn left_alone(&mut self, is_member: bool) -> Option<(usize, usize)> {
        if self.depth > 1 {
            return None;
        }
        let end = self.lazy.as_deref()?.end(self.at, is_member)?;
        let from = std::mem::replace(&mut self.at, end);
        Some((from, end))
    }

    fn leave(
        &mut self,
        holder: qjs::JSValue,
        key: qjs::JSValue,
        (from, to): (usize, usize),
    ) -> Parsed<()> {
        // SAFETY: the counts that are given to the values are their own.
        let [holder, key] = [holder, key].map(|value| unsafe {
            Value::from_raw(self.ctx.clone(), qjs::JS_DupValue(self.context, value))
        });
        match self.lazy.as_deref_mut() {
            Some(lazy) => lazy.leave(&holder, &key, from, to).map_err(Stop::Thrown),
            None => Ok(()),
        }
    }
}
