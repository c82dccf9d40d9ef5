//! Text that is replaced in place: every character stays at its line and column.

use std::collections::BTreeMap;
use std::ops::Range;

use oxc_span::Span;

/// What ends a line of JavaScript.
pub const LINE_ENDS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

/// Spans to overwrite with spaces, and single characters to put.
#[derive(Debug, Default)]
pub struct Blanks {
    spans: Vec<Range<usize>>,
    put: BTreeMap<usize, char>,
}

impl Blanks {
    /// Overwrites a span.
    pub fn blank(&mut self, start: usize, end: usize) {
        if start < end {
            self.spans.push(start..end);
        }
    }

    /// Overwrites a span.
    pub fn span(&mut self, span: Span) {
        self.blank(span.start as usize, span.end as usize);
    }

    /// Overwrites the character at an offset with another.
    pub fn put(&mut self, at: usize, char: char) {
        self.put.insert(at, char);
    }

    /// The text, with line ends kept.
    pub fn apply(mut self, text: &str) -> String {
        self.spans.sort_by_key(|span| span.start);
        let mut spans = self.spans.into_iter().peekable();
        let mut blank_to = 0;
        let mut result = String::with_capacity(text.len());
        for (at, char) in text.char_indices() {
            while let Some(span) = spans.next_if(|span| span.start <= at) {
                blank_to = blank_to.max(span.end);
            }
            result.push(match self.put.get(&at) {
                Some(put) => *put,
                None if at < blank_to && !LINE_ENDS.contains(&char) => ' ',
                None => char,
            });
        }
        result
    }
}

/// The offset of the first character at or after `at` that is neither space nor comment.
pub fn token_at(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let space = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
                .len();
        at += space;
        let rest = &text[at..];
        at += if rest.starts_with("//") {
            rest.find(LINE_ENDS).unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else {
            return at;
        };
    }
}

/// The word that begins at an offset, perhaps none.
pub fn word_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest
        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
        .unwrap_or(rest.len())]
}
