//! Text that fits a terminal's width.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::column::Column;

/// The gap between two columns of a table.
const GAP: usize = 2;
/// Columns of the terminal below which the last column of a table is not shortened any more.
const LAST: usize = 12;

/// A line of at most `width` columns. The colours that this program writes take none, and the last of
/// them is ended. A cut is marked by `…`.
pub(super) fn line(text: &str, width: usize) -> Cow<'_, str> {
    let mut used = 0;
    let mut end = None;
    let mut painted = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\u{1b}' {
            painted = true;
            // Only `printable` text and our own `ESC [ … m` come here.
            for (_, c) in chars.by_ref() {
                if c == 'm' {
                    break;
                }
            }
            continue;
        }
        let columns = c.width().unwrap_or(0);
        if used + columns > width.saturating_sub(1) && end.is_none() {
            end = Some(at);
        }
        used += columns;
        if used > width {
            let kept = &text[..end.unwrap_or(at)];
            let reset = if painted { "\u{1b}[0m" } else { "" };
            return Cow::Owned(format!("{kept}…{reset}"));
        }
    }
    Cow::Borrowed(text)
}

/// A table that fits `width`: its last column is shortened, then those before it are left out, from
/// the right. The first column, by which a row is named, is never touched.
pub(super) fn table(
    columns: &[Column],
    mut rows: Vec<Vec<String>>,
    width: usize,
) -> (Vec<Column>, Vec<Vec<String>>) {
    let mut columns = columns.to_vec();
    loop {
        let widths: Vec<usize> = (0..columns.len())
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                let cells = cells.map(|cell| cell.width());
                cells.max().unwrap_or(0).max(columns[column].title.width())
            })
            .collect();
        let whole = widths.iter().sum::<usize>() + GAP * (widths.len().saturating_sub(1));
        let Some(last) = widths.last().filter(|_| whole > width && widths.len() > 1) else {
            return (columns, rows);
        };
        let room = last.saturating_sub(whole - width);
        let least = LAST.max(columns[widths.len() - 1].title.width());
        if room >= least || widths.len() == 2 {
            for cell in rows.iter_mut().filter_map(|row| row.last_mut()) {
                *cell = line(cell, room.max(least)).into_owned();
            }
            return (columns, rows);
        }
        let out = columns.len() - 2;
        columns.remove(out);
        for row in &mut rows {
            row.remove(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{figures, words};
    use super::*;

    #[test]
    fn a_line_is_cut_by_columns_and_not_by_bytes() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
        // Two columns each.
        assert_eq!(line("日本語日本", 6), "日本…");
        assert_eq!(line("日本語", 6), "日本語");
        assert_eq!(line("é\u{301}aa", 3), "é\u{301}aa");
        assert_eq!(line("", 0), "");
    }

    #[test]
    fn colours_take_no_columns_and_end_where_the_line_is_cut() {
        let painted = "\u{1b}[31mred\u{1b}[0m and more";
        assert_eq!(line(painted, 12), painted);
        assert_eq!(line(painted, 7), "\u{1b}[31mred\u{1b}[0m an…\u{1b}[0m");
        assert_eq!(line(painted, 3), "\u{1b}[31mre…\u{1b}[0m");
    }

    #[test]
    fn a_table_gives_up_text_first_and_then_columns() {
        let columns = [
            words("ID"),
            words("STATE"),
            words("CREATED"),
            figures("RUNS"),
            words("NAME"),
        ];
        let row = [
            "x".repeat(36),
            "error".into(),
            "y".repeat(24),
            "1".into(),
            "n".repeat(60),
        ];
        let rows = || vec![row.to_vec(); 2];
        for (width, shown) in [(200, 5), (100, 5), (80, 3), (60, 3), (50, 2), (20, 2)] {
            let (columns, rows) = table(&columns, rows(), width);
            assert_eq!(columns.len(), shown, "{width}");
            assert_eq!(rows[0].len(), shown);
            assert_eq!(rows[0][0].len(), 36, "a row's name stays whole");
            let total: usize =
                rows[0].iter().map(|cell| cell.width()).sum::<usize>() + GAP * (shown - 1);
            assert!(total <= width.max(36 + GAP + LAST), "{width}: {rows:?}");
        }
    }
}
