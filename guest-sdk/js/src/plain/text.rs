//! Strings between JSON text and UTF-8.

/// How many bytes at the start of a string's inside stand for themselves.
pub fn plain(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    while let Some(eight) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().unwrap_or_default());
        let is_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
        let quote = is_zero(word ^ (ONES * u64::from(b'"')));
        let backslash = is_zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let stop = quote | backslash | control;
        if stop != 0 {
            return at + (stop.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = text.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
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
        let run = plain(bytes.get(at..)?);
        out.extend_from_slice(&bytes[at..at + run]);
        at += run;
        match bytes.get(at)? {
            b'"' => return Some((Unescaped::Utf8, at + 1)),
            b'\\' => {}
            _ => return None,
        }
        let escape = *bytes.get(at + 1)?;
        at += 2;
        if escape != b'u' {
            out.push(simple(escape)?);
            continue;
        }
        let unit = hex(bytes, at)?;
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

fn simple(escape: u8) -> Option<u8> {
    Some(match escape {
        b'"' | b'\\' | b'/' => escape,
        b'b' => 8,
        b'f' => 12,
        b'n' => 10,
        b'r' => 13,
        b't' => 9,
        _ => return None,
    })
}

fn hex(bytes: &[u8], at: usize) -> Option<u16> {
    let mut unit = 0;
    for byte in bytes.get(at..at + 4)? {
        unit = unit << 4 | (*byte as char).to_digit(16)? as u16;
    }
    Some(unit)
}

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
    fn every_byte_that_needs_an_escape_is_found() {
        for byte in 0..=255_u8 {
            for place in 0..20 {
                let mut text = [b'x'; 20];
                text[place] = byte;
                let stops = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(
                    plain(&text),
                    if stops { place } else { 20 },
                    "{byte} at {place}"
                );
            }
        }
    }
}
