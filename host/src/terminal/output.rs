//! The output of commands: results to stdout, everything else to stderr.
//!
//! Data, logs and names come from strangers, so nothing of theirs reaches a terminal with a control
//! character in it. Colour is for a terminal only and respects `NO_COLOR` (no-color.org).

mod column;
mod fit;

pub use column::Column;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::Value;

/// The colours of the words that mean something.
#[derive(Debug, Clone, Copy)]
pub enum Tone {
    /// Well done; an addition.
    Good,
    /// Wrong; a removal.
    Bad,
    /// Worth a look.
    Warn,
    /// Of less weight: times, figures.
    Faint,
    /// What the eye should find first.
    Strong,
}

/// Where a command's results go and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// One JSON document instead of text for people.
    pub json: bool,
    /// Whether stdout takes colour.
    colour: bool,
    /// Columns that a line may have; `None` for a pipe or a file, which get all of it.
    width: Option<usize>,
}

impl Output {
    /// For this process's stdout.
    pub fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            json,
            colour: wanted && !json && io::stdout().is_terminal(),
            width: terminal_width(),
        }
    }

    /// Without colour, for tests.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self {
            json: false,
            colour: false,
            width: None,
        }
    }

    /// The same for a terminal of `columns`.
    #[cfg(test)]
    pub fn of_width(self, columns: usize) -> Self {
        Self {
            width: Some(columns),
            ..self
        }
    }

    /// The same without a bound on a line's width.
    pub fn whole(self) -> Self {
        Self {
            width: None,
            ..self
        }
    }

    /// Whether lines are shortened to a terminal's width.
    pub fn is_bounded(&self) -> bool {
        self.width.is_some()
    }

    /// A line, painted or not, shortened to the terminal's width.
    pub fn fit<'t>(&self, line: &'t str) -> Cow<'t, str> {
        match self.width {
            Some(width) => fit::line(line, width),
            None => Cow::Borrowed(line),
        }
    }

    /// A text that others follow in its line, shortened so that `beside` columns are left to them.
    pub fn fit_beside<'t>(&self, text: &'t str, beside: usize) -> Cow<'t, str> {
        match self.width {
            Some(width) => fit::line(text, width.saturating_sub(beside).max(LEAST)),
            None => Cow::Borrowed(text),
        }
    }

    /// `text` in the colour of `tone`, if there is colour at all.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = match tone {
            Tone::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
            Tone::Bad => Style::new().fg_color(Some(AnsiColor::Red.into())),
            Tone::Warn => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            Tone::Faint => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
        };
        format!("{style}{text}{style:#}")
    }

    /// Writes a result for people, line by line.
    pub fn line(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Writes a result for programs: one JSON document, indented, with a line feed.
    pub fn document(&self, value: &Value) -> io::Result<()> {
        self.line(&json_pretty(value))
    }

    /// The same of a type.
    pub fn report(&self, report: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.document(&serde_json::to_value(report)?)?)
    }

    /// Writes a table, or `empty` to stderr if there are no rows.
    pub fn table(&self, columns: &[Column], rows: Vec<Vec<String>>, empty: &str) -> io::Result<()> {
        if rows.is_empty() {
            self.note(empty);
            return Ok(());
        }
        let rows = rows
            .into_iter()
            .map(|row| {
                row.iter()
                    .map(|cell| printable(cell).into_owned())
                    .collect()
            })
            .collect();
        let (columns, rows) = match self.width {
            Some(width) => fit::table(columns, rows, width),
            None => (columns.to_vec(), rows),
        };
        self.line(&render_table(&columns, rows))
    }

    /// Says that a command without a result is done: a note for people, `{"done": true}` for
    /// programs, which get one document from every command.
    pub fn done(&self, text: &str) -> anyhow::Result<()> {
        if self.json {
            self.document(&serde_json::json!({"done": true}))?;
        } else {
            self.note(text);
        }
        Ok(())
    }

    /// Says something beside the result, on stderr; nothing to programs, for which stderr has
    /// nothing but an error. A closed stderr is no reason to fail.
    pub fn note(&self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }
}

/// Columns that a text which others follow keeps on the narrowest terminal.
const LEAST: usize = 16;

/// The columns of the terminal that stdout is, if it is one that knows.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// A column of words.
pub const fn words(title: &'static str) -> Column {
    Column {
        title,
        right: false,
    }
}

/// A column of figures, set to the right.
pub const fn figures(title: &'static str) -> Column {
    Column { title, right: true }
}

fn render_table(columns: &[Column], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|column| column.title));
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in columns.iter().enumerate() {
        if let Some(shown) = table.column_mut(index) {
            shown.set_padding((0, 2));
            if column.right {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// `value` as compact JSON that is safe to print.
pub fn json_line(value: &Value) -> String {
    printable(&value.to_string()).into_owned()
}

/// `value` as indented JSON that is safe to print. Escapes are inside strings, so the
/// document means the same.
pub fn json_pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// `text` with what a terminal would act upon written as JSON escapes: control characters, those that
/// turn the direction of writing, and those that are not seen.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_acting) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_acting(c) => {
                // Beyond the basic plane JSON writes two surrogates.
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(safe, "\\u{unit:04x}");
                }
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Control characters, line separators, annotations, and all of Unicode's property Default_Ignorable_Code_Point
/// (DerivedCoreProperties.txt), among which are the tags: people do not see them, and programs read them.
fn is_acting(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// At most `most` characters of `text`, the last one `…` if some were left out.
pub fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most.saturating_sub(1)) {
        Some((end, _)) if text[end..].chars().nth(1).is_some() => {
            Cow::Owned(format!("{}…", &text[..end]))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_a_terminal_would_act_upon_gets_through() {
        for (text, safe) in [
            ("plain — ünïcode 🦀", "plain — ünïcode 🦀"),
            ("\u{1b}[2Jgone", "\\u001b[2Jgone"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m", "\\u009b31m"),
            ("\u{202e}exe.txt", "\\u202eexe.txt"),
            ("a\u{ad}b\u{180e}c", "a\\u00adb\\u180ec"),
            ("\u{fff9}x\u{3164}\u{ffa0}", "\\ufff9x\\u3164\\uffa0"),
            ("a\u{e0041}\u{e007f}", "a\\udb40\\udc41\\udb40\\udc7f"),
            ("e\u{301} 한 ﷺ", "e\u{301} 한 ﷺ"),
        ] {
            assert_eq!(printable(text), safe);
        }
    }

    #[test]
    fn a_printed_document_means_what_it_meant() {
        let value =
            json!({"a": "\u{9b}\u{202e}\u{1b}[0m\n\u{e0041}x", "b": [1, {"c": null}], "\u{7f}": 1});
        for text in [json_pretty(&value), json_line(&value)] {
            assert!(!text.replace('\n', "").contains(is_acting), "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn a_table_is_plain_columns() {
        let text = render_table(
            &[words("NAME"), figures("SIZE"), words("WHEN")],
            vec![
                vec!["a".into(), "1,000".into(), "x".into()],
                vec!["longer".into(), "7".into(), String::new()],
            ],
        );
        assert_eq!(text, "NAME     SIZE  WHEN\na       1,000  x\nlonger      7");
    }

    #[test]
    fn shortened_texts_show_it() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdefg", 6), "abcde…");
        assert_eq!(shorten("ääää", 3), "ää…");
        assert_eq!(shorten("", 3), "");
    }
}
