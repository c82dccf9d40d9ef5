//! Strings.

use rquickjs::{Error, qjs};

use super::Comparison;
use crate::lanes;
use crate::plain::text::{self, Unescaped};
use crate::raw::{self, Characters, utf8};

impl Comparison<'_, '_, '_> {
    pub(super) fn string(&mut self, value: qjs::JSValue) -> bool {
        // SAFETY: a string that lives.
        if let Some(characters) = unsafe { raw::of_string(value) } {
            if let Characters::Latin(text) = characters
                && self.is_plain(text)
            {
                return true;
            }
            let mut text = std::mem::take(&mut self.written);
            text.clear();
            utf8::encode(characters, &mut text);
            let is_same = self.is_string(&text);
            self.written = text;
            return is_same;
        }
        let mut length = 0;
        // SAFETY: the text has so many bytes and is given back.
        unsafe {
            let text = qjs::JS_ToCStringLen(self.walk.context, &mut length, value);
            if text.is_null() {
                self.failed = Some(Error::Exception);
                return false;
            }
            let is_same = self.is_string(std::slice::from_raw_parts(text.cast::<u8>(), length));
            qjs::JS_FreeCString(self.walk.context, text);
            is_same
        }
    }

    /// Whether ASCII in which nothing is escaped is what stands here; false also if it is something else.
    #[inline]
    fn is_plain(&mut self, value: &[u8]) -> bool {
        let bytes = self.text.as_bytes();
        let (from, end) = (self.at + 1, self.at + 1 + value.len());
        if bytes.get(self.at) != Some(&b'"') || bytes.get(end) != Some(&b'"') {
            return false;
        }
        let Some(was) = bytes.get(from..end) else {
            return false;
        };
        let is_same = text::is_same(was, value)
            && match lanes::at(bytes, from) {
                Some(lanes) if value.len() <= lanes::WIDTH => {
                    let stop = lanes.or(text::stops(lanes)).high_bits();
                    stop & ((1 << value.len()) - 1) == 0
                }
                _ => text::plain(&bytes[from..]) == value.len() && lanes::is_ascii(value),
            };
        self.at = if is_same { end + 1 } else { self.at };
        is_same
    }

    fn is_string(&mut self, value: &[u8]) -> bool {
        if !self.rest().starts_with(b"\"") {
            return false;
        }
        let from = self.at + 1;
        if let Ok(found) = text::matches(self.text.as_bytes(), from, value) {
            self.at = found.unwrap_or(self.at);
            return found.is_some();
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
}
