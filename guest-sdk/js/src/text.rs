//! Strings that cross from JavaScript. JavaScript's may have half a surrogate pair, which UTF-8 cannot
//! write: it becomes U+FFFD wherever a string is given to Rust, as Web IDL has it for `USVString`.

use std::fmt;
use std::ops::Deref;

use rquickjs::{Ctx, Error, FromJs, Result, String as JsString, Value};

use crate::lanes;
use crate::raw::{self, Characters, utf8};

/// A JavaScript string's text, of Unicode scalar values only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'js> FromJs<'js> for Text {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let kind = value.type_name();
        match value.as_string() {
            Some(string) => of(string).map(Self),
            None => Err(Error::new_from_js(kind, "string")),
        }
    }
}

/// A string's text; half a surrogate pair becomes U+FFFD.
///
/// # Errors
/// The engine has no memory left for it.
#[allow(unsafe_code)]
pub fn of(string: &JsString<'_>) -> Result<String> {
    // SAFETY: the string lives, and is not changed; ASCII and what is well-formed is UTF-8.
    unsafe {
        match raw::of_string(string.as_raw()) {
            Some(Characters::Latin(text)) if lanes::is_ascii(text) => {
                return Ok(String::from_utf8_unchecked(text.to_vec()));
            }
            Some(characters) => {
                let mut bytes = Vec::new();
                return Ok(match utf8::encode(characters, &mut bytes) {
                    true => String::from_utf8_unchecked(bytes),
                    false => well_formed(&bytes),
                });
            }
            None => {}
        }
    }
    with_bytes(string, well_formed)
}

/// A string's UTF-16 code units as they are, halves of pairs included.
///
/// # Errors
/// The engine has no memory left for it.
pub fn units(string: &JsString<'_>) -> Result<Vec<u16>> {
    with_bytes(string, units_of)
}

/// Reads a string's bytes: UTF-8, but that half a surrogate pair is written in three bytes as if it
/// were a character.
#[allow(unsafe_code)]
fn with_bytes<T>(string: &JsString<'_>, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let text = string.clone().to_cstring()?;
    // SAFETY: the engine allocated this many bytes there, and frees them when `text` is dropped.
    let bytes = unsafe { std::slice::from_raw_parts(text.as_ptr().cast::<u8>(), text.len()) };
    Ok(read(bytes))
}

fn units_of(bytes: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let (text, from) = rest.split_at(valid);
        units.extend(std::str::from_utf8(text).unwrap_or_default().encode_utf16());
        rest = from;
        if let [first, second, third, after @ ..] = rest {
            let bits = |byte: &u8| u16::from(*byte & 0x3f);
            units.push(u16::from(*first & 0x0f) << 12 | bits(second) << 6 | bits(third));
            rest = after;
        } else {
            break;
        }
    }
    units
}

/// Text of UTF-8 in which a surrogate is written as if it were a character of its own.
fn well_formed(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let mut bytes = bytes.to_vec();
            for at in 0..bytes.len().saturating_sub(2) {
                if bytes[at] == 0xed && bytes[at + 1] >= 0xa0 {
                    bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
                }
            }
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{units_of, well_formed};

    #[test]
    fn a_surrogate_becomes_one_replacement_character() {
        assert_eq!(well_formed("é🚨\u{d7ff}".as_bytes()), "é🚨\u{d7ff}");
        assert_eq!(well_formed(b"x\xed\xa0\xbd"), "x\u{fffd}");
        assert_eq!(
            well_formed(b"\xed\xbf\xbf\xed\xa0\x80y\xed\x9f\xbf"),
            "\u{fffd}\u{fffd}y\u{d7ff}"
        );
        assert_eq!(well_formed(b"\xed"), "\u{fffd}");
    }

    #[test]
    fn code_units_are_kept() {
        assert_eq!(units_of("a🚨".as_bytes()), [0x61, 0xd83d, 0xdea8]);
        assert_eq!(
            units_of(b"a\xed\xa0\xbdb\xed\xb0\x80"),
            [0x61, 0xd83d, 0x62, 0xdc00]
        );
    }
}
