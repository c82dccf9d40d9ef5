//! Parts of the document that the run did not read, or an array of which it read some elements.

use rquickjs::{Array, Value};

use super::{Walk, Walked, is_long};
use crate::json;
use crate::plain::unread::{self, State};

impl<'a, 'js> Walk<'a, 'js> {
    /// Compares a value that was not read with what was there. None if it is none, or is another part, and is read
    /// by now.
    pub(super) fn compare_part(&mut self, value: &Value<'js>, was: &'a str) -> Option<Walked> {
        let (part, state) = unread::found_in(value)?;
        let is_here = part.from == self.document.offset(was);
        if !is_here || state == State::Read {
            return self.read(value).err().map(Err);
        }
        Some(self.compare_elements(value))
    }

    /// Compares the elements that were read alone.
    fn compare_elements(&mut self, value: &Value<'js>) -> Walked {
        let own = unread::own_elements(self.ctx, value).map_err(|error| self.threw(error))?;
        if own.is_empty() {
            return Ok(());
        }
        self.enter(value)?;
        for (index, (from, to), element) in own {
            let was = self.document.text().get(from..to).unwrap_or("null");
            let outer = self.pointer.len();
            json::push_token(&mut self.pointer, &index.to_string());
            let element = self.plain(element)?;
            let element = match element.is_undefined() {
                true => Value::new_null(self.ctx.clone()),
                false => element,
            };
            self.place = None;
            if !element.is_number() || !is_long(was) {
                self.compare(&element, was, 0)?;
            } else if !self.is_same_number(&element, was)? {
                self.set(&element)?;
            }
            self.pointer.truncate(outer);
        }
        self.open.pop();
        Ok(())
    }

    /// Whether a number is the one of a text with more digits than it keeps.
    fn is_same_number(&self, value: &Value<'js>, was: &str) -> Walked<bool> {
        let alone = || {
            let array = Array::new(self.ctx.clone())?;
            array.set(0, value.clone())?;
            let same =
                self.document
                    .same_elements(self.ctx, self.shapes, array.as_value(), 0, &[was])?;
            Ok(same == 1)
        };
        alone().map_err(|error| self.threw(error))
    }

    /// Whether a value was not read, so that JSON takes it as it is.
    pub(super) fn is_plain_part(&self, value: &Value<'js>) -> Walked<bool> {
        let is_part = unread::found_in(value).is_some();
        if is_part && unread::has_method(self.ctx, value.as_raw(), self.shapes.to_json) {
            self.read(value)?;
            return Ok(false);
        }
        Ok(is_part)
    }

    /// Reads a value, if it is none that was read.
    pub(super) fn read(&self, value: &Value<'js>) -> Walked {
        if !self.has_parts {
            return Ok(());
        }
        let read = unread::become_read(self.ctx, value.as_raw());
        read.map_err(|error| self.threw(error))
    }
}
