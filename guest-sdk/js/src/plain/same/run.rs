//! The elements of an array that stand in a row, as long as no white space stands between their texts.

use rquickjs::qjs;

use super::{Comparison, Place};
use crate::plain::number;
use crate::plain::numbers::Mark;
use crate::plain::shape::tag;
use crate::plain::text::word;
use crate::raw::{self, Characters};

const EMPTY_ARRAY: u16 = word(b"[]") as u16;
const EMPTY_OBJECT: u16 = word(b"{}") as u16;

impl Comparison<'_, '_, '_> {
    /// How many of these elements, which are all that the array has from one on, are what stands here. They are passed
    /// over with the comma behind them. Ends at the first one that is not the same; where that begins, too.
    pub(super) fn run(
        &mut self,
        elements: &[qjs::JSValue],
        first: u32,
        marks: Option<&[Mark]>,
    ) -> (u32, usize) {
        let bytes = self.text.as_bytes();
        let (mut same, mut from) = (0, self.at);
        for &value in elements {
            let is_last = same as usize + 1 == elements.len();
            if !is_last && is_digit(value, bytes, from) {
                (same, from) = (same + 1, from + 2);
                continue;
            }
            let end = match self.trivial(value, from) {
                Some(end) => end,
                None => {
                    self.at = from;
                    if !self.value(value, &Place::Element(marks, first + same)) {
                        return (same, from);
                    }
                    self.at
                }
            };
            match bytes.get(end) {
                Some(b',') if !is_last => from = end + 1,
                Some(b']') if is_last => from = end,
                _ => break,
            }
            same += 1;
        }
        self.at = from;
        (same, from)
    }

    /// Where a value ends that stands at a place, if it is a digit, a word or of nothing. None also if it is another.
    #[inline(always)]
    fn trivial(&mut self, value: qjs::JSValue, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let here = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
        let length = match tag(value) {
            qjs::JS_TAG_INT => {
                // SAFETY: the tag says so, here and below.
                let int = unsafe { qjs::JS_VALUE_GET_INT(value) };
                let is_digit = here as u8 == (int as u8).wrapping_add(b'0') && matches!(int, 0..=9);
                (is_digit && matches!((here >> 8) as u8, b',' | b']')).then_some(1)?
            }
            qjs::JS_TAG_BOOL => match unsafe { qjs::JS_VALUE_GET_BOOL(value) } {
                true => (here as u32 == word(b"true") as u32).then_some(4)?,
                false => (here << 24 == word(b"false") << 24).then_some(5)?,
            },
            qjs::JS_TAG_NULL => (here as u32 == word(b"null") as u32).then_some(4)?,
            qjs::JS_TAG_STRING if here as u16 == word(b"\"\"") as u16 => {
                // SAFETY: a string that lives.
                match unsafe { raw::of_string(value) } {
                    Some(Characters::Latin([])) => 2,
                    _ => return None,
                }
            }
            qjs::JS_TAG_OBJECT => {
                let is_it = match here as u16 {
                    EMPTY_ARRAY => self.walk.is_empty_array(value),
                    EMPTY_OBJECT => self.walk.is_empty_object(value),
                    _ => false,
                };
                is_it.then_some(2)?
            }
            _ => return None,
        };
        Some(at + length)
    }

    /// Whether a small integer is what stands here; false also if that is no small integer.
    #[inline(always)]
    pub(super) fn small(&mut self, value: i32) -> bool {
        let bytes = self.text.as_bytes();
        if let Some([digit, b',' | b']' | b'}']) = bytes.get(self.at..self.at + 2)
            && i32::from(*digit) == value.wrapping_add(b'0'.into())
            && digit.is_ascii_digit()
        {
            self.at += 1;
            return true;
        }
        match number::small(bytes, self.at) {
            Some((was, end)) if was == value => {
                self.at = end;
                true
            }
            _ => false,
        }
    }
}

/// Whether a value is the digit that stands at a place with a comma behind it.
#[inline(always)]
fn is_digit(value: qjs::JSValue, bytes: &[u8], at: usize) -> bool {
    // SAFETY: the tag is part of every value, and says what is in it.
    unsafe {
        qjs::JS_VALUE_GET_TAG(value) == qjs::JS_TAG_INT && {
            let int = qjs::JS_VALUE_GET_INT(value) as u32;
            let here = bytes.get(at..at + 2).and_then(<[u8]>::first_chunk);
            int <= 9
                && here.is_some_and(|here| u32::from(u16::from_le_bytes(*here)) == int + 0x2c30)
        }
    }
}
