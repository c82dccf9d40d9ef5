//! Parts of the document that were not read.

use rquickjs::qjs;

use super::Comparison;
use crate::plain::shape::address;
use crate::plain::{text, unread};

impl Comparison<'_, '_, '_> {
    /// Whether what was not read is what stands here.
    pub(super) fn unread(&mut self, value: qjs::JSValue) -> bool {
        let rest = self.rest();
        let length = unread::text_of(value, |text| {
            text::begins(rest, text.as_bytes()).then_some(text.len())
        });
        self.at += length.unwrap_or_default();
        length.is_some()
    }

    /// Whether an accessor is the one that was made for the text here. It is if it is of this very
    /// place.
    pub(super) fn is_deferred(&mut self, getter: qjs::JSValue) -> bool {
        let Some(text) = (self.deferred)(address(getter)) else {
            return false;
        };
        let is_here = text.as_ptr() == self.rest().as_ptr();
        self.at += if is_here { text.len() } else { 0 };
        is_here
    }
}
