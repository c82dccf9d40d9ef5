//! Whether a JSON text is the one that its value would be written as, so that it can be given on without being parsed.

use std::collections::HashSet;

/// Names of one object that are compared one by one.
const FEW: usize = 16;
/// One in each byte of a word, and the highest bit of each.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Whether parsing a JSON text and writing its value would give the same text: it has no white space, no other escapes
/// than needed, exponents with their signs, and no object with a name twice. The text is taken to be JSON.
pub(super) fn is_as_written(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut names = Names::default();
    let (mut at, mut before) = (0, 0_u8);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let Some(end) = string(bytes, at + 1) else {
                    return false;
                };
                let is_name = bytes.get(end + 1) == Some(&b':');
                if is_name && !names.add(bytes.get(at + 1..end).unwrap_or_default()) {
                    return false;
                }
                at = end;
            }
            b'{' => names.open(),
            b'}' => names.close(),
            b' ' | b'\n' | b'\r' | b'\t' | b'E' => return false,
            b'e' if before.is_ascii_digit() && !matches!(bytes.get(at + 1), Some(b'+' | b'-')) => {
                return false;
            }
            _ => {}
        }
        before = byte;
        at += 1;
    }
    true
}

/// Where the string ends whose text begins at a place; `None` if it would be written otherwise.
fn string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*word);
            let stops =
                zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
            if stops != 0 {
                at += stops.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += escape(bytes, at)?,
            _ => at += 1,
        }
    }
}

/// The highest bit of the lowest byte that is zero, with others above it.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// How long the escape is that begins at a place; `None` if the character would be written otherwise.
fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match bytes.get(at + 2..at + 6)? {
            [b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f'] => Some(6),
            [b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f'] => Some(6),
            _ => None,
        },
        _ => None,
    }
}

/// The names of the objects that are open.
#[derive(Default)]
struct Names<'a> {
    all: Vec<&'a [u8]>,
    /// Of each object, where its names begin.
    begins: Vec<usize>,
    /// The names of the objects that have many, by how many objects are around them.
    many: Vec<(usize, HashSet<&'a [u8]>)>,
}

impl<'a> Names<'a> {
    fn open(&mut self) {
        self.begins.push(self.all.len());
    }

    fn close(&mut self) {
        self.all.truncate(self.begins.pop().unwrap_or_default());
        if self
            .many
            .last()
            .is_some_and(|(depth, _)| *depth > self.begins.len())
        {
            self.many.pop();
        }
    }

    /// Takes note of a name of the innermost object; false if that has it already.
    fn add(&mut self, name: &'a [u8]) -> bool {
        let depth = self.begins.len();
        if let Some((_, many)) = self.many.last_mut().filter(|(at, _)| *at == depth) {
            return many.insert(name);
        }
        let begin = self.begins.last().copied().unwrap_or_default();
        let own = self.all.get(begin..).unwrap_or_default();
        if own.contains(&name) {
            return false;
        }
        if own.len() == FEW {
            let many = own.iter().copied().chain([name]).collect();
            self.many.push((depth, many));
        } else {
            self.all.push(name);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn written(text: &str) -> String {
        serde_json::from_str::<Value>(text).unwrap().to_string()
    }

    #[test]
    fn what_the_server_writes_is_as_written() {
        let many: Vec<String> = (0..100)
            .map(|n| format!("\"name{n}\":{{\"name{n}\":0}}"))
            .collect();
        for text in [
            r#"{}"#,
            r#"{"a":[1,-2.50,1e+5,1e-7,true,false,null,"e","1E2 x"],"b":{"a":{"a":[]}},"c":"\"\\\n\u001f\u0000é🚨"}"#,
            r#"{"a":{"x":1},"b":{"x":2},"x":[{"x":1},{"x":2}]}"#,
            &format!("{{{},\"list\":[{{\"name0\":1}}]}}", many.join(",")),
        ] {
            assert_eq!(written(text), text);
            assert!(is_as_written(text), "{text}");
        }
    }

    #[test]
    fn what_would_be_written_otherwise_is_not() {
        let many: Vec<String> = (0..40).map(|n| format!("\"name{}\":0", n % 39)).collect();
        let nested = format!("{{\"a\":{{{}}}}}", many.join(","));
        for text in [
            "{ }",
            "{\"a\":\t1}",
            "{\"a\":1}\n",
            r#"{"a":1E5}"#,
            r#"{"a":1e5}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u00e9"}"#,
            r#"{"a":"\u001F"}"#,
            r#"{"a":"\u000a"}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"x":[{"b":{"c":1},"a":1,"b":2}]}"#,
            &nested,
        ] {
            assert_ne!(written(text), text);
            assert!(!is_as_written(text), "{text}");
        }
    }

    /// JSON texts with white space, escapes and names that come twice.
    fn texts() -> impl Strategy<Value = String> {
        let string = r#"("([a-c]|\\n|\\"|\\\\|\\/|\\u00e9|\\u001f|é| |:|\{){0,9}")"#;
        let leaf = prop_oneof![
            "(0|-?[1-9][0-9]{0,2})(\\.[0-9]{1,2})?((e|E)(\\+|-)?[1-9])?",
            string,
            Just("true".to_owned()),
            Just("null".to_owned()),
        ];
        let space = prop_oneof![30 => Just(""), 1 => Just(" "), 1 => Just("\n")];
        leaf.prop_recursive(4, 64, 20, move |inner| {
            let name = prop_oneof!["\"[a-e]{1,2}\"", string];
            let member = (space.clone(), name, space.clone(), inner.clone());
            let member = member.prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
            prop_oneof![
                prop::collection::vec(member, 0..20)
                    .prop_map(|all| format!("{{{}}}", all.join(","))),
                prop::collection::vec(inner, 0..5).prop_map(|all| format!("[{}]", all.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_told_of_any_text(text in texts()) {
            prop_assert_eq!(is_as_written(&text), written(&text) == text);
        }
    }
}
