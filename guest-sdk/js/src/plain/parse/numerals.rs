//! Numbers.

use std::rc::Rc;

use rquickjs::qjs;

use super::{Parsed, Parser, Stop};
use crate::plain::number::{self, Number};
use crate::plain::numbers::{Key, Mark};

impl Parser<'_, '_> {
    pub(super) fn number(&mut self) -> Parsed {
        let (number, length) = number::read(&self.bytes[self.at..]).ok_or(Stop::Text)?;
        self.at += length;
        match number {
            Number::Int(value) => Ok(qjs::JS_MKVAL(qjs::JS_TAG_INT, value)),
            Number::Double(value) => Ok(qjs::__JS_NewFloat64(value)),
            Number::Spelled { value, .. } => {
                self.spelled(value, length)?;
                Ok(qjs::__JS_NewFloat64(value))
            }
        }
    }

    /// Notes a number whose text ends here, and was so long. Also one that is an integer is kept as a double: so a
    /// step's own integers are none of those whose text is looked for.
    fn spelled(&mut self, value: f64, length: usize) -> Parsed<Rc<str>> {
        let text = self.text.get(self.at - length..self.at).ok_or(Stop::Text)?;
        Ok(self.numbers.note(value, text))
    }

    /// The value of a member or element: a number is marked.
    #[inline(always)]
    pub(super) fn held(&mut self, key: impl FnOnce(&Self) -> Key) -> Parsed {
        match self.peek() {
            Some(b'-') => {}
            Some(b'0'..=b'9') => {
                if let Some(small) = self.small() {
                    return Ok(small);
                }
            }
            _ => return self.value(),
        }
        let (number, length) = number::read(&self.bytes[self.at..]).ok_or(Stop::Text)?;
        self.at += length;
        match number {
            Number::Int(value) => Ok(qjs::JS_MKVAL(qjs::JS_TAG_INT, value)),
            Number::Double(value) => Ok(qjs::__JS_NewFloat64(value)),
            Number::Spelled { value, is_long } => self.marked((value, is_long), length, key),
        }
    }

    /// The same for one that JavaScript may write otherwise, whose text ends here.
    #[inline(never)]
    pub(super) fn marked(
        &mut self,
        (value, is_long): (f64, bool),
        length: usize,
        key: impl FnOnce(&Self) -> Key,
    ) -> Parsed {
        let text = self.spelled(value, length)?;
        if is_long {
            let (key, bits) = (key(self), value.to_bits());
            self.marks.push(Mark { key, bits, text });
        }
        Ok(qjs::__JS_NewFloat64(value))
    }
}
