//! A component's long texts, apart from the rest of its bytes: scripts with the same library have it in one file.

use std::ops::Range;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use stepwell_script::MODULES;

use super::codec::{Parts, push_length};
use super::shapes::check_version;
use crate::store::StoreError;

/// Its name in errors.
const KIND: &str = "the parts of a component";
const VERSION: u8 = 1;
/// Bytes of a text from which on it has a file of its own: that of a file system's block.
const LONG: usize = 4096;
/// What follows in the stored value: bytes with their length, or the digest of a text.
const BYTES: u8 = 0;
const TEXT: u8 = 1;

/// A part of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// The bytes of a text, by its SHA-256 (lower-case hex).
    Text(String),
}

impl Part<'_> {
    /// The digest of a text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Part::Text(digest) => Some(digest),
            Part::Bytes(_) => None,
        }
    }
}

/// Where the texts of a script's package are that have files of their own: its long JSON strings, without their quotes.
/// None in a component of WebAssembly, and none if there are more than a package has modules: JSON may repeat a key, and each
/// text is a file.
pub(super) fn texts(component: &[u8]) -> Vec<Range<usize>> {
    let mut texts = Vec::new();
    if component.first() != Some(&b'{') {
        return texts;
    }
    let mut at = 0;
    while let Some(begin) = component[at..].iter().position(|byte| *byte == b'"') {
        let begin = at + begin + 1;
        let mut end = begin;
        while let Some(byte) = component.get(end)
            && *byte != b'"'
        {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        let end = end.min(component.len());
        if end - begin >= LONG {
            if texts.len() == MODULES {
                return Vec::new();
            }
            texts.push(begin..end);
        }
        at = (end + 1).min(component.len());
    }
    texts
}

/// The parts of a component whose texts are these.
pub(super) fn parts<'a>(component: &'a [u8], texts: &[Range<usize>]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut at = 0;
    for text in texts {
        parts.push(Part::Bytes(&component[at..text.start]));
        parts.push(Part::Text(digest(&component[text.clone()])));
        at = text.end;
    }
    parts.push(Part::Bytes(&component[at..]));
    parts
}

pub(super) fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The stored value of parts.
pub(super) fn encode(parts: &[Part<'_>]) -> Result<Vec<u8>, StoreError> {
    let mut out = vec![VERSION];
    for part in parts {
        match part {
            Part::Bytes(bytes) => {
                out.push(BYTES);
                push_length(&mut out, bytes.len())?;
                out.extend_from_slice(bytes);
            }
            Part::Text(digest) => {
                out.push(TEXT);
                out.extend_from_slice(&HEXLOWER.decode(digest.as_bytes()).unwrap_or_default());
            }
        }
    }
    Ok(out)
}

/// The parts of a stored value.
pub(super) fn decode(stored: &[u8]) -> Result<Vec<Part<'_>>, StoreError> {
    let mut rest = Parts::new(stored, KIND);
    check_version(rest.byte()?, VERSION, KIND)?;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        parts.push(match rest.byte()? {
            BYTES => Part::Bytes(rest.sized()?),
            TEXT => Part::Text(HEXLOWER.encode(&rest.array::<32>()?)),
            other => return Err(rest.wrong(&format!("there is no part {other}"))),
        });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(component: &[u8]) -> (Vec<u8>, usize) {
        let texts = texts(component);
        let stored = encode(&parts(component, &texts)).unwrap();
        let mut whole = Vec::new();
        for part in decode(&stored).unwrap() {
            match part {
                Part::Bytes(bytes) => whole.extend_from_slice(bytes),
                Part::Text(found) => {
                    let text = texts.iter().map(|text| &component[text.clone()]);
                    let mut text = text.filter(|text| digest(text) == found);
                    whole.extend_from_slice(text.next().unwrap());
                }
            }
        }
        (whole, texts.len())
    }

    #[test]
    fn long_strings_are_texts() {
        let long = format!(r#"a\"\\{}\\"#, "x".repeat(LONG + 100));
        let package = format!(r#"{{"entry":"a.js","modules":{{"a.js":"{long}","b.js":"short"}}}}"#);
        assert_eq!(whole(package.as_bytes()), (package.clone().into_bytes(), 1));
        let found = texts(package.as_bytes());
        assert_eq!(&package[found[0].clone()], long);
        // No script, and one that ends within a string.
        for (bytes, count) in [(&package[1..], 0), (&package[..package.len() - 30], 1)] {
            assert_eq!(whole(bytes.as_bytes()), (bytes.as_bytes().to_vec(), count));
        }
    }

    /// As a JSON object may be whose keys are repeated, which counts as one module.
    #[test]
    fn there_are_no_more_texts_than_a_package_has_modules() {
        let of = |count: usize| {
            let modules = vec![format!(r#""a.js":"{}""#, "x".repeat(LONG)); count];
            format!(r#"{{"entry":"a.js","modules":{{{}}}}}"#, modules.join(",")).into_bytes()
        };
        for (count, expected) in [(MODULES, MODULES), (MODULES + 1, 0), (3_000, 0)] {
            let component = of(count);
            assert_eq!(whole(&component), (component, expected));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_whole_again(pieces in prop::collection::vec((any::<Vec<u8>>(), 0..9_000usize), 0..6)) {
            let mut bytes = b"{".to_vec();
            for (piece, length) in pieces {
                bytes.extend_from_slice(&piece);
                bytes.push(b'"');
                bytes.extend(std::iter::repeat_n(b'y', length));
            }
            prop_assert_eq!(whole(&bytes).0, bytes);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in any::<Vec<u8>>()) {
            let _ = decode(&bytes);
        }
    }
}
