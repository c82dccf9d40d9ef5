//! What a step left in `data`, as JSON text.

use rquickjs::{Atom, Coerced, FromJs, Value, object::Filter};

use super::{DEPTH, Walk, Walked};
use crate::fault;
use crate::json;
use crate::plain::{self, Halves, Style, Unwritten};

impl<'js> Walk<'_, 'js> {
    /// Writes a value as most are, plain data. False if it must be looked at closer.
    pub(super) fn write_plain(&self, value: &Value<'js>, out: &mut String) -> Walked<bool> {
        let style = Style {
            halves: Halves::Replaced,
            gap: b"",
            depth: DEPTH.saturating_sub(self.open.len()),
            numbers: self.document.numbers(),
            document: self.document.text(),
            deferred: &|getter| self.document.usual_text(getter),
        };
        let place = self.place.as_ref().filter(|_| value.is_number());
        let mut bytes = Vec::new();
        match plain::write(self.ctx, self.shapes, value, place, &style, &mut bytes) {
            Ok(()) => {
                let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
                out.push_str(&text);
                Ok(true)
            }
            Err(Unwritten::Behaves) => Ok(false),
            Err(Unwritten::Wrong(text)) if value.is_object() => {
                Err(format!("{} has a number that {text}", self.place()))
            }
            Err(Unwritten::Wrong(text)) => Err(format!("{} {text}", self.place())),
            Err(Unwritten::Thrown(error)) => Err(self.threw(error)),
        }
    }

    /// Appends the JSON of a value that is plain and not undefined.
    pub(super) fn write(&mut self, value: &Value<'js>, out: &mut String) -> Walked {
        if plain::is_raw(self.shapes, value) && self.write_plain(value, out)? {
            return Ok(());
        }
        self.read(value)?;
        if value.is_null() {
            out.push_str("null");
        } else if let Some(truth) = value.as_bool() {
            out.push_str(if truth { "true" } else { "false" });
        } else if let Some(number) = value.as_number() {
            if number.is_finite() {
                out.push_str(&self.number(value)?);
            } else {
                out.push_str("null");
            }
        } else if value.is_string() {
            json::quote(&self.text(value)?, out);
        } else if let Some(array) = value.as_array() {
            self.enter(value)?;
            out.push('[');
            for index in 0..array.len() {
                if index > 0 {
                    out.push(',');
                }
                let outer = self.pointer.len();
                json::push_token(&mut self.pointer, &index.to_string());
                let element = self.array_member(array, index)?;
                self.write(&element, out)?;
                self.pointer.truncate(outer);
            }
            out.push(']');
            self.open.pop();
        } else if value.is_object() && !value.is_function() {
            self.write_object(value, out)?;
        } else {
            let kind = fault::kind(value);
            let help = if value.is_big_int() {
                "; use a number or a string"
            } else {
                ""
            };
            return Err(format!(
                "{} is {kind}, which JSON cannot hold{help}",
                self.place()
            ));
        }
        Ok(())
    }

    fn write_object(&mut self, value: &Value<'js>, out: &mut String) -> Walked {
        let object = self.enter(value)?;
        out.push('{');
        let mut first = true;
        for atom in object.own_keys::<Atom>(Filter::new().string().enum_only()) {
            let atom = atom.map_err(|error| self.threw(error))?;
            let key = self.key(&atom)?;
            let outer = self.pointer.len();
            json::push_token(&mut self.pointer, &key);
            let member = object.get(atom).map_err(|error| self.threw(error))?;
            let member = self.plain(member)?;
            if !member.is_undefined() {
                if !first {
                    out.push(',');
                }
                first = false;
                json::quote(&key, out);
                out.push(':');
                self.write(&member, out)?;
            }
            self.pointer.truncate(outer);
        }
        out.push('}');
        self.open.pop();
        Ok(())
    }

    /// A number's text: as it came, or the shortest, as JavaScript has it.
    fn number(&self, value: &Value<'js>) -> Walked<String> {
        if let Some(int) = value.as_int() {
            return Ok(int.to_string());
        }
        let mut text = String::new();
        if self.write_plain(value, &mut text)? {
            return Ok(text);
        }
        let text = Coerced::<String>::from_js(self.ctx, value.clone());
        text.map(|text| text.0).map_err(|error| self.threw(error))
    }
}
