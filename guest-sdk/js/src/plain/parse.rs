//! JSON text as the engine's values.

mod names;
mod numerals;
mod objects;
mod run;
mod strings;

use rquickjs::{Ctx, Error, Persistent, Result, Value, qjs};

use super::cache::Cache;
use super::kinds::Kinds;
use super::numbers::{Key, Mark, Marks, Numbers};
use super::shape::{Shapes, address};
use crate::raw::model::Model;
use crate::raw::slab::Slab;
use names::Node;
use run::Ended;

/// Texts that are nested deeper are left to the engine, which watches its stack.
const DEPTH: usize = 256;
/// Texts of so many bytes have many objects that are alike: they are copied from models, out of a slab. Natively all
/// are, so that the tests see both ways.
const MANY: usize = if cfg!(debug_assertions) {
    16
} else {
    16 * 1024
};

/// What is to be done with a part of a document that is only read when it is touched.
pub trait Lazily<'js> {
    /// Whether the value that begins here is left alone, and where it ends. It is a member of an object
    /// or, if it is an array, an element of an array.
    fn end(&self, at: usize, is_member: bool) -> Option<usize>;
    /// The value between two places, unread; None if it is to be left alone otherwise.
    fn unread(&mut self, from: usize, to: usize) -> Result<Option<Value<'js>>>;
    /// Notes that this member or element, which is null by now, is the text between two places.
    fn defer(
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
    shapes: Shapes,
    text: &'a str,
    (from, to): (usize, usize),
    numbers: &'a Numbers,
    lazy: Option<&'a mut dyn Lazily<'js>>,
) -> Result<Option<Value<'js>>> {
    let context = ctx.as_raw().as_ptr();
    let overhead = shapes.memory.overhead.filter(|_| to - from >= MANY);
    let mut parser = Parser {
        ctx,
        context,
        text,
        is_known: shapes.memory.is_known,
        // SAFETY: the context outlives the parser.
        slab: overhead.map(|overhead| unsafe { Slab::new(context, overhead) }),
        nodes: Vec::new(),
        empty_array: None,
        empty_text: None,
        bytes: text.get(..to).unwrap_or_default().as_bytes(),
        at: from,
        depth: 0,
        values: Vec::new(),
        names: Cache::new(to - from),
        strings: Cache::new(to - from),
        buffer: Vec::new(),
        kinds: Kinds::default(),
        marks: Vec::new(),
        numbers,
        lazy,
        failed: None,
    };
    parser.begin()?;
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
        Err(Stop::Thrown) => Err(parser.failed.take().unwrap_or(Error::Exception)),
    }
}

enum Stop {
    /// The text is no JSON.
    Text,
    /// The engine has an exception, unless the parser has another error.
    Thrown,
}

type Parsed<T = qjs::JSValue> = std::result::Result<T, Stop>;

struct Parser<'a, 'js> {
    ctx: &'a Ctx<'js>,
    context: *mut qjs::JSContext,
    text: &'a str,
    /// The text up to where it ends here.
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// Whether references may be counted here.
    is_known: bool,
    /// Where objects and arrays are made, if there are many.
    slab: Option<Slab>,
    /// The names of those objects. The first one is where all begin.
    nodes: Vec<Node>,
    /// An array of nothing, and what is copied from it.
    empty_array: Option<(Model, qjs::JSValue)>,
    empty_text: Option<qjs::JSValue>,
    /// The members and elements of the objects and arrays that are open.
    values: Vec<qjs::JSValue>,
    names: Cache<qjs::JSAtom>,
    strings: Cache<qjs::JSValue>,
    buffer: Vec<u8>,
    kinds: Kinds,
    /// Numbers to remember of the objects and arrays that are open.
    marks: Vec<Mark>,
    numbers: &'a Numbers,
    lazy: Option<&'a mut dyn Lazily<'js>>,
    failed: Option<Error>,
}

impl Drop for Parser<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: all of these are owned, and have no other reference.
        unsafe {
            for atom in self
                .names
                .all()
                .chain(self.nodes.iter().map(|node| node.atom))
            {
                qjs::JS_FreeAtom(self.context, atom);
            }
            let models = self.nodes.iter().filter_map(|node| node.model.as_ref());
            let models = models.chain(&self.empty_array).map(|(_, object)| *object);
            let kept = self
                .strings
                .all()
                .chain(self.kinds.all())
                .chain(models)
                .chain(self.empty_text);
            for value in kept.chain(self.values.drain(..)) {
                qjs::JS_FreeValue(self.context, value);
            }
        }
    }
}

impl Parser<'_, '_> {
    /// Makes what the slab's objects and arrays are copied from.
    fn begin(&mut self) -> Result<()> {
        if self.slab.is_none() {
            return Ok(());
        }
        self.nodes.push(Node::root());
        // SAFETY: a new array, which is owned and stays.
        unsafe {
            let array = self
                .made(qjs::JS_NewArray(self.context))
                .map_err(|_| Error::Exception)?;
            self.empty_array = Some((Model::of(self.context, array), array));
        }
        Ok(())
    }

    #[inline]
    fn free(&self, value: qjs::JSValue) {
        // SAFETY: the caller owns the value and gives it up.
        unsafe { qjs::JS_FreeValue(self.context, value) }
    }

    /// A value that the engine made, or the exception that it threw instead.
    fn made(&self, value: qjs::JSValue) -> Parsed {
        if super::shape::tag(value) == qjs::JS_TAG_EXCEPTION {
            return Err(Stop::Thrown);
        }
        Ok(value)
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// The next byte that is no white space.
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        match self.peek() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => {
                self.space();
                self.peek()
            }
        }
    }

    #[inline(always)]
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
        match self.next() {
            Some(b'"') => self.string(),
            Some(b'{') => {
                self.enter()?;
                let object = self.object();
                self.depth -= 1;
                object
            }
            Some(b'[') => {
                self.enter()?;
                let array = self.array();
                self.depth -= 1;
                array
            }
            Some(b't') => self.word(b"true", qjs::JS_MKVAL(qjs::JS_TAG_BOOL, 1)),
            Some(b'f') => self.word(b"false", qjs::JS_MKVAL(qjs::JS_TAG_BOOL, 0)),
            Some(b'n') => self.word(b"null", qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0)),
            _ => self.number(),
        }
    }

    #[inline(always)]
    fn enter(&mut self) -> Parsed<()> {
        if self.depth >= DEPTH {
            return Err(Stop::Text);
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    fn array(&mut self) -> Parsed {
        let (values, marks) = (self.values.len(), self.marks.len());
        let mut left = Vec::new();
        let is_lazy = self.depth == 1 && self.lazy.is_some();
        if self.next() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                self.next();
                match self.run(is_lazy, values)? {
                    Ended::Closed => break,
                    Ended::After => {}
                    Ended::Before => {
                        let index = self.values.len() - values;
                        let value = match is_lazy.then(|| self.skip_deferred(false)).flatten() {
                            Some(place) => match self.unread(place)? {
                                Some(value) => value,
                                None => {
                                    left.push((index, place));
                                    qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0)
                                }
                            },
                            None => self.held(|_| Key::Index(index as u32))?,
                        };
                        self.values.push(value);
                    }
                }
                let next = self.next();
                self.at += 1;
                match next {
                    Some(b',') => {}
                    Some(b']') => break,
                    _ => return Err(Stop::Text),
                }
            }
        }
        let count = self.values.len() - values;
        let array = self.row(values)?;
        if self.marks.len() > marks {
            self.hold(array, marks, Some(count as u32));
        }
        for (index, place) in left {
            let key = qjs::JS_MKVAL(qjs::JS_TAG_INT, index as i32);
            if let Err(stop) = self.defer(array, key, place) {
                self.free(array);
                return Err(stop);
            }
        }
        Ok(array)
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
    fn skip_deferred(&mut self, is_member: bool) -> Option<(usize, usize)> {
        if self.depth > 1 || (!is_member && self.peek() != Some(b'[')) {
            return None;
        }
        let end = self.lazy.as_deref()?.end(self.at, is_member)?;
        let from = std::mem::replace(&mut self.at, end);
        Some((from, end))
    }

    /// The value between two places, unread, if it can be.
    fn unread(&mut self, (from, to): (usize, usize)) -> Parsed<Option<qjs::JSValue>> {
        let made = match self.lazy.as_deref_mut() {
            Some(lazy) => lazy.unread(from, to),
            None => Ok(None),
        };
        match made {
            // SAFETY: the count that is given away is its own.
            Ok(made) => {
                Ok(made.map(|made| unsafe { qjs::JS_DupValue(self.context, made.as_raw()) }))
            }
            Err(error) => {
                self.failed = Some(error);
                Err(Stop::Thrown)
            }
        }
    }

    fn defer(
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
            Some(lazy) => lazy.defer(&holder, &key, from, to).map_err(|error| {
                self.failed = Some(error);
                Stop::Thrown
            }),
            None => Ok(()),
        }
    }
}
