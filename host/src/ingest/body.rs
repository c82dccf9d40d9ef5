//! A webhook's body: bytes of a stranger in, the JSON text of a task's data out.
//!
//! The body is walked once and not built: the parser of `serde_json` checks every byte, and this
//! module counts depth and looks at the top level. The text is then kept as it was sent, with `$via`
//! put at its end, so that a body costs about what reading it costs. Where a key occurs twice in
//! an object, the last one counts: that is how everything that reads the data reads it.

mod repair;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::domain::data::{RESERVED, VIA};
use crate::domain::limits;

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Nothing was sent.
    #[error("the body is empty; send a JSON document, e.g. {{\"email\": \"ada@example.com\"}}")]
    Empty,
    /// Not UTF-8.
    #[error(
        "the body is not JSON: it is not UTF-8 at byte {offset} (line {line}, column {column})"
    )]
    NotUtf8 {
        /// The first wrong byte, counted from 0.
        offset: usize,
        /// Its line, from 1.
        line: usize,
        /// Its column in bytes, from 1.
        column: usize,
    },
    /// Not JSON.
    #[error("the body is not JSON: {message} at line {line}, column {column}")]
    NotJson {
        /// What is wrong.
        message: String,
        /// Where, from 1.
        line: usize,
        /// Where, in bytes, from 1 (0 before the line's first byte).
        column: usize,
    },
    /// Nested too deeply.
    #[error(
        "the body is nested deeper than {most} levels at line {line}, column {column}; send a flatter document"
    )]
    TooDeep {
        /// The deepest allowed nesting.
        most: usize,
        /// Where it goes beyond, from 1.
        line: usize,
        /// Where, in bytes, from 1.
        column: usize,
    },
}

impl BodyError {
    /// The same, so many lines further down.
    pub(super) fn below(mut self, lines: usize) -> Self {
        match &mut self {
            Self::Empty => {}
            Self::NotUtf8 { line, .. }
            | Self::NotJson { line, .. }
            | Self::TooDeep { line, .. } => *line += lines,
        }
        self
    }
}

/// The data of a new task: the body, under `items` if it is an array and under `value` if it is a
/// scalar, with `via` (JSON text) as `$via`, last, in place of any that was sent.
pub fn to_data(body: &[u8], via: &str) -> Result<String, BodyError> {
    let (text, shape) = checked(body)?;
    let text = text.trim_matches(WHITE_SPACE);
    let mut data = String::with_capacity(text.len() + via.len() + 24);
    match shape {
        Shape::Object {
            has_via: false,
            empty,
        } => {
            // The text is that of an object, so it ends in its brace.
            data.push_str(text.strip_suffix('}').unwrap_or(text));
            if !empty {
                data.push(',');
            }
        }
        Shape::Object { has_via: true, .. } => {
            let mut object: Map<String, Value> =
                serde_json::from_str(text).map_err(|error| not_json(&error))?;
            object.shift_remove(VIA);
            let rest = Value::Object(object).to_string();
            data.push_str(rest.strip_suffix('}').unwrap_or(&rest));
            if rest.len() > 2 {
                data.push(',');
            }
        }
        Shape::Array => {
            data.push_str("{\"items\":");
            data.push_str(text);
            data.push(',');
        }
        Shape::Scalar => {
            data.push_str("{\"value\":");
            data.push_str(text);
            data.push(',');
        }
    }
    data.push('"');
    data.push_str(VIA);
    data.push_str("\":");
    data.push_str(via);
    data.push('}');
    Ok(data)
}

/// A body as the value that it is, held to the same bounds as data: depth, reserved names, UTF-8.
pub fn to_value(body: &[u8]) -> Result<Value, BodyError> {
    let (text, _) = checked(body)?;
    serde_json::from_str(&text).map_err(|error| not_json(&error))
}

/// A body's JSON text, without a byte order mark and without escapes of half a surrogate pair. It is held to the same
/// bounds as data.
pub(super) fn to_text(body: &[u8]) -> Result<Cow<'_, str>, BodyError> {
    checked(body).map(|(text, _)| text)
}

/// Whether a body is the JSON text of an object or an array that can be data.
pub(super) fn is_container(body: &[u8]) -> bool {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    // A byte order mark begins with 0xef.
    matches!(first, Some(b'{' | b'[' | 0xef))
        && matches!(checked(body), Ok((_, Shape::Object { .. } | Shape::Array)))
}

fn checked(body: &[u8]) -> Result<(Cow<'_, str>, Shape), BodyError> {
    // A byte order mark is no JSON, but RFC 8259 §8.1 lets a parser ignore it, and some clients send
    // it.
    let mark: &[u8] = b"\xef\xbb\xbf";
    let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
    let text = if body.starts_with(mark) {
        &text[mark.len()..]
    } else {
        text
    };
    match check(text) {
        Ok(shape) => Ok((Cow::Borrowed(text), shape)),
        // Only a text that is refused is looked through.
        Err(error) => match repair::halves(text) {
            Some(mended) => check(&mended).map(|shape| (Cow::Owned(mended), shape)),
            None => Err(error),
        },
    }
}

/// What JSON calls white space (RFC 8259 §2).
const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

fn check(text: &str) -> Result<Shape, BodyError> {
    let mut parser = serde_json::Deserializer::from_str(text);
    Walk { level: 1 }
        .deserialize(&mut parser)
        .and_then(|shape| parser.end().map(|()| shape))
        .map_err(|error| {
            if text.trim_matches(WHITE_SPACE).is_empty() {
                BodyError::Empty
            } else {
                not_json(&error)
            }
        })
}

fn not_json(error: &serde_json::Error) -> BodyError {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    if message.starts_with(TOO_DEEP) {
        return BodyError::TooDeep {
            most: limits::JSON_DEPTH,
            line,
            column,
        };
    }
    let message = match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    };
    BodyError::NotJson {
        message,
        line,
        column,
    }
}

fn not_utf8(body: &[u8], offset: usize) -> BodyError {
    let before = &body[..offset];
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    BodyError::NotUtf8 {
        offset,
        line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        column: 1 + offset - line_start,
    }
}

/// The type of a document's top value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Object { has_via: bool, empty: bool },
    Array,
    Scalar,
}

/// Marks the one error that is ours and not the parser's; it cannot occur in a parser's message.
const TOO_DEEP: &str = "\u{1}too deep";

/// Walks a value without keeping any of it. `level` is the depth of the container that the value
/// would be, from 1.
#[derive(Clone, Copy)]
struct Walk {
    level: usize,
}

impl Walk {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.level > limits::JSON_DEPTH {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Self {
            level: self.level + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let inner = self.inside()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(Shape::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        let (mut has_via, mut empty) = (false, true);
        while let Some(key) = members.next_key_seed(Key)? {
            let inner = match key {
                KeyKind::Reserved if empty => return members.next_value_seed(NumberText),
                KeyKind::Reserved => return Err(A::Error::custom(RESERVED_KEY)),
                KeyKind::Via | KeyKind::Plain => self.inside()?,
            };
            has_via |= key == KeyKind::Via;
            empty = false;
            members.next_value_seed(inner)?;
        }
        // An empty object is a level, too.
        self.inside::<A::Error>()?;
        Ok(Shape::Object { has_via, empty })
    }
}

const RESERVED_KEY: &str = "a key that begins with `$serde_json::private::` is reserved";

/// The meaning of a member's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    /// `$via`.
    Via,
    /// A key by which `serde_json` passes numbers (and raw values) through serde's data model. From
    /// a stranger it would turn an object into something else when the data is read.
    Reserved,
    /// Any other.
    Plain,
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = KeyKind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<KeyKind, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = KeyKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<KeyKind, E> {
        Ok(if !key.starts_with('$') {
            KeyKind::Plain
        } else if key == VIA {
            KeyKind::Via
        } else if key.starts_with(RESERVED) {
            KeyKind::Reserved
        } else {
            KeyKind::Plain
        })
    }
}

/// The value behind a reserved key. With `arbitrary_precision` a number comes as a map of one such
/// key and the number's text as an owned string; a string that stands in the body is never owned.
struct NumberText;

impl<'de> DeserializeSeed<'de> for NumberText {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for NumberText {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no reserved key: one that begins with `$serde_json::private::`")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Shape, E> {
        Err(E::custom(RESERVED_KEY))
    }

    fn visit_string<E>(self, _: String) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }
}

#[cfg(test)]
mod tests;
