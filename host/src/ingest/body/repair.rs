//! Escapes of half a surrogate pair.
//!
//! A sender that cuts a text at so many UTF-16 units cuts through emoji, and writes the rest as `"\ud83d"`. It
//! is JSON by the grammar (RFC 8259, 8.2) and no Unicode text. It is read as browsers and Node write it to UTF-8: U+FFFD.

/// The text with `\ufffd` for each escape of half a pair; `None` if it has none. The length stays, so places in
/// the text stay too. Only texts have backslashes in JSON, so it looks at nothing else.
pub(super) fn halves(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(position) {
        let start = at + found;
        match unit(bytes, start) {
            Some(0xd800..=0xdbff) if matches!(unit(bytes, start + 6), Some(0xdc00..=0xdfff)) => {
                at = start + 12;
            }
            Some(0xd800..=0xdfff) => {
                let out = mended.get_or_insert_with(|| bytes.to_vec());
                if let Some(place) = out.get_mut(start..start + 6) {
                    place.copy_from_slice(b"\\ufffd");
                }
                at = start + 6;
            }
            Some(_) => at = start + 6,
            // Another escape: its second byte is part of it, a backslash too.
            None => at = start + 2,
        }
    }
    mended.and_then(|bytes| String::from_utf8(bytes).ok())
}

fn position(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\\')
}

/// The UTF-16 unit whose escape begins at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let value = |digit: u8| char::from(digit).to_digit(16);
    digits
        .iter()
        .try_fold(0u32, |unit, digit| Some(unit * 16 + value(*digit)?))
        .and_then(|unit| u16::try_from(unit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn half_a_pair_becomes_the_replacement_character() {
        for (text, mended) in [
            (r#""x\ud83d""#, r#""x\ufffd""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#"{"\uD83D":"\uDFFFa"}"#, r#"{"\ufffd":"\ufffda"}"#),
            (r#""\ud83dn\\\ud83d""#, r#""\ufffdn\\\ufffd""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
            // A backslash that is escaped begins nothing.
            (r#""\\ud83d \ud83d""#, r#""\\ud83d \ufffd""#),
        ] {
            assert_eq!(halves(text).as_deref(), Some(mended), "{text}");
            assert_eq!(text.len(), mended.len());
        }
        for whole in [
            r#""\ud83d\ude00""#,
            r#""\\ud83d""#,
            r#""\u00e9\n\"""#,
            r#""\ud83""#,
            "\"\\",
            "",
        ] {
            assert_eq!(halves(whole), None, "{whole}");
        }
    }

    proptest! {
        /// What it mends reads as the lossy UTF-16 decoding of the units that were escaped.
        #[test]
        fn it_reads_as_utf_16_does(units in prop::collection::vec(
            prop_oneof![any::<u16>(), 0xd800u16..=0xdfff], 0..12)) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let text = format!("\"{escapes}\"");
            let mended = halves(&text).unwrap_or(text);
            let read: Value = serde_json::from_str(&mended).unwrap();
            prop_assert_eq!(read, Value::from(String::from_utf16_lossy(&units)));
        }

        #[test]
        fn texts_of_any_kind(text in "[\\\\ud8cf0é\"]{0,40}") {
            let mended = halves(&text);
            prop_assert!(mended.is_none_or(|mended| mended.len() == text.len()));
        }
    }
}
