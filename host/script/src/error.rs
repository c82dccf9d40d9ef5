//! What is wrong with a script, and where.

use std::fmt;

/// Characters of a source line that are shown around the column.
const WINDOW: usize = 100;

/// Why a script is refused.
///
/// Displayed as `contact-form.ts:3:14: message`, then the source line with a caret under the
/// column; without a place as `contact-form.ts: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// The file, relative to the step folder's root.
    pub file: String,
    /// Where in the file; none when the whole file is meant.
    pub place: Option<Place>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The whole source line.
    pub text: String,
}

impl std::error::Error for ScriptError {}

impl ScriptError {
    pub(crate) fn file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            place: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            place,
            message,
        } = self;
        let Some(Place { line, column, text }) = place else {
            return write!(f, "{file}: {message}");
        };
        let chars: Vec<char> = text.chars().collect();
        let at = (column - 1).min(chars.len());
        let from = at
            .saturating_sub(WINDOW / 2)
            .min(chars.len().saturating_sub(WINDOW));
        let to = (from + WINDOW).min(chars.len());
        let (before, after) = (
            if from > 0 { "…" } else { "" },
            if to < chars.len() { "…" } else { "" },
        );
        let shown: String = chars[from..to]
            .iter()
            .map(|c| {
                if c.is_control() && *c != '\t' {
                    ' '
                } else {
                    *c
                }
            })
            .collect();
        // A tab above needs a tab below, however wide a terminal draws it.
        let pad: String = chars[from..at]
            .iter()
            .map(|c| if *c == '\t' { '\t' } else { ' ' })
            .collect();
        let indent = if from > 0 { " " } else { "" };
        write!(
            f,
            "{file}:{line}:{column}: {message}\n{before}{shown}{after}\n{indent}{pad}^"
        )
    }
}

/// A file's name and text, as its author sees it (less a byte order mark).
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub name: String,
    pub text: String,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// An error at a byte offset of the text.
    pub fn error(&self, offset: usize, message: impl Into<String>) -> ScriptError {
        self.error_in(&self.text, offset, message)
    }

    /// An error at a byte offset of `text`, which has the same characters, or spaces, at the same
    /// lines and columns as the source.
    pub fn error_in(&self, text: &str, offset: usize, message: impl Into<String>) -> ScriptError {
        let offset = text.floor_char_boundary(offset.min(text.len()));
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let row = before.matches('\n').count();
        let place = Place {
            line: row + 1,
            column: text[start..offset].chars().count() + 1,
            text: self
                .text
                .split('\n')
                .nth(row)
                .unwrap_or("")
                .trim_end_matches('\r')
                .into(),
        };
        ScriptError {
            file: self.name.clone(),
            place: Some(place),
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_column() {
        let source = Source::new("a.ts", "\u{feff}let é = 1;\r\n\tlet é = 2;\r\n");
        let offset = source.text.rfind('é').unwrap();
        let error = source.error(offset, "taken");
        assert_eq!(error.to_string(), "a.ts:2:6: taken\n\tlet é = 2;\n\t    ^");
        assert_eq!(
            ScriptError::file("a.ts", "empty").to_string(),
            "a.ts: empty"
        );
        assert_eq!(source.error(9999, "end").to_string(), "a.ts:3:1: end\n\n^");
    }

    #[test]
    fn a_long_line_is_windowed() {
        let text = format!("{}!{}", "a".repeat(400), "b".repeat(400));
        let shown = Source::new("a.js", &text).error(400, "here").to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "a.js:1:401: here");
        assert_eq!(lines[1].chars().count(), 102);
        assert_eq!(
            lines[1].chars().position(|c| c == '!'),
            lines[2].chars().position(|c| c == '^')
        );
        let end = Source::new("a.js", &text).error(801, "end").to_string();
        assert!(end.contains("b\n") && !end.contains("b…"), "{end}");
    }
}
