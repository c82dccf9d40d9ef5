//! Whether a value is still what its JSON text says.

use rquickjs::{Ctx, Result, Value, qjs};

use super::number::{self, Number};
use super::numbers::{Key, Mark, Numbers};
use super::shape::{Kind, Shapes, Slot, Walk, address, tag};
use super::text::{self, Unescaped};

/// What is nested deeper is compared in the slow way.
const DEPTH: usize = 256;

/// Compares a value with its JSON text: None if it is plain data and is, member by member in this
/// order, what the text says. Otherwise where that ends: what ends before this place is the same, and
/// what begins there must be looked at closer. Runs nothing of the step's. `untouched` gives the text
/// of a member that has this getter and was never touched.
pub fn differs<'a, 'js>(
    ctx: &Ctx<'js>,
    shapes: Shapes,
    numbers: &Numbers,
    value: &Value<'js>,
    text: &'a str,
    untouched: &dyn Fn(usize) -> Option<&'a str>,
) -> Result<Option<usize>> {
    let mut comparison = Comparison {
        walk: Walk::new(ctx, shapes)?,
        numbers,
        text,
        at: 0,
        depth: 0,
        untouched,
        buffer: Vec::new(),
    };
    let is_same = comparison.value(value.as_raw(), &Place::Alone)?;
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
    untouched: &dyn Fn(usize) -> Option<&'a str>,
) -> Result<usize> {
    let mut comparison = Comparison {
        walk: Walk::new(ctx, shapes)?,
        numbers,
        text: "",
        at: 0,
        depth: 1,
        untouched,
        buffer: Vec::new(),
    };
    let array = array.as_raw();
    if !comparison.walk.takes(array) {
        return Ok(0);
    }
    let is_row = comparison.walk.is_row(array);
    let length = comparison.walk.length(array)?;
    let marks = comparison.walk.marks(numbers, array);
    let mut same = 0;
    for (index, text) in (first..length).zip(texts) {
        (comparison.text, comparison.at) = (text, 0);
        let slot = comparison.walk.element(array, index, is_row);
        let place = Place::Element(marks.as_deref(), index);
        if !comparison.slot(slot, &place)? || comparison.at != text.len() {
            break;
        }
        same += 1;
    }
    Ok(same)
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
        untouched: &|_| None,
        buffer: Vec::new(),
    };
    let mut quoted = vec![b'"'];
    text::escape(name.as_bytes(), &mut quoted);
    quoted.push(b'"');
    let marks = comparison.walk.marks(numbers, object.as_raw());
    let place = Place::Member(marks.as_deref().unwrap_or_default(), &quoted);
    Ok(comparison.value(value.as_raw(), &place)? && comparison.at == text.len())
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
    untouched: &'b dyn Fn(usize) -> Option<&'a str>,
    buffer: Vec<u8>,
}

impl Comparison<'_, '_, '_> {
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, word: &[u8]) -> bool {
        let is_it = self.rest().starts_with(word);
        self.at += if is_it { word.len() } else { 0 };
        is_it
    }

    fn value(&mut self, value: qjs::JSValue, place: &Place<'_>) -> Result<bool> {
        Ok(match tag(value) {
            qjs::JS_TAG_NULL => self.take(b"null"),
            // SAFETY: the tag says what is in the value, here and below.
            qjs::JS_TAG_BOOL => match unsafe { qjs::JS_VALUE_GET_BOOL(value) } {
                true => self.take(b"true"),
                false => self.take(b"false"),
            },
            qjs::JS_TAG_INT => self.number(unsafe { qjs::JS_VALUE_GET_INT(value) }.into(), place),
            qjs::JS_TAG_FLOAT64 => self.number(unsafe { qjs::JS_VALUE_GET_FLOAT64(value) }, place),
            qjs::JS_TAG_STRING | qjs::JS_TAG_STRING_ROPE => self.string(value)?,
            qjs::JS_TAG_OBJECT if self.depth < DEPTH => {
                self.depth += 1;
                let is_same = self.holder(value)?;
                self.depth -= 1;
                is_same
            }
            _ => false,
        })
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

    fn string(&mut self, value: qjs::JSValue) -> Result<bool> {
        let mut length = 0;
        // SAFETY: the text has so many bytes and is given back.
        unsafe {
            let text = qjs::JS_ToCStringLen(self.walk.context, &mut length, value);
            if text.is_null() {
                return Err(rquickjs::Error::Exception);
            }
            let is_same = self.is_string(std::slice::from_raw_parts(text.cast::<u8>(), length));
            qjs::JS_FreeCString(self.walk.context, text);
            Ok(is_same)
        }
    }

    fn is_string(&mut self, value: &[u8]) -> bool {
        if !self.rest().starts_with(b"\"") {
            return false;
        }
        let from = self.at + 1;
        let end = from + value.len();
        let bytes = self.text.as_bytes();
        // The common case, in which nothing is escaped: a text without quotes and backslashes up to a
        // quote is the string.
        if bytes.get(end) == Some(&b'"')
            && bytes.get(from..end) == Some(value)
            && text::plain(value) == value.len()
        {
            self.at = end + 1;
            return true;
        }
        self.buffer.clear();
        let rest = self.text.get(from..).unwrap_or_default();
        match text::unescape(rest, &mut self.buffer) {
            Some((Unescaped::Utf8, length)) if self.buffer == value => {
                self.at = from + length;
                true
            }
            _ => false,
        }
    }

    fn holder(&mut self, value: qjs::JSValue) -> Result<bool> {
        // SAFETY: an object that lives.
        let class = unsafe { qjs::JS_GetClassID(value) };
        let shapes = self.walk.shapes;
        if class == shapes.array && self.walk.takes(value) {
            self.array(value)
        } else if class == shapes.object {
            self.object(value)
        } else {
            Ok(false)
        }
    }

    fn array(&mut self, value: qjs::JSValue) -> Result<bool> {
        let is_row = self.walk.is_row(value);
        let length = self.walk.length(value)?;
        if !self.take(b"[") {
            return Ok(false);
        }
        let marks = self.walk.marks(self.numbers, value);
        for index in 0..length {
            if index > 0 && !self.take(b",") {
                return Ok(false);
            }
            let slot = self.walk.element(value, index, is_row);
            if !self.slot(slot, &Place::Element(marks.as_deref(), index))? {
                return Ok(false);
            }
        }
        Ok(self.take(b"]"))
    }

    fn object(&mut self, value: qjs::JSValue) -> Result<bool> {
        let layout = self.walk.layout(value)?;
        if layout.kind == Kind::Method || !self.take(b"{") {
            return Ok(false);
        }
        let marks = self.walk.marks(self.numbers, value).unwrap_or_default();
        for (index, member) in layout.members.iter().enumerate() {
            if (index > 0 && !self.take(b",")) || !self.take(&member.quoted) || !self.take(b":") {
                return Ok(false);
            }
            let slot = match layout.kind {
                // SAFETY: an object that lives, and a member that is a value.
                Kind::Values => Slot::Value(unsafe {
                    qjs::JS_GetProperty(self.walk.context, value, member.atom)
                }),
                _ => self.walk.slot(value, member.atom),
            };
            if !self.slot(slot, &Place::Member(&marks, &member.quoted))? {
                return Ok(false);
            }
        }
        Ok(self.take(b"}"))
    }

    /// Compares what stands in a place, and frees it.
    fn slot(&mut self, slot: Slot, place: &Place<'_>) -> Result<bool> {
        let (is_same, held) = match slot {
            Slot::Absent => return Ok(false),
            Slot::Value(value) => (self.value(value, place), value),
            Slot::Getter(getter) => (Ok(self.is_untouched(getter)), getter),
        };
        // SAFETY: the slot's, which is owned here.
        unsafe { qjs::JS_FreeValue(self.walk.context, held) };
        is_same
    }

    /// Whether an accessor is the one that was made for the text here. It is if it is of this very
    /// place.
    fn is_untouched(&mut self, getter: qjs::JSValue) -> bool {
        let Some(text) = (self.untouched)(address(getter)) else {
            return false;
        };
        let is_here = text.as_ptr() == self.rest().as_ptr();
        self.at += if is_here { text.len() } else { 0 };
        is_here
    }
}

/// Whether a JSON text is as `JSON.stringify` would have it, but for its numbers: without white space,
/// strings with no other escapes than needed, no names that JavaScript would put in another order.
pub fn is_usual(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut may_be_name = false;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return false,
            b'{' | b',' => may_be_name = true,
            b'"' => {
                let from = at;
                loop {
                    at += text::plain(&bytes[at..]);
                    match bytes.get(at..at + 2) {
                        Some([b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't']) => at += 2,
                        Some([b'\\', b'u']) if is_needed(bytes.get(at..at + 6)) => at += 6,
                        Some([b'"', _]) => break,
                        _ if bytes.get(at) == Some(&b'"') => break,
                        _ => return false,
                    }
                }
                at += 1;
                let is_number = bytes.get(from).is_some_and(u8::is_ascii_digit);
                if may_be_name && is_number && bytes.get(at) == Some(&b':') {
                    return false;
                }
                may_be_name = false;
            }
            _ => may_be_name = false,
        }
    }
    true
}

/// Whether an escape stands for a control character that has no shorter one.
fn is_needed(escape: Option<&[u8]>) -> bool {
    let Some(
        [
            b'\\',
            b'u',
            b'0',
            b'0',
            high @ b'0'..=b'1',
            low @ (b'0'..=b'9' | b'a'..=b'f'),
        ],
    ) = escape
    else {
        return false;
    };
    *high == b'1' || !matches!(low, b'8' | b'9' | b'a' | b'c' | b'd')
}

#[cfg(test)]
mod tests {
    use super::is_usual;

    #[test]
    fn what_json_stringify_writes_is_usual() {
        for text in [
            "{}",
            r#"{"a":[1,"x,y",{"b":1.10}],"c1":null}"#,
            r#"["1","\n\u001f\u0001 é"]"#,
            r#"{"a":"9","b":"{\"1\":2}"}"#,
        ] {
            assert!(is_usual(text), "{text}");
        }
        for text in [
            "{ }",
            "[1, 2]",
            r#"{"1":2}"#,
            r#"["\/"]"#,
            r#"["\u00e9"]"#,
            r#"["\u001F"]"#,
            r#"["\u000a"]"#,
            r#"{"a":1,"07":2}"#,
        ] {
            assert!(!is_usual(text), "{text}");
        }
    }
}
