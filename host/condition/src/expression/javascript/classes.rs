//! Sets of characters: what `\d \s \w .` stand for, and classes in brackets, with the set operations
//! that the flag `v` brings.

use super::escapes::Atom;
use super::parse::Parser;
use super::ranges::Ranges;
use super::{Parsed, wrong};

/// What ends a line.
pub(super) fn line_ends() -> Ranges {
    of(&[('\n', '\n'), ('\r', '\r'), ('\u{2028}', '\u{2029}')])
}

pub(super) fn digits() -> Ranges {
    of(&[('0', '9')])
}

pub(super) fn word() -> Ranges {
    of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')])
}

pub(super) fn space() -> Ranges {
    of(&[
        ('\t', '\r'),
        (' ', ' '),
        ('\u{A0}', '\u{A0}'),
        ('\u{1680}', '\u{1680}'),
        ('\u{2000}', '\u{200A}'),
        ('\u{2028}', '\u{2029}'),
        ('\u{202F}', '\u{202F}'),
        ('\u{205F}', '\u{205F}'),
        ('\u{3000}', '\u{3000}'),
        ('\u{FEFF}', '\u{FEFF}'),
    ])
}

fn of(ranges: &[(char, char)]) -> Ranges {
    let ranges = ranges
        .iter()
        .map(|(from, to)| ((*from).into(), (*to).into()));
    Ranges::new(ranges.collect())
}

impl Parser<'_> {
    /// A class, whose bracket begins at `start` and is behind the parser.
    pub(super) fn class(&mut self, start: usize) -> Parsed<Ranges> {
        self.at = start + 1;
        let negated = self.take("^");
        let set = if self.flags.sets {
            self.operations(start)?
        } else {
            self.members(start)?
        };
        if !self.take("]") {
            return wrong(start, "unclosed class; write `\\[` for the character");
        }
        let set = self.folded(set);
        self.count(&set)?;
        Ok(if negated { self.all_but(&set) } else { set })
    }

    /// Characters, ranges and escapes up to the bracket.
    fn members(&mut self, start: usize) -> Parsed<Ranges> {
        let mut ranges = Vec::new();
        while self.peek(0) != ']' {
            let from = self.atom(start)?;
            if self.peek(0) != '-' || self.peek(1) == ']' {
                ranges.extend_from_slice(from.into_set().as_slice());
                continue;
            }
            let dash = self.at;
            self.at += 1;
            let to = self.atom(start)?;
            match (from, to) {
                (Atom::One(from), Atom::One(to)) if from <= to => ranges.push((from, to)),
                (Atom::One(_), Atom::One(_)) => {
                    return wrong(dash, "the ends of a range are out of order");
                }
                _ if self.flags.unicode => {
                    return wrong(
                        dash,
                        "a range goes from character to character; write `\\-` for the character",
                    );
                }
                // Annex B: no range. The script engine goes on at the dash, which may begin one.
                (from, _) => {
                    ranges.extend_from_slice(from.into_set().as_slice());
                    self.at = dash;
                }
            }
        }
        Ok(Ranges::new(ranges))
    }

    fn atom(&mut self, start: usize) -> Parsed<Atom> {
        let Some(character) = self.source.get(self.at).copied() else {
            return wrong(start, "unclosed class; write `\\[` for the character");
        };
        let at = self.at;
        self.at += 1;
        if character == u32::from('\\') {
            let atom = self.character_escape(at, true)?;
            if let Atom::Set(set) = &atom {
                self.count(set)?;
            }
            Ok(atom)
        } else {
            Ok(Atom::One(character))
        }
    }

    /// With the flag `v`: a union, an intersection or a difference.
    fn operations(&mut self, start: usize) -> Parsed<Ranges> {
        if self.peek(0) == ']' {
            return Ok(Ranges::default());
        }
        let (mut set, is_range) = self.operand(start, true)?;
        let operator = match (self.peek(0), self.peek(1), self.peek(2)) {
            ('&', '&', '&') => None,
            ('&', '&', _) => Some("&&"),
            ('-', '-', _) => Some("--"),
            _ => None,
        };
        if let Some(operator) = operator.filter(|_| !is_range) {
            while !(operator == "&&" && self.peek(2) == '&') && self.take(operator) {
                let (other, _) = self.operand(start, false)?;
                set = match operator {
                    "&&" => set.intersection(&other),
                    _ => set.intersection(&self.all_but(&other)),
                };
            }
            if self.peek(0) != ']' {
                return wrong(
                    self.at,
                    format!(
                        "after `{operator}` only more of `{operator}` can stand in a class; put the rest into brackets"
                    ),
                );
            }
            return Ok(set);
        }
        let mut ranges = set.as_slice().to_vec();
        while self.at < self.source.len() && self.peek(0) != ']' {
            ranges.extend_from_slice(self.operand(start, true)?.0.as_slice());
        }
        Ok(Ranges::new(ranges))
    }

    /// A class, an escape, a character or, in a union, a range; and whether it is a range.
    fn operand(&mut self, start: usize, ranges: bool) -> Parsed<(Ranges, bool)> {
        let at = self.at;
        if self.peek(0) == '[' {
            return Ok((self.enter(at, |parser| parser.class(at))?, false));
        }
        let from = self.set_atom(start)?;
        if !ranges || self.peek(0) != '-' || self.peek(1) == '-' {
            return Ok((self.folded(from.into_set()), false));
        }
        self.at += 1;
        let to = self.set_atom(start)?;
        match (from, to) {
            (Atom::One(from), Atom::One(to)) if from <= to => {
                Ok((self.folded(Ranges::new(vec![(from, to)])), true))
            }
            (Atom::One(_), Atom::One(_)) => wrong(at, "the ends of a range are out of order"),
            _ => wrong(
                at,
                "a range goes from character to character; write `\\-` for the character",
            ),
        }
    }

    fn set_atom(&mut self, start: usize) -> Parsed<Atom> {
        let (sign, next) = (self.peek(0), self.peek(1));
        if "()[]{}/-|".contains(sign) {
            return wrong(
                self.at,
                format!("with the flag `v`, write `\\{sign}` for `{sign}` in a class"),
            );
        }
        if sign == next && "&!#$%*+,.:;<=>?@^`~".contains(sign) {
            return wrong(
                self.at,
                format!("with the flag `v`, `{sign}{sign}` has no meaning here; write `\\{sign}`"),
            );
        }
        if sign == '\\' && next == 'q' {
            return wrong(
                self.at,
                "strings in a class do not exist here; write the alternatives as a group, as in `(?:ab|c)`",
            );
        }
        self.atom(start)
    }
}
