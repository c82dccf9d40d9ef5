//! Whether a value is still what its JSON text says.

mod run;
mod strings;
mod unread;
mod wide;

use rquickjs::{Ctx, Error, Result, Value, qjs};

use super::number::{self, Number};
use super::numbers::{Key, Mark, Numbers};
use super::shape::{Kind, Shapes, Slot, Walk, tag};
use super::text;

/// What is nested deeper is compared in the slow way.
const DEPTH: usize = 256;

/// Compares a value with its JSON text: None if it is plain data and is, member by member in this
/// order, what the text says. Otherwise where that ends: what ends before this place is the same, and
/// what begins there must be looked at closer. Runs nothing of the step's. `deferred` gives the text
/// of a member that has this getter and was never touched.
pub fn first_difference<'a, 'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    numbers: &Numbers,
    value: &Value<'js>,
    text: &'a str,
    deferred: &dyn Fn(usize) -> Option<&'a str>,
) -> Result<Option<usize>> {
    let mut comparison = Comparison {
        walk: Walk::new(ctx, shapes)?,
        numbers,
        text,
        at: 0,
        depth: 0,
        deferred,
        buffer: Vec::new(),
        written: Vec::new(),
        failed: None,
        has_marks: numbers.has_marks(),
    };
    let is_same = comparison.value(value.as_raw(), &Place::Alone);
    comparison.end()?;
    Ok((!is_same || comparison.at != text.len()).then_some(comparison.at))
}

/// How many elements of an array, from the first one on, are what these texts say; as [`differs`].
pub fn same_elements<'a, 'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    numbers: &Numbers,
    array: &Value<'js>,
    first: u32,
    texts: &[&'a str],
    deferred: &dyn Fn(usize) -> Option<&'a str>,
) -> Result<usize> {
    let mut comparison = Comparison {
        walk: Walk::new(ctx, shapes)?,
        numbers,
        text: "",
        at: 0,
        depth: 1,
        deferred,
        buffer: Vec::new(),
        written: Vec::new(),
        failed: None,
        has_marks: numbers.has_marks(),
    };
    let array = array.as_raw();
    if !comparison.walk.takes(array) {
        return Ok(0);
    }
    let elements = comparison.walk.elements(array)?;
    let marks = comparison.walk.marks(numbers, array);
    let mut same = 0;
    for (index, text) in (first..elements.length).zip(texts) {
        (comparison.text, comparison.at) = (text, 0);
        let slot = comparison.walk.element(array, &elements, index);
        let place = Place::Element(marks.as_deref(), index);
        if !comparison.slot(slot, &place) || comparison.at != text.len() {
            break;
        }
        same += 1;
    }
    comparison.end()?;
    Ok(same)
}

/// How many elements of an array, from the first one on, are what the text of an array says from a place on, where an
/// element begins; and where the first one begins that is not. As [`differs`].
pub fn same_rest<'a, 'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    numbers: &Numbers,
    array: &Value<'js>,
    first: u32,
    (text, at): (&'a str, usize),
    deferred: &dyn Fn(usize) -> Option<&'a str>,
) -> Result<(usize, usize)> {
    let mut comparison = Comparison {
        walk: Walk::new(ctx, shapes)?,
        numbers,
        text,
        at,
        depth: 1,
        deferred,
        buffer: Vec::new(),
        written: Vec::new(),
        failed: None,
        has_marks: numbers.has_marks(),
    };
    let array = array.as_raw();
    let (mut same, mut from) = (0, at);
    if !comparison.walk.takes(array) {
        return Ok((same, from));
    }
    let elements = comparison.walk.elements(array)?;
    let marks = comparison.walk.marks(numbers, array);
    let mut index = first;
    loop {
        // SAFETY: the array is not changed.
        let rest = unsafe { elements.rest(index) };
        let ran = comparison.run(rest, index, marks.as_deref());
        index += ran.0;
        (same, from) = ((index - first) as usize, ran.1);
        if index >= elements.length || !rest.is_empty() {
            break;
        }
        let slot = comparison.walk.element(array, &elements, index);
        if !comparison.slot(slot, &Place::Element(marks.as_deref(), index)) {
            break;
        }
        let has_more = comparison.take_byte(b',');
        if !has_more && comparison.rest().first() != Some(&b']') {
            break;
        }
        index += 1;
        (same, from) = ((index - first) as usize, comparison.at);
        if !has_more {
            break;
        }
    }
    comparison.end()?;
    Ok((same, from))
}

/// Whether a member of an object is what its text says; as [`differs`].
pub fn is_same_member<'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    numbers: &Numbers,
    (object, name): (&Value<'js>, &str),
    value: &Value<'js>,
    text: &str,
) -> Result<bool> {
    let mut comparison = Comparison {
        walk: Walk::new(ctx, shapes)?,
        numbers,
        text,
        at: 0,
        depth: 1,
        deferred: &|_| None,
        buffer: Vec::new(),
        written: Vec::new(),
        failed: None,
        has_marks: numbers.has_marks(),
    };
    let mut quoted = vec![b'"'];
    text::escape(name.as_bytes(), &mut quoted);
    quoted.push(b'"');
    let marks = comparison.walk.marks(numbers, object.as_raw());
    let place = Place::Member(marks.as_deref().unwrap_or_default(), &quoted);
    let is_same = comparison.value(value.as_raw(), &place) && comparison.at == text.len();
    comparison.end()?;
    Ok(is_same)
}

/// Where a number is, by which those are told apart that JavaScript cannot.
enum Place<'a> {
    Alone,
    /// Under a name, quoted, in an object with these marks.
    Member(&'a [Mark], &'a [u8]),
    /// In an array with these marks, if they still count.
    Element(Option<&'a [Mark]>, u32),
}

struct Comparison<'a, 'b, 'js> {
    walk: Walk<'js>,
    numbers: &'b Numbers,
    text: &'a str,
    at: usize,
    depth: usize,
    deferred: &'b dyn Fn(usize) -> Option<&'a str>,
    buffer: Vec<u8>,
    written: Vec<u8>,
    /// Objects and arrays have noted numbers.
    has_marks: bool,
    /// Why it ended early.
    failed: Option<Error>,
}

impl<'js> Comparison<'_, '_, 'js> {
    #[inline]
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Says why the comparison ended early, if it did.
    fn end(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn take<const N: usize>(&mut self, word: &[u8; N]) -> bool {
        let is_it = self.rest().first_chunk::<N>() == Some(word);
        self.at += if is_it { N } else { 0 };
        is_it
    }

    #[inline]
    fn take_byte(&mut self, byte: u8) -> bool {
        let is_it = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(is_it);
        is_it
    }

    fn value(&mut self, value: qjs::JSValue, place: &Place<'_>) -> bool {
        match tag(value) {
            qjs::JS_TAG_NULL => self.take(b"null"),
            // SAFETY: the tag says what is in the value, here and below.
            qjs::JS_TAG_BOOL => match unsafe { qjs::JS_VALUE_GET_BOOL(value) } {
                true => self.take(b"true"),
                false => self.take(b"false"),
            },
            qjs::JS_TAG_INT => {
                let int = unsafe { qjs::JS_VALUE_GET_INT(value) };
                self.small(int) || self.number(int.into(), place)
            }
            qjs::JS_TAG_FLOAT64 => self.number(unsafe { qjs::JS_VALUE_GET_FLOAT64(value) }, place),
            qjs::JS_TAG_STRING | qjs::JS_TAG_STRING_ROPE => self.string(value),
            qjs::JS_TAG_OBJECT if self.depth < DEPTH => {
                self.depth += 1;
                let is_same = self.holder(value);
                self.depth -= 1;
                is_same
            }
            _ => false,
        }
    }

    fn number(&mut self, value: f64, place: &Place<'_>) -> bool {
        let Some((number, length)) = number::read(self.rest()) else {
            return false;
        };
        let (was, is_long) = match number {
            Number::Int(was) => (f64::from(was), false),
            Number::Double(was) => (was, false),
            Number::Spelled { value, is_long } => (value, is_long),
        };
        let text = self.text.get(self.at..self.at + length);
        let is_same =
            value == was && (!is_long || self.is_this(value, text.unwrap_or_default(), place));
        // Only what is the same is passed over.
        self.at += if is_same { length } else { 0 };
        is_same
    }

    /// Whether a number is the one of this text and not another that is rounded to the same.
    fn is_this(&self, value: f64, text: &str, place: &Place<'_>) -> bool {
        let found = match place {
            Place::Alone => self.numbers.text(value, None, ""),
            Place::Member(marks, quoted) => {
                let key = Key::Name(super::write::name(quoted));
                self.numbers.text(value, Some((marks, &key)), "")
            }
            Place::Element(marks, index) => {
                let key = Key::Index(*index);
                self.numbers
                    .text(value, marks.map(|marks| (marks, &key)), "")
            }
        };
        match found {
            Ok(Some(found)) => number::is_equal(&found, text),
            Ok(None) => true,
            // Under its name it is taken to be what it was; elements move.
            Err(_) => !matches!(place, Place::Element(..)),
        }
    }

    fn holder(&mut self, value: qjs::JSValue) -> bool {
        let class = self.walk.class(value);
        let shapes = self.walk.shapes;
        if class == shapes.array && self.walk.takes(value) {
            self.array(value)
        } else if class == shapes.object {
            self.object(value)
        } else if class == shapes.proxy {
            self.unread(value)
        } else {
            false
        }
    }

    fn array(&mut self, value: qjs::JSValue) -> bool {
        let Some(elements) = self.noted(|walk| walk.elements(value)) else {
            return false;
        };
        if !self.take_byte(b'[') {
            return false;
        }
        let marks = match self.has_marks {
            true => self.walk.marks(self.numbers, value),
            false => None,
        };
        // SAFETY: the array is not changed.
        let row = unsafe { elements.rest(0) };
        let (mut index, _) = self.run(row, 0, marks.as_deref());
        if (index as usize) < row.len() {
            return false;
        }
        while index < elements.length {
            let slot = self.walk.element(value, &elements, index);
            if !self.slot(slot, &Place::Element(marks.as_deref(), index)) {
                return false;
            }
            index += 1;
            if index < elements.length && !self.take_byte(b',') {
                return false;
            }
        }
        self.take_byte(b']')
    }

    fn object(&mut self, value: qjs::JSValue) -> bool {
        if let Some(is_same) = self.wide(value) {
            return is_same;
        }
        let Some(layout) = self.noted(|walk| walk.layout(value)) else {
            return false;
        };
        if layout.kind == Kind::Method || (layout.members.is_empty() && !self.take_byte(b'{')) {
            return false;
        }
        let marks = match self.has_marks {
            true => self.walk.marks(self.numbers, value),
            false => None,
        };
        let marks = marks.as_deref().unwrap_or_default();
        for member in &layout.members {
            let Some(length) = member.lead(self.text.as_bytes(), self.at) else {
                return false;
            };
            self.at += length;
            let slot = self.walk.member(value, &layout, member);
            if let Slot::Seen(value) = slot
                && tag(value) == qjs::JS_TAG_INT
                // SAFETY: the tag says so.
                && self.small(unsafe { qjs::JS_VALUE_GET_INT(value) })
            {
                continue;
            }
            if !self.slot(slot, &Place::Member(marks, &member.quoted)) {
                return false;
            }
        }
        self.take_byte(b'}')
    }

    /// What the walk finds; an error is noted.
    #[inline(always)]
    fn noted<T>(&mut self, find: impl FnOnce(&mut Walk<'js>) -> Result<T>) -> Option<T> {
        match find(&mut self.walk) {
            Ok(found) => Some(found),
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }

    /// Compares what stands in a place, and frees it.
    #[inline]
    fn slot(&mut self, slot: Slot, place: &Place<'_>) -> bool {
        let is_same = match slot {
            Slot::Absent => return false,
            Slot::Seen(value) => return self.value(value, place),
            Slot::Value(value) => self.value(value, place),
            Slot::Getter(getter) => self.is_deferred(getter),
        };
        self.walk.done(slot);
        is_same
    }
}
