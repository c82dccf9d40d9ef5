//! Runs of small elements of an array: integers, words, and what is empty.

use rquickjs::qjs;

use super::Comparison;
use crate::plain::number;
use crate::plain::shape::tag;
use crate::raw::{self, Characters};

/// What stands in a text, as the bytes of an integer.
const fn word(text: &str) -> u64 {
    let (mut word, mut at) = (0, text.len());
    while at > 0 {
        at -= 1;
        word = word << 8 | text.as_bytes()[at] as u64;
    }
    word
}

impl Comparison<'_, '_, '_> {
    /// How many of these elements are small ones that stand here, each with a comma behind it. They are passed over.
    pub(super) fn run(&mut self, elements: &[qjs::JSValue]) -> u32 {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let mut same = 0;
        for &value in elements {
            let Some(here) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
                break;
            };
            let here = u64::from_le_bytes(*here);
            let is = |text: &str| here & (u64::MAX >> (64 - 8 * text.len())) == word(text);
            let length = match tag(value) {
                qjs::JS_TAG_INT => {
                    // SAFETY: the tag says so, here and below.
                    let int = unsafe { qjs::JS_VALUE_GET_INT(value) };
                    if here as u16 == (int as u16).wrapping_add(0x2c30) && matches!(int, 0..=9) {
                        2
                    } else {
                        match number::small(bytes, at) {
                            Some((was, end)) if was == int && bytes.get(end) == Some(&b',') => {
                                end + 1 - at
                            }
                            _ => break,
                        }
                    }
                }
                qjs::JS_TAG_BOOL => match unsafe { qjs::JS_VALUE_GET_BOOL(value) } {
                    true if is("true,") => 5,
                    false if is("false,") => 6,
                    _ => break,
                },
                qjs::JS_TAG_NULL if is("null,") => 5,
                // SAFETY: a string that lives.
                qjs::JS_TAG_STRING if is("\"\",") => match unsafe { raw::of_string(value) } {
                    Some(Characters::Latin([])) => 3,
                    _ => break,
                },
                qjs::JS_TAG_OBJECT
                    if (is("[],") && self.walk.is_empty_array(value))
                        || (is("{},") && self.is_empty(value)) =>
                {
                    3
                }
                _ => break,
            };
            at += length;
            same += 1;
        }
        self.at = at;
        same
    }

    /// Whether a value is a plain object without members.
    fn is_empty(&mut self, value: qjs::JSValue) -> bool {
        self.walk.class(value) == self.walk.shapes.object
            && self
                .noted(|walk| walk.layout(value))
                .is_some_and(|layout| layout.is_empty())
    }
}
