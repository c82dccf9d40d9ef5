//! A workspace's config as runs see it, and the masking of its values in what runs say.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::OnceLock;

/// The text that is shown in place of a value.
pub const MASK: &str = "***";
/// The shortest text that is masked, in bytes. Shorter values are words such as `eu`, which would be masked in
/// every sentence, and no secret worth the name is.
pub const LEAST: usize = 8;
/// Bytes at the beginning of a longer value by which it is looked for.
const LONG: usize = 16;
/// Lines of one value that are looked for, each by itself.
const LINES: usize = 100;
/// What a comparison costs at least, in bytes.
const COMPARISON: usize = 16;
/// Bytes that are compared for each byte of a text, and for the text as a whole. A text that costs more is masked
/// from there on.
const BUDGET: (usize, usize) = (64, 4 * 1024 * 1024);

/// Values by their keys, in the clear.
#[derive(Default)]
pub struct Config {
    values: BTreeMap<String, String>,
    /// Made when a run first says something.
    masks: OnceLock<Masks>,
}

impl From<BTreeMap<String, String>> for Config {
    fn from(values: BTreeMap<String, String>) -> Self {
        Self {
            values,
            masks: OnceLock::new(),
        }
    }
}

impl Deref for Config {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &BTreeMap<String, String> {
        &self.values
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Config {
    /// A text with [`MASK`] in the place of each value that is in it. Of a value of several lines each line is
    /// masked by itself, since logs are lines; white space around a line does not count.
    pub fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.values.is_empty() || text.len() < LEAST {
            return Cow::Borrowed(text);
        }
        let masks = self.masks.get_or_init(|| Masks::of(&self.values));
        masks.apply(&self.values, text)
    }
}

/// A line of a value: its key, and where in the value it is.
type Line = (String, Range<usize>);

/// Where the lines of values are by how they begin.
#[derive(Default)]
struct Masks {
    short: HashMap<[u8; LEAST], Vec<Line>>,
    long: HashMap<[u8; LONG], Vec<Line>>,
    /// Whether any line begins with such two bytes.
    begins: Vec<u64>,
}

impl Masks {
    fn of(values: &BTreeMap<String, String>) -> Self {
        let mut masks = Self {
            begins: vec![0; (1 << 16) / 64],
            ..Self::default()
        };
        for (key, value) in values {
            for line in value.lines().take(LINES) {
                let line = line.trim();
                let bytes = line.as_bytes();
                let Some(short) = bytes.first_chunk::<LEAST>() else {
                    continue;
                };
                let from = line.as_ptr() as usize - value.as_ptr() as usize;
                let line = (key.clone(), from..from + bytes.len());
                match bytes.first_chunk::<LONG>() {
                    Some(long) => masks.long.entry(*long).or_default().push(line),
                    None => masks.short.entry(*short).or_default().push(line),
                }
                let (word, bit) = place([bytes[0], bytes[1]]);
                masks.begins[word] |= bit;
            }
        }
        masks
    }

    fn apply<'t>(&self, values: &BTreeMap<String, String>, text: &'t str) -> Cow<'t, str> {
        let bytes = text.as_bytes();
        let mut budget = bytes.len().saturating_mul(BUDGET.0) + BUDGET.1;
        let (mut masked, mut kept, mut at) = (String::new(), 0, 0);
        while let Some(short) = bytes[at..].first_chunk::<LEAST>() {
            let (word, bit) = place([short[0], short[1]]);
            if self.begins[word] & bit == 0 {
                at += 1;
                continue;
            }
            let long = bytes[at..].first_chunk::<LONG>();
            let lines = long.and_then(|long| self.long.get(long));
            let lines = lines.into_iter().chain(self.short.get(short)).flatten();
            let mut longest = 0;
            for (key, range) in lines {
                let cost = COMPARISON + range.len();
                let Some(left) = budget.checked_sub(cost) else {
                    masked.push_str(&text[kept..at]);
                    masked.push_str(MASK);
                    return Cow::Owned(masked);
                };
                budget = left;
                let line = values.get(key).and_then(|value| value.get(range.clone()));
                if line.is_some_and(|line| bytes[at..].starts_with(line.as_bytes())) {
                    longest = longest.max(range.len());
                }
            }
            if longest > 0 {
                masked.push_str(&text[kept..at]);
                masked.push_str(MASK);
                kept = at + longest;
            }
            at += longest.max(1);
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        masked.push_str(&text[kept..]);
        Cow::Owned(masked)
    }
}

/// Where the bit of two bytes is.
fn place(first: [u8; 2]) -> (usize, u64) {
    let number = u16::from_le_bytes(first);
    (usize::from(number >> 6), 1 << (number & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(values: &[(&str, &str)]) -> Config {
        let values = values.iter().copied();
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
        values.collect::<BTreeMap<_, _>>().into()
    }

    #[test]
    fn values_are_masked_wherever_they_are() {
        let config = config(&[
            ("TOKEN", "xoxb-12345"),
            ("LONGER", "xoxb-12345-and-more-of-it"),
            (
                "KEY",
                "-----BEGIN KEY-----\n  MIIEpAIBAAKCAQEA\n-----END KEY-----\n",
            ),
            ("REGION", "eu-west"),
            ("NAME", "Zoë Müller"),
        ]);
        for (text, masked) in [
            ("xoxb-12345", "***"),
            ("a xoxb-12345, b xoxb-12345", "a ***, b ***"),
            ("xoxb-12345xoxb-12345", "******"),
            ("xoxb-12345-and-more-of-it!", "***!"),
            ("xoxb-12345-and-more", "***-and-more"),
            ("key: MIIEpAIBAAKCAQEA", "key: ***"),
            ("{\"k\":\"  MIIEpAIBAAKCAQEA\\n\"}", "{\"k\":\"  ***\\n\"}"),
            ("in eu-west", "in eu-west"),
            ("xoxb-1234", "xoxb-1234"),
            ("ë Zoë Müller ë", "ë *** ë"),
            ("", ""),
        ] {
            assert_eq!(config.masked(text), masked, "{text}");
        }
        assert!(matches!(config.masked("nothing of it"), Cow::Borrowed(_)));
        assert!(!format!("{config:?}").contains("xoxb"));
        assert_eq!(Config::default().masked("xoxb-12345"), "xoxb-12345");
    }

    #[test]
    fn what_costs_too_much_is_masked_to_its_end() {
        let values: BTreeMap<_, _> = (0..1000)
            .map(|n| (format!("K{n}"), format!("{}{n}", "a".repeat(60_000))))
            .collect();
        let config = Config::from(values);
        let text = format!("begins {}", "a".repeat(60_000));
        let masked = config.masked(&text);
        assert!(
            masked.starts_with("begins ") && masked.ends_with(MASK),
            "{}",
            masked.len()
        );
        assert!(masked.len() < 1_000, "{}", masked.len());
    }
}
