//! Strings between JSON text and UTF-8.

use crate::lanes::{self, Lanes};

/// What stands in a text, as the bytes of an integer, the first one lowest.
pub const fn word(text: &[u8]) -> u64 {
    let (mut word, mut at) = (0, text.len());
    while at > 0 {
        at -= 1;
        word = word << 8 | text[at] as u64;
    }
    word
}

/// How many bytes at the start of a string's inside stand for themselves.
#[inline]
pub fn plain(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(lanes) = lanes::at(text, at) {
        let stop = stops(lanes).high_bits();
        if stop != 0 {
            return at + stop.trailing_zeros() as usize;
        }
        at += lanes::WIDTH;
    }
    while let Some(&byte) = text.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

/// The bytes that do not stand for themselves.
#[inline(always)]
pub fn stops(lanes: Lanes) -> Lanes {
    lanes.is(b'"').or(lanes.is(b'\\')).or(lanes.is_below(0x20))
}

/// Whether two texts are the same bytes. Quicker than `==`, which is a call that looks at them one by one.
#[inline]
pub fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (Some(a_last), Some(b_last)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) else {
        return a.iter().zip(b).all(|(a, b)| a == b);
    };
    let same = |a: &[u8; 8], b: &[u8; 8]| u64::from_le_bytes(*a) == u64::from_le_bytes(*b);
    let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    a.iter().zip(b).all(|(a, b)| same(a, b)) && same(a_last, b_last)
}

/// Whether a text begins with another one. Quicker where it is the same place of one text.
pub fn begins(text: &[u8], other: &[u8]) -> bool {
    let begin = text.get(..other.len());
    begin.is_some_and(|begin| begin.as_ptr() == other.as_ptr() || is_same(begin, other))
}

/// Appends the inside of a JSON string: quotes, backslashes and control characters escaped as
/// `JSON.stringify` does.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let (kept, more) = rest.split_at(plain(rest));
        out.extend_from_slice(kept);
        let Some((&byte, more)) = more.split_first() else {
            return;
        };
        rest = more;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            other => {
                out.extend_from_slice(b"\\u00");
                out.push(b'0' + (other >> 4));
                out.push(b"0123456789abcdef"[usize::from(other & 15)]);
            }
        }
    }
}

/// What the escapes in a JSON string stand for.
pub enum Unescaped {
    Utf8,
    /// With a half of a surrogate pair, which UTF-8 cannot hold.
    Utf16(Vec<u16>),
}

/// Reads the string whose inside begins here: appends it to `out`, which is empty, up to its closing
/// quote; gives how many bytes of the text that took, the quote included. None if it is no string.
pub fn unescape(text: &str, out: &mut Vec<u8>) -> Option<(Unescaped, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        // Where much is escaped, one escape follows the other.
        while let Some([b'\\', escape]) = bytes.get(at..at + 2)
            && *escape != b'u'
        {
            out.push(simple(*escape)?);
            at += 2;
        }
        let run = plain(bytes.get(at..)?);
        out.extend_from_slice(&bytes[at..at + run]);
        at += run;
        match bytes.get(at..at + 2) {
            Some(b"\\u") => at += 2,
            Some([b'\\', _]) => continue,
            _ if bytes.get(at) == Some(&b'"') => return Some((Unescaped::Utf8, at + 1)),
            _ => return None,
        }
        let unit = hex(bytes, at)?;
        if unit < 0x80 {
            out.push(unit as u8);
            at += 4;
            continue;
        }
        let second = || match bytes.get(at + 4..at + 6) {
            Some(b"\\u") => hex(bytes, at + 6),
            _ => None,
        };
        let c = match unit {
            0xd800..=0xdbff => match second() {
                Some(low @ 0xdc00..=0xdfff) => {
                    at += 6;
                    0x1_0000 + ((u32::from(unit) - 0xd800) << 10) + (u32::from(low) - 0xdc00)
                }
                _ => return with_halves(text),
            },
            0xdc00..=0xdfff => return with_halves(text),
            other => u32::from(other),
        };
        at += 4;
        let mut buffer = [0; 4];
        let text = char::from_u32(c)?.encode_utf8(&mut buffer);
        out.extend_from_slice(text.as_bytes());
    }
}

/// The same, in UTF-16, from the start.
fn with_halves(text: &str) -> Option<(Unescaped, usize)> {
    let bytes = text.as_bytes();
    let mut units = Vec::new();
    let mut at = 0;
    loop {
        let run = plain(bytes.get(at..)?);
        units.extend(text.get(at..at + run)?.encode_utf16());
        at += run;
        match bytes.get(at)? {
            b'"' => return Some((Unescaped::Utf16(units), at + 1)),
            b'\\' => {}
            _ => return None,
        }
        let escape = *bytes.get(at + 1)?;
        at += 2;
        if escape == b'u' {
            units.push(hex(bytes, at)?);
            at += 4;
        } else {
            units.push(u16::from(simple(escape)?));
        }
    }
}

/// What an escape of two bytes stands for; 0 if there is none.
const SIMPLE: [u8; 256] = {
    let mut simple = [0; 256];
    let (from, to) = (b"\"\\/bfnrt", b"\"\\/\x08\x0c\n\r\t");
    let mut at = 0;
    while at < from.len() {
        simple[from[at] as usize] = to[at];
        at += 1;
    }
    simple
};

#[inline(always)]
fn simple(escape: u8) -> Option<u8> {
    let byte = SIMPLE[usize::from(escape)];
    (byte != 0).then_some(byte)
}

/// What a hexadecimal digit stands for; 16 if it is none.
const DIGITS: [u8; 256] = {
    let mut digits = [16; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digits[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};

#[inline(always)]
fn hex(bytes: &[u8], at: usize) -> Option<u16> {
    let [a, b, c, d] = bytes
        .get(at..)?
        .first_chunk::<4>()?
        .map(|byte| u16::from(DIGITS[usize::from(byte)]));
    (a | b | c | d < 16).then_some(a << 12 | b << 8 | c << 4 | d)
}

/// Whether the string whose inside begins at a place is this UTF-8, and where it ends then, behind its closing quote.
/// `Err` if it has escapes of more than ASCII, or is none.
pub fn matches(text: &[u8], from: usize, value: &[u8]) -> Result<Option<usize>, NotSeen> {
    let (mut at, mut to) = (from, 0);
    loop {
        while let Some([b'\\', escape]) = text.get(at..at + 2) {
            let (byte, length) = match escape {
                b'u' => (
                    hex(text, at + 2)
                        .and_then(|unit| u8::try_from(unit).ok())
                        .filter(u8::is_ascii),
                    6,
                ),
                other => (simple(*other), 2),
            };
            if value.get(to) != Some(&byte.ok_or(NotSeen)?) {
                return Ok(None);
            }
            (at, to) = (at + length, to + 1);
        }
        let run = plain(text.get(at..).ok_or(NotSeen)?);
        let is_same = value
            .get(to..to + run)
            .is_some_and(|value| is_same(&text[at..at + run], value));
        (at, to) = (at + run, to + run);
        match text.get(at) {
            _ if !is_same => return Ok(None),
            Some(b'"') => return Ok((to == value.len()).then_some(at + 1)),
            Some(b'\\') => {}
            _ => return Err(NotSeen),
        }
    }
}

/// A text was not looked through.
#[derive(Debug, PartialEq, Eq)]
pub struct NotSeen;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_goes_both_ways() {
        for text in [
            "",
            "plain and longer than eight",
            "q\"b\\n\n\u{1}\u{1f}\u{8}\u{c}",
            "🚨 é 0123456789\t",
        ] {
            let mut quoted = Vec::new();
            escape(text.as_bytes(), &mut quoted);
            quoted.push(b'"');
            let mut out = Vec::new();
            let quoted = String::from_utf8(quoted).unwrap();
            let (_, length) = unescape(&quoted, &mut out).unwrap();
            assert_eq!((length, &*out), (quoted.len(), text.as_bytes()));
        }
        let mut out = Vec::new();
        unescape(r#"\ud83d\udea8\/\u0041""#, &mut out).unwrap();
        assert_eq!(out, "🚨/A".as_bytes());
        let halves = unescape(r#"é\ud83dx\udc00""#, &mut Vec::new()).unwrap();
        assert!(
            matches!(halves.0, Unescaped::Utf16(units) if units == [0xe9, 0xd83d, 0x78, 0xdc00])
        );
        for text in ["", "a", "\\", "\\u12", "\\x\"", "a\nb\"", "\\u12g4\""] {
            assert!(unescape(text, &mut Vec::new()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_string_is_told_from_others() {
        let text = br#"a\"\n\u0041 and more than one block"x"#;
        let value = b"a\"\nA and more than one block";
        assert_eq!(matches(text, 0, value), Ok(Some(text.len() - 1)));
        for other in [
            &b"a\"\nA and more than one bloc"[..],
            b"a\"\nA and more than one blockk",
            b"a\"\nB and more than one block",
            b"",
        ] {
            assert_eq!(matches(text, 0, other), Ok(None));
        }
        assert_eq!(matches(b"\\u00e9\"", 0, "é".as_bytes()), Err(NotSeen));
        assert_eq!(matches(b"x", 0, b"x"), Err(NotSeen));
        assert_eq!(matches(b"\"", 0, b""), Ok(Some(1)));
    }

    #[test]
    fn every_byte_that_needs_an_escape_is_found() {
        for byte in 0..=255_u8 {
            for place in 0..40 {
                let mut text = [b'x'; 40];
                text[place] = byte;
                let stops = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(
                    plain(&text),
                    if stops { place } else { 40 },
                    "{byte} at {place}"
                );
            }
        }
    }
}
