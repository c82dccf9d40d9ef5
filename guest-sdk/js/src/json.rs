//! Takes JSON text apart without parsing it: where an object's members and an array's elements
//! begin and end. The text comes from the host and is taken to be JSON; text that is not gives
//! wrong pieces, never a panic.

use std::borrow::Cow;

use crate::scan;

/// A member of an object.
#[derive(Debug, PartialEq, Eq)]
pub struct Member<'a> {
    pub key: Cow<'a, str>,
    pub value: &'a str,
}

/// The members of the object that `text` is.
#[cfg(test)]
pub fn members(text: &str) -> Vec<Member<'_>> {
    members_of(text, |_| None)
}

/// The same. `end` says where a value ends, if that is known of the one that begins at a place.
pub fn members_of(text: &str, end: impl Fn(usize) -> Option<usize>) -> Vec<Member<'_>> {
    let mut cursor = Cursor::inside(text);
    let mut members = Vec::new();
    while cursor.peek() == Some(b'"') {
        let key = cursor.value();
        cursor.skip_one(b':');
        cursor.peek();
        let known = end(cursor.at).and_then(|end| Some((text.get(cursor.at..end)?, end)));
        let value = match known {
            Some((value, end)) => {
                cursor.at = end;
                value
            }
            None => cursor.value(),
        };
        cursor.skip_one(b',');
        members.push(Member {
            key: unquote(key),
            value,
        });
    }
    members
}

/// The elements of the array that `text` is.
pub fn elements(text: &str) -> Vec<&str> {
    Elements::of(text).collect()
}

/// The elements of an array, one by one.
pub struct Elements<'a>(Cursor<'a>);

impl<'a> Elements<'a> {
    /// Of the array that `text` is.
    pub fn of(text: &'a str) -> Self {
        Self(Cursor::inside(text))
    }

    /// Where the next element begins; None if there is no other.
    pub fn place(&mut self) -> Option<usize> {
        match self.0.peek() {
            None | Some(b']') => None,
            Some(_) => Some(self.0.at),
        }
    }

    /// Goes to a place where an element begins, or the array ends.
    pub fn go(&mut self, place: usize) {
        self.0.at = place;
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.place()?;
        let value = self.0.value();
        if value.is_empty() {
            return None;
        }
        self.0.skip_one(b',');
        Some(value)
    }
}

/// The text of a JSON string.
pub fn unquote(text: &str) -> Cow<'_, str> {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut units: Vec<u16> = Vec::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let escape = if c == '\\' { chars.next() } else { None };
        if escape == Some('u') {
            let digits: String = chars.by_ref().take(4).collect();
            units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xfffd));
            continue;
        }
        out.extend(char::decode_utf16(units.drain(..)).map(|unit| unit.unwrap_or('\u{fffd}')));
        out.push(match escape {
            None => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(other) => other,
        });
    }
    out.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')));
    Cow::Owned(out)
}

/// Appends `text` as a JSON string.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        if short.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(short);
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Appends a key to an RFC 6901 pointer.
pub fn push_token(pointer: &mut String, key: &str) {
    pointer.push('/');
    for c in key.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Behind the bracket with which `text` begins.
    fn inside(text: &'a str) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.peek();
        cursor.at += 1;
        cursor
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += rest.iter().take_while(|byte| blank(byte)).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_one(&mut self, byte: u8) {
        if self.peek() == Some(byte) {
            self.at += 1;
        }
    }

    /// Passes over the next value, whatever is nested in it.
    fn value(&mut self) -> &'a str {
        let first = self.peek();
        let from = self.at;
        match first {
            Some(b'"') => self.at = scan::string(self.text.as_bytes(), from).end,
            Some(b'{' | b'[') => self.at = scan::nested(self.text.as_bytes(), from).end,
            _ => {
                let rest = self.text.as_bytes().get(from..).unwrap_or_default();
                let scalar = |byte: &&u8| SCALAR[usize::from(**byte)];
                self.at += rest.iter().take_while(scalar).count();
            }
        }
        self.at = self.at.min(self.text.len());
        self.text.get(from..self.at).unwrap_or("")
    }
}

/// Which bytes may stand in a number or a word.
const SCALAR: [bool; 256] = {
    let mut scalar = [true; 256];
    let others = b"\"{}[],: \n\r\t";
    let mut at = 0;
    while at < others.len() {
        scalar[others[at] as usize] = false;
        at += 1;
    }
    scalar
};

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, &str)> {
        let members = members(text).into_iter();
        members.map(|m| (m.key.into_owned(), m.value)).collect()
    }

    #[test]
    fn an_object_comes_apart() {
        let text = r#" { "a" : 1.10 , "b\"}": {"c":[1,{"d":"]"}]},"e":"\\", "f":null}"#;
        let expected = [
            ("a", "1.10"),
            ("b\"}", r#"{"c":[1,{"d":"]"}]}"#),
            ("e", r#""\\""#),
            ("f", "null"),
        ];
        assert_eq!(pairs(text), expected.map(|(k, v)| (k.to_owned(), v)));
        assert_eq!(pairs("{}"), []);
    }

    #[test]
    fn an_array_comes_apart() {
        assert_eq!(
            elements(r#"[1,[2,3], "x,]" ,{}]"#),
            ["1", "[2,3]", "\"x,]\"", "{}"]
        );
        assert_eq!(elements("[ ]"), [""; 0]);
    }

    #[test]
    fn strings_go_both_ways() {
        for text in ["", "plain", "q\"b\\n\n\u{1}", "🚨 é"] {
            let mut quoted = String::new();
            quote(text, &mut quoted);
            assert_eq!(unquote(&quoted), text);
        }
        assert_eq!(unquote(r#""\ud83d\udea8\/\u0041\ud800!""#), "🚨/A\u{fffd}!");
    }

    #[test]
    fn what_is_no_json_ends_too() {
        for text in [
            "", "{", "[", "{\"a", "[}", "{\"a\":", "[\"\\", "]", "{\"a\":}", "[,]",
        ] {
            members(text);
            elements(text);
        }
    }

    #[test]
    fn a_pointer_escapes_its_keys() {
        let mut pointer = String::new();
        push_token(&mut pointer, "a/b~c");
        assert_eq!(pointer, "/a~1b~0c");
    }
}
