use super::*;

const TEXTS: [&str; 13] = [
    "",
    "plain",
    "plain and longer than a block of bytes",
    "é",
    "ääääääääääääääääääääääääääääääää",
    "Grüße aus Köln, über die Brücke, und so weiter",
    "x\u{80}\u{ff}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
    "😀😀😀😀😀😀😀😀😀",
    "x😀\u{10000}\u{10ffff}\u{103ff}\u{1f3ff}😀é\u{fffff}\u{20000}\u{2ffff}\u{103ff}😀😀",
    "12345678901234ä678901234567890ä",
    "äöüßäöü",
    "äöüßäöüßÄÖÜàéèñçäöüßäöüßÄÖÜàéèñç\u{80}\u{bf}\u{c0}\u{ff}",
    "€uro, 漢字 and 😀 in one text that is longer than some blocks, 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
];

#[test]
fn utf16_goes_both_ways() {
    for text in TEXTS {
        let mut units = Vec::new();
        decode(text.as_bytes(), &mut units);
        assert_eq!(units, text.encode_utf16().collect::<Vec<_>>(), "{text}");
        let mut bytes = Vec::new();
        assert!(encode(Characters::Wide(&units), &mut bytes));
        assert_eq!(bytes, text.as_bytes());
    }
    let mut bytes = Vec::new();
    assert!(!encode(
        Characters::Wide(&[0xdc00, 0x61, 0xd800]),
        &mut bytes
    ));
    assert_eq!(bytes, b"\xed\xb0\x80a\xed\xa0\x80");
}

#[test]
fn latin_goes_both_ways() {
    for text in TEXTS {
        let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        assert_eq!(
            latin_length(text.as_bytes()),
            latin.as_ref().map(Vec::len),
            "{text}"
        );
        let Some(latin) = latin else { continue };
        let mut out = vec![0; latin.len()];
        decode_latin(text.as_bytes(), &mut out);
        assert_eq!(out, latin, "{text}");
        let mut bytes = Vec::new();
        assert!(encode(Characters::Latin(&latin), &mut bytes));
        assert_eq!(bytes, text.as_bytes());
    }
}

#[test]
fn each_place_of_a_block_may_have_a_longer_character() {
    for length in 0..70 {
        for place in 0..length {
            let text: String = (0..length)
                .map(|at| if at == place { 'ÿ' } else { 'y' })
                .collect();
            let mut out = vec![0; length];
            decode_latin(text.as_bytes(), &mut out);
            let mut bytes = Vec::new();
            encode(Characters::Latin(&out), &mut bytes);
            assert_eq!(bytes, text.as_bytes());
        }
    }
}
