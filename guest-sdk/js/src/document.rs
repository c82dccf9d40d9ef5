//! The task's document as the global `data`: a plain object. In a large document the large members
//! are accessors that parse their own text when they are first touched, so that a step pays for
//! what it reads.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::{Ctx, FromJs, Function, Object, Persistent, Result, Value};

use crate::plain::unread::{self, Part};
use crate::plain::{self, Lazily, Numbers, Shapes};
use crate::prelude::{Glue, Usual};
use crate::scan::{self, Elements, Scan};

/// A text of so many bytes is worth taking apart.
const LARGE: usize = 2048;
/// A member of so many bytes is worth leaving alone; below it an accessor costs more than parsing.
const LARGE_MEMBER: usize = 256;
/// An array in an array is worth leaving alone if so many begin in it.
const NESTED: usize = 24;

/// The JSON text of the document as the run found it, and what is known of it.
#[derive(Clone, Default)]
pub struct Document(Rc<Inner>);

#[derive(Default)]
struct Inner {
    text: String,
    numbers: Numbers,
    /// Where the text of each accessor is that was not touched, by the address of its getter, which
    /// is kept, so that the address stays its own.
    deferred: RefCell<BTreeMap<usize, DeferredText>>,
    /// What was found of the values that were left alone, by their places.
    scans: RefCell<BTreeMap<usize, Scan>>,
    /// Where the elements of arrays are that were left alone, by the arrays' places.
    elements: RefCell<BTreeMap<usize, Rc<Elements>>>,
}

struct DeferredText {
    from: usize,
    to: usize,
    _getter: Persistent<Function<'static>>,
}

impl Document {
    pub fn new(text: String) -> Self {
        Self(Rc::new(Inner {
            text,
            ..Inner::default()
        }))
    }

    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether parts of it may be left unread.
    pub fn is_large(&self) -> bool {
        self.text().len() >= LARGE
    }

    /// The numbers that the run was given, of this document or elsewhere.
    pub fn numbers(&self) -> &Numbers {
        &self.0.numbers
    }

    /// Where a part of the text begins.
    pub fn offset(&self, part: &str) -> usize {
        part.as_ptr() as usize - self.text().as_ptr() as usize
    }

    /// The value of the text between two offsets, as a step sees it.
    pub fn value<'js>(
        &self,
        ctx: &Ctx<'js>,
        shapes: Shapes,
        glue: &Glue,
        from: usize,
        to: usize,
    ) -> Result<Value<'js>> {
        let mut defer_large = DeferLarge {
            ctx,
            glue,
            text: self.text(),
            scans: &self.0.scans,
            elements: &self.0.elements,
        };
        let lazily: Option<&mut dyn Lazily<'js>> = match to - from >= LARGE {
            true => Some(&mut defer_large),
            false => None,
        };
        match plain::parse(ctx, shapes, self.text(), (from, to), self.numbers(), lazily)? {
            Some(value) => Ok(value),
            // Nested too deeply, which the host does not let happen.
            None => ctx.json_parse(self.text().get(from..to).unwrap_or("null")),
        }
    }

    /// The object or array between two offsets, unread if it can be and is large. `is_usual` is what is known of the
    /// text around it.
    pub fn part<'js>(
        &self,
        ctx: &Ctx<'js>,
        (from, to): (usize, usize),
        is_usual: bool,
    ) -> Result<Option<Value<'js>>> {
        let is_large = to - from >= LARGE;
        let bytes = self.text().as_bytes();
        if !is_large || !matches!(bytes.get(from), Some(b'{' | b'[')) {
            return Ok(None);
        }
        let found = match is_usual {
            true => Scan { end: to, is_usual },
            false => scan::nested(bytes, from),
        };
        self.0.scans.borrow_mut().insert(from, found);
        let is_usual = found.is_usual;
        unread::make(ctx, Part { from, to, is_usual })
    }

    /// Notes that the accessor with this getter is the text between two offsets.
    pub fn defer<'js>(&self, ctx: &Ctx<'js>, getter: Function<'js>, from: usize, to: usize) {
        let address = plain::address(getter.as_value());
        let _getter = Persistent::save(ctx, getter);
        let deferred = DeferredText { from, to, _getter };
        self.0.deferred.borrow_mut().insert(address, deferred);
    }

    /// Takes note that an accessor is touched; where its text is.
    pub fn take_deferred(&self, getter: &Function<'_>) -> Option<(usize, usize)> {
        let address = plain::address(getter.as_value());
        let deferred = self.0.deferred.borrow_mut().remove(&address)?;
        Some((deferred.from, deferred.to))
    }

    /// Where the text of an accessor is that was never touched.
    pub fn deferred(&self, getter: usize) -> Option<(usize, usize)> {
        let deferred = self.0.deferred.borrow();
        deferred.get(&getter).map(|one| (one.from, one.to))
    }

    /// Its text.
    pub fn deferred_text(&self, getter: usize) -> Option<&str> {
        let (from, to) = self.deferred(getter)?;
        self.text().get(from..to)
    }

    /// Its text, if `JSON.stringify` would write it so but for its numbers.
    pub fn usual_text(&self, getter: usize) -> Option<&str> {
        let (from, to) = self.deferred(getter)?;
        let is_usual = self
            .scan(from)
            .is_some_and(|scan| scan.is_usual && scan.end == to);
        self.text().get(from..to).filter(|_| is_usual)
    }

    /// What was found of the value at a place, if it was left alone.
    pub fn scan(&self, from: usize) -> Option<Scan> {
        self.0.scans.borrow().get(&from).copied()
    }

    /// Where the elements are of the array that begins at a place.
    pub fn elements(&self, from: usize) -> Rc<Elements> {
        let mut elements = self.0.elements.borrow_mut();
        let found = elements
            .entry(from)
            .or_insert_with(|| Rc::new(Elements::of(self.text().as_bytes(), from)));
        Rc::clone(found)
    }

    /// Whether a member that had this text, in an object that had that one, may be untouched.
    pub fn may_be_lazy(object: &str, member: &str) -> bool {
        object.len() >= LARGE && member.len() >= LARGE_MEMBER
    }

    /// Where a value is no longer what a part of the text says; None if it is.
    pub fn first_difference<'js>(
        &self,
        ctx: &Ctx<'js>,
        shapes: Shapes,
        value: &Value<'js>,
        part: &str,
    ) -> Result<Option<usize>> {
        let from = self.offset(part);
        let part = self.text().get(from..from + part.len()).unwrap_or_default();
        plain::first_difference(ctx, shapes, self.numbers(), value, part, &|getter| {
            self.deferred_text(getter)
        })
    }

    /// Whether a member of an object, under this name, is still what a text says.
    pub fn is_same_member<'js>(
        &self,
        ctx: &Ctx<'js>,
        shapes: Shapes,
        place: (&Value<'js>, &str),
        value: &Value<'js>,
        text: &str,
    ) -> Result<bool> {
        plain::is_same_member(ctx, shapes, self.numbers(), place, value, text)
    }

    /// How many elements of an array, from the first one on, are still what these parts of the text
    /// say.
    pub fn same_elements<'js>(
        &self,
        ctx: &Ctx<'js>,
        shapes: Shapes,
        array: &Value<'js>,
        first: usize,
        parts: &[&str],
    ) -> Result<usize> {
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        let numbers = self.numbers();
        plain::same_elements(ctx, shapes, numbers, array, first, parts, &|getter| {
            self.deferred_text(getter)
        })
    }

    /// How many elements of an array, from the first one on, are still what the text of an array says from a place in
    /// it on, and where the first one begins that is not.
    pub fn same_rest<'js>(
        &self,
        ctx: &Ctx<'js>,
        shapes: Shapes,
        array: &Value<'js>,
        first: usize,
        (was, at): (&str, usize),
    ) -> Result<(usize, usize)> {
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        let from = self.offset(was);
        let was = self.text().get(from..from + was.len()).unwrap_or_default();
        let numbers = self.numbers();
        plain::same_rest(ctx, shapes, numbers, array, first, (was, at), &|getter| {
            self.deferred_text(getter)
        })
    }

    /// Lets go of everything, so that the runtime can be dropped.
    pub fn clear(&self) {
        self.0.deferred.borrow_mut().clear();
        self.numbers().clear();
    }
}

/// Leaves alone what is large.
struct DeferLarge<'a, 'js> {
    ctx: &'a Ctx<'js>,
    glue: &'a Glue,
    text: &'a str,
    scans: &'a RefCell<BTreeMap<usize, Scan>>,
    elements: &'a RefCell<BTreeMap<usize, Rc<Elements>>>,
}

impl<'js> Lazily<'js> for DeferLarge<'_, 'js> {
    fn end(&self, at: usize, is_member: bool) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let (first, second) = (*bytes.get(at)?, bytes.get(at + 1));
        // What ends at once needs no closer look.
        if matches!((first, second), (b'[', Some(b']')) | (b'{', Some(b'}'))) {
            return None;
        }
        let (most, found) = match (is_member, first) {
            (true, b'{') => (LARGE_MEMBER, scan::nested(bytes, at)),
            (true, b'[') => {
                let (found, elements) = scan::array(bytes, at);
                if let Some(elements) = elements {
                    let elements = Rc::new(elements);
                    self.elements.borrow_mut().insert(at, elements);
                }
                (LARGE_MEMBER, found)
            }
            (true, b'"') => (LARGE, scan::string(bytes, at)),
            // Elements that are objects are parsed with their array: an array with accessors in it is
            // slow in all that is done with it.
            (false, b'[') => (2 * NESTED, scan::nested(bytes, at)),
            _ => return None,
        };
        let value = bytes.get(at..found.end)?;
        let is_large = value.len() >= most
            && (is_member || value.iter().filter(|byte| **byte == b'[').count() >= NESTED);
        if !is_large {
            return None;
        }
        self.scans.borrow_mut().insert(at, found);
        Some(found.end)
    }

    fn unread(&mut self, from: usize, to: usize) -> Result<Option<Value<'js>>> {
        let is_usual = self
            .scans
            .borrow()
            .get(&from)
            .is_some_and(|scan| scan.is_usual);
        unread::make(self.ctx, Part { from, to, is_usual })
    }

    fn defer(
        &mut self,
        holder: &Value<'js>,
        key: &Value<'js>,
        from: usize,
        to: usize,
    ) -> Result<()> {
        // It makes a member one that asks for its value when it is touched.
        let lazy: Function = self.glue.usual(self.ctx, Usual::Lazy)?;
        lazy.call((holder.clone(), key.clone(), from as f64, to as f64))
    }
}

/// What the write-back uses of the prelude; see `prelude/data.js`. Each is fetched when it is first used: to count a
/// reference writes to the page of what it refers to, and a run that changed nothing uses none of them.
pub struct WritebackGlue<'a, 'js> {
    ctx: &'a Ctx<'js>,
    glue: &'a Glue,
    getter: OnceCell<Function<'js>>,
    plain: OnceCell<Function<'js>>,
    object_prototype: OnceCell<Object<'js>>,
}

impl<'a, 'js> WritebackGlue<'a, 'js> {
    pub fn new(ctx: &'a Ctx<'js>, glue: &'a Glue) -> Self {
        Self {
            ctx,
            glue,
            getter: OnceCell::new(),
            plain: OnceCell::new(),
            object_prototype: OnceCell::new(),
        }
    }

    /// The getter of a member, if it is an accessor.
    pub fn getter(&self) -> Result<&Function<'js>> {
        self.once(&self.getter, Usual::Getter)
    }

    /// What JSON would make of an object that is not plain.
    pub fn plain(&self) -> Result<&Function<'js>> {
        self.once(&self.plain, Usual::Plain)
    }

    /// `Object.prototype`, whatever `Object` is by now.
    pub fn object_prototype(&self) -> Result<&Object<'js>> {
        self.once(&self.object_prototype, Usual::ObjectPrototype)
    }

    fn once<'b, T: FromJs<'js>>(&self, cell: &'b OnceCell<T>, what: Usual) -> Result<&'b T> {
        match cell.get() {
            Some(value) => Ok(value),
            None => {
                let value = self.glue.usual(self.ctx, what)?;
                Ok(cell.get_or_init(|| value))
            }
        }
    }
}
