//! Names and types of files, as strangers write them.

use std::collections::BTreeMap;

use encoding_rs::Encoding;

/// The longest name, in bytes: what file systems take.
const NAME_BYTES: usize = 255;
/// The longest part of a type, in bytes (RFC 6838, 4.2).
const TYPE_BYTES: usize = 127;
/// Parts of one name (RFC 2231, 3).
const PARTS: u32 = 100;

/// The name of the file in a part with this `Content-Disposition`; `None` if the part is none, and an inner one if the name is
/// empty. It has no path, no control characters and none that change how it is read.
///
/// The plain name is what browsers send (RFC 7578, 4.2; WHATWG HTML, 4.10.21.8); `filename*` (RFC 5987) and `filename*0`
/// (RFC 2231) are what mail and older libraries do, and come before it.
pub(super) fn file_name(disposition: &[u8]) -> Option<Option<String>> {
    let (mut plain, mut extended) = (None, None);
    let mut parts = BTreeMap::new();
    for (name, value) in parameters(disposition) {
        let name = name.to_ascii_lowercase();
        match name.strip_prefix("filename") {
            Some("") => plain = plain.or(Some(value)),
            Some("*") => extended = extended.or(Some(value)),
            Some(rest) => {
                let rest = rest.strip_prefix('*').unwrap_or_default();
                let (number, is_encoded) = match rest.strip_suffix('*') {
                    Some(number) => (number, true),
                    None => (rest, false),
                };
                if let Ok(number) = number.parse::<u32>()
                    && number < PARTS
                {
                    parts.insert(number, (value, is_encoded));
                }
            }
            None => {}
        }
    }
    let given = match (extended, plain) {
        (Some(extended), _) => decoded(&extended),
        (None, _) if !parts.is_empty() => joined(&parts),
        (None, Some(plain)) => String::from_utf8_lossy(&plain).replace("%22", "\""),
        (None, None) => return None,
    };
    Some(clean(&given))
}

/// The parameters of a header's value. A quoted value ends at a quotation mark that has no backslash before it; other
/// backslashes are those of a path.
fn parameters(value: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(at) = rest.iter().position(|byte| *byte == b';') {
        rest = rest[at + 1..].trim_ascii_start();
        let end = rest.iter().position(|byte| matches!(byte, b'=' | b';'));
        let Some(end) = end.filter(|end| rest[*end] == b'=') else {
            continue;
        };
        let name = String::from_utf8_lossy(rest[..end].trim_ascii()).into_owned();
        rest = rest[end + 1..].trim_ascii_start();
        let mut text = Vec::new();
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            rest = quoted;
            while let Some((byte, after)) = rest.split_first() {
                rest = after;
                match byte {
                    b'"' => break,
                    b'\\' if after.first() == Some(&b'"') => {
                        text.push(b'"');
                        rest = &after[1..];
                    }
                    other => text.push(*other),
                }
            }
        } else {
            let end = rest.iter().position(|byte| *byte == b';');
            let (value, after) = rest.split_at(end.unwrap_or(rest.len()));
            text.extend_from_slice(value.trim_ascii_end());
            rest = after;
        }
        found.push((name, text));
    }
    found
}

/// `charset'language'text` with its percent-encoding undone.
fn decoded(value: &[u8]) -> String {
    let mut split = value.splitn(3, |byte| *byte == b'\'');
    match (split.next(), split.next(), split.next()) {
        (Some(charset), Some(_), Some(text)) => {
            let bytes: Vec<u8> = percent_encoding::percent_decode(text).collect();
            in_charset(charset, &bytes)
        }
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

fn in_charset(charset: &[u8], bytes: &[u8]) -> String {
    let encoding = Encoding::for_label(charset).unwrap_or(encoding_rs::UTF_8);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

fn joined(parts: &BTreeMap<u32, (Vec<u8>, bool)>) -> String {
    let (mut charset, mut bytes) = (Vec::new(), Vec::new());
    for (number, (part, is_encoded)) in parts {
        let mut part = &part[..];
        if !is_encoded {
            bytes.extend_from_slice(part);
            continue;
        }
        // The first one names the charset.
        let mut split = part.splitn(3, |byte| *byte == b'\'');
        if *number == 0
            && let (Some(name), Some(_), Some(text)) = (split.next(), split.next(), split.next())
        {
            charset = name.to_vec();
            part = text;
        }
        bytes.extend(percent_encoding::percent_decode(part));
    }
    in_charset(&charset, &bytes)
}

/// A name without its path, and without characters that are not seen or turn the text around. None if nothing is left.
fn clean(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.chars().filter(|c| !is_hidden(*c)).collect();
    let trimmed = seen.trim().trim_end_matches(['.', ' ']);
    let cut = &trimmed[..trimmed.floor_char_boundary(NAME_BYTES)];
    (!cut.is_empty()).then(|| cut.to_owned())
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A content type without its parameters, in lower case; `application/octet-stream` for a text that is none.
pub(super) fn media_type(value: Option<&[u8]>) -> String {
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    let essence = text.unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    let is_name = |part: &str| {
        let is_sign = |c: u8| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c);
        (1..=TYPE_BYTES).contains(&part.len()) && part.bytes().all(is_sign)
    };
    match essence.split_once('/') {
        Some((kind, subtype)) if is_name(kind) && is_name(subtype) => essence,
        _ => "application/octet-stream".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(disposition: &str) -> Option<Option<String>> {
        file_name(disposition.as_bytes())
    }

    #[test]
    fn a_name_is_what_a_person_sees_and_no_path() {
        for (disposition, expected) in [
            ("filename=\"me.png\"", "me.png"),
            ("filename=me.png ", "me.png"),
            ("FileName = \"a;b.txt\"; x=1", "a;b.txt"),
            ("x=\"; filename=no\"; filename=yes", "yes"),
            ("filename=\"a\\\"b.txt\"", "a\"b.txt"),
            ("filename=\"a%22b.txt\"", "a\"b.txt"),
            ("filename=\"C:\\docs\\cv.pdf\"", "cv.pdf"),
            ("filename=\"../../etc/passwd\"", "passwd"),
            ("filename=\"/etc/passwd\"", "passwd"),
            ("filename=\"a\u{202e}gpj.exe\"", "agpj.exe"),
            ("filename=\"a\tb\u{1b}[2J.txt\"", "ab[2J.txt"),
            ("filename=\"naïve – 你好.txt\"", "naïve – 你好.txt"),
            (
                "filename=\"x\"; filename*=UTF-8''na%C3%AFve.txt",
                "naïve.txt",
            ),
            ("filename*=iso-8859-1'en'%A3%20rates", "£ rates"),
            ("filename*=UTF-8''..%2F..%2Fx", "x"),
            ("filename*0=long; filename*1=\"er.txt\"", "longer.txt"),
            (
                "filename*0*=UTF-8''na%C3%AF; filename*1=ve.txt",
                "naïve.txt",
            ),
            (" filename=\"open", "open"),
        ] {
            let given = name(&format!("form-data; name=\"f\"; {disposition}"));
            assert_eq!(given, Some(Some(expected.into())), "{disposition}");
        }
        let long = format!("form-data; filename=\"{}\"", "é".repeat(300));
        assert_eq!(name(&long).unwrap().unwrap().len(), 254);
        for empty in [
            "filename=\"\"",
            "filename=",
            "filename=\"..\"",
            "filename=\"a/\"",
            "filename*=UTF-8''%00",
        ] {
            assert_eq!(name(&format!("form-data; {empty}")), Some(None), "{empty}");
        }
        for none in [
            "form-data; name=\"filename=x\"",
            "form-data",
            "",
            "form-data; filename",
            "form-data; myfilename=x",
        ] {
            assert_eq!(name(none), None, "{none}");
        }
        assert_eq!(
            file_name(b"form-data; filename=\"caf\xe9\""),
            Some(Some("caf\u{fffd}".into()))
        );
    }

    #[test]
    fn a_type_is_one_or_octets() {
        for (given, expected) in [
            ("image/PNG; charset=x", "image/png"),
            (" application/vnd.api+json", "application/vnd.api+json"),
            ("text", "application/octet-stream"),
            ("text/", "application/octet-stream"),
            ("text/html\r\nx: y", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(media_type(Some(given.as_bytes())), expected, "{given}");
        }
        assert_eq!(media_type(None), "application/octet-stream");
        assert_eq!(media_type(Some(b"\xff/x")), "application/octet-stream");
    }
}
