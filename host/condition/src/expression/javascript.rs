//! A script's regular expression: JavaScript's syntax and flags (ECMA-262, with its Annex B), said
//! to the linear-time engine. Whether such an expression is found in a text has the script
//! engine's answer, or it is refused: there is no third way.
//!
//! The [parser](parse) makes a [`Tree`] of plain sets of characters, so all that flags and escapes
//! mean is settled there; [`emit`] says the tree to the engine. A character is a code point with
//! the flags `u` and `v`, and a UTF-16 code unit without them.

mod classes;
mod emit;
mod escapes;
mod folding;
mod groups;
mod parse;
mod ranges;

use regex_syntax::hir::Hir;

pub(super) use emit::write_unit;
use ranges::Ranges;

use super::{Fault, Reading, fault_at};

/// What an expression matches.
enum Tree {
    /// One character of the set.
    One(Ranges),
    /// The beginning of the text.
    Start,
    /// The end of the text.
    End,
    /// The beginning of a line, and at which character of the expression it is said.
    LineStart(usize),
    /// The end of a line.
    LineEnd(usize),
    /// A boundary of a word, or its opposite.
    Boundary(bool),
    /// One after the other.
    Sequence(Vec<Tree>),
    /// Any of them.
    Choice(Vec<Tree>),
    /// So often at least and at most.
    Repeat(Box<Tree>, u32, Option<u32>),
}

/// What flags say of the place in the expression that is being read.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    /// `i`
    ignore_case: bool,
    /// `m`
    lines: bool,
    /// `s`
    dot_all: bool,
    /// `u` or `v`
    unicode: bool,
    /// `v`
    sets: bool,
}

/// Why an expression is not taken.
enum Wrong {
    /// Something is wrong at a character, counted from 0 in elements of the source.
    At { at: usize, what: String },
    /// Its sets have too many ranges in sum, which is no fault of one place.
    TooLarge,
}

type Parsed<T> = Result<T, Wrong>;

fn wrong<T>(at: usize, what: impl Into<String>) -> Parsed<T> {
    Err(Wrong::At {
        at,
        what: what.into(),
    })
}

/// The expression as the automaton's builder takes it, and what the automaton must read.
pub(super) fn translate(source: &str, letters: &str) -> Result<(Hir, Reading), Fault> {
    let flags = flags(letters).map_err(Fault::Letters)?;
    let characters: Vec<u32> = if flags.unicode {
        source.chars().map(u32::from).collect()
    } else {
        source.encode_utf16().map(u32::from).collect()
    };
    let translated = parse::parse(&characters, flags).and_then(|parsed| {
        let (hir, units) = emit::emit(&parsed.tree, flags.unicode)?;
        let reading = match (flags.unicode, units) {
            (false, true) => Reading::Units,
            (true, _) if parsed.folded_boundary => Reading::Words,
            _ => Reading::Text,
        };
        Ok((hir, reading))
    });
    translated.map_err(|wrong| {
        let Wrong::At { at, what } = wrong else {
            return super::too_large();
        };
        let before = &characters[..at.min(characters.len())];
        // Both halves of a pair are one character to who reads the message.
        let halves = before
            .iter()
            .filter(|unit| (0xDC00..0xE000).contains(*unit));
        fault_at(before.len() - halves.count(), &what)
    })
}

fn flags(letters: &str) -> Result<Flags, String> {
    let mut flags = Flags::default();
    for (place, letter) in letters.char_indices() {
        match letter {
            _ if letters[..place].contains(letter) => {
                return Err(format!("the flag `{letter}` is there twice"));
            }
            // Where to go on after a match, and where its groups were found: neither is asked here.
            'g' | 'd' => {}
            'i' => flags.ignore_case = true,
            'm' => flags.lines = true,
            's' => flags.dot_all = true,
            'u' => flags.unicode = true,
            'v' => (flags.unicode, flags.sets) = (true, true),
            'y' => {
                return Err(
                    "the flag `y` has no meaning here; begin the expression with ^".to_owned(),
                );
            }
            other => {
                return Err(format!(
                    "`{}` is not a flag; the flags are JavaScript's `d g i m s u v`",
                    other.escape_debug()
                ));
            }
        }
    }
    if letters.contains('u') && letters.contains('v') {
        return Err("the flags `u` and `v` exclude each other; `v` is the newer one".to_owned());
    }
    Ok(flags)
}

#[cfg(test)]
mod tests;
