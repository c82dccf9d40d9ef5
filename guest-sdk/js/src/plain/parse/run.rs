//! The elements of an array, as long as no white space stands between them and nothing is to be noted of them.

use rquickjs::qjs;

use super::{Parsed, Parser};
use crate::plain::number::{self, Number};
use crate::plain::numbers::Key;
use crate::plain::text::word;

/// Where a run of elements ended.
pub(super) enum Ended {
    /// Where an element begins that must be looked at closer.
    Before,
    /// Behind an element.
    After,
    /// Behind the bracket.
    Closed,
}

const EMPTY_TEXT: u16 = word(b"\"\"") as u16;
const EMPTY_ARRAY: u16 = word(b"[]") as u16;
const EMPTY_OBJECT: u16 = word(b"{}") as u16;

impl Parser<'_, '_> {
    /// Reads elements of an array from the place on where one begins. `is_lazy` says that arrays may be left alone;
    /// the elements that were read before stand among the values from `first` on.
    pub(super) fn run(&mut self, is_lazy: bool, first: usize) -> Parsed<Ended> {
        let bytes = self.bytes;
        let mut at = self.at;
        let ended = loop {
            let Some(here) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
                break Ended::Before;
            };
            let here = u64::from_le_bytes(*here);
            let value = match here as u8 {
                digit @ b'0'..=b'9' if (here >> 8) as u8 == b',' => {
                    at += 1;
                    qjs::JS_MKVAL(qjs::JS_TAG_INT, i32::from(digit - b'0'))
                }
                b'0'..=b'9' | b'-' => {
                    let Some((number, length)) = number::read(&bytes[at..]) else {
                        break Ended::Before;
                    };
                    at += length;
                    match number {
                        Number::Int(value) => qjs::JS_MKVAL(qjs::JS_TAG_INT, value),
                        Number::Double(value) => qjs::__JS_NewFloat64(value),
                        Number::Spelled { value, is_long } => {
                            self.at = at;
                            let index = self.values.len() - first;
                            self.marked((value, is_long), length, |_| Key::Index(index as u32))?
                        }
                    }
                }
                b't' if here as u32 == word(b"true") as u32 => {
                    at += 4;
                    qjs::JS_MKVAL(qjs::JS_TAG_BOOL, 1)
                }
                b'f' if here << 24 == word(b"false") << 24 => {
                    at += 5;
                    qjs::JS_MKVAL(qjs::JS_TAG_BOOL, 0)
                }
                b'n' if here as u32 == word(b"null") as u32 => {
                    at += 4;
                    qjs::JS_MKVAL(qjs::JS_TAG_NULL, 0)
                }
                _ => match (here as u16, self.empty(here as u16)) {
                    (_, Some(empty)) => {
                        at += 2;
                        empty
                    }
                    (two, None) => {
                        self.at = at;
                        let value = match two as u8 {
                            b'"' => self.string()?,
                            b'{' => {
                                self.enter()?;
                                let object = self.object();
                                self.depth -= 1;
                                object?
                            }
                            b'[' if !is_lazy || two == EMPTY_ARRAY => {
                                self.enter()?;
                                let array = self.array();
                                self.depth -= 1;
                                array?
                            }
                            _ => return Ok(Ended::Before),
                        };
                        at = self.at;
                        value
                    }
                },
            };
            self.values.push(value);
            match bytes.get(at) {
                Some(b',') => at += 1,
                Some(b']') => {
                    at += 1;
                    break Ended::Closed;
                }
                _ => break Ended::After,
            }
        };
        self.at = at;
        Ok(ended)
    }

    /// The value that two bytes are, if they are one of nothing and there is a model of it.
    #[inline(always)]
    fn empty(&mut self, bytes: u16) -> Option<qjs::JSValue> {
        // SAFETY: the models' objects are kept.
        match bytes {
            EMPTY_TEXT => self.empty_text.map(|empty| self.kept(empty)),
            EMPTY_ARRAY => unsafe { self.empty_array.as_ref()?.0.array(self.slab.as_mut()?, &[]) },
            EMPTY_OBJECT => {
                let (model, _) = self.nodes.first()?.model.as_ref()?;
                unsafe { model.copy(self.slab.as_mut()?, &[]) }
            }
            _ => None,
        }
    }
}
