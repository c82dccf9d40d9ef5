//! Says a [`Tree`] to the engine.
//!
//! The engine knows a line's beginning and end by one byte, and JavaScript ends a line at four
//! characters. That an expression is found is all that is asked, so `^` at its beginning also is
//! the line end before it, and `$` at its end the one after it. Elsewhere they are refused.

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, ClassUnicode, Hir, Look, Repetition};

use super::ranges::Ranges;
use super::{Parsed, Tree, classes, folding, wrong};

/// The halves of surrogate pairs.
const HALVES: (u32, u32) = (0xD800, 0xDFFF);

/// The tree in the engine's terms, and whether a half of a surrogate pair is in one of its sets.
/// Where characters are code points, none can be: a text is well-formed.
pub(super) fn emit(tree: &Tree, unicode: bool) -> Parsed<(Hir, bool)> {
    let mut emitter = Emitter {
        unicode,
        halves: false,
    };
    let whole = Edges {
        first: true,
        last: true,
    };
    let hir = emitter.tree(tree, whole)?;
    Ok((hir, emitter.halves))
}

/// Whether nothing stands before a part of the expression, and nothing after it.
#[derive(Clone, Copy)]
struct Edges {
    first: bool,
    last: bool,
}

struct Emitter {
    unicode: bool,
    halves: bool,
}

impl Emitter {
    fn tree(&mut self, tree: &Tree, edges: Edges) -> Parsed<Hir> {
        Ok(match tree {
            Tree::One(set) => self.set(set),
            Tree::Start => Hir::look(Look::Start),
            Tree::End => Hir::look(Look::End),
            Tree::LineStart(_) if edges.first => self.edge_of_line(Look::Start),
            Tree::LineEnd(_) if edges.last => self.edge_of_line(Look::End),
            Tree::LineStart(at) => {
                return wrong(
                    *at,
                    "with the flag `m`, `^` can only be the first thing in an expression; write the line end before it, as in `[\\r\\n]`",
                );
            }
            Tree::LineEnd(at) => {
                return wrong(
                    *at,
                    "with the flag `m`, `$` can only be the last thing in an expression; write the line end after it, as in `[\\r\\n]`",
                );
            }
            Tree::Boundary(true) => Hir::look(Look::WordAscii),
            Tree::Boundary(false) => {
                // Between the halves of a pair there is no boundary either.
                self.halves |= !self.unicode;
                Hir::look(Look::WordAsciiNegate)
            }
            Tree::Sequence(parts) => {
                let last = parts.len().saturating_sub(1);
                let parts = parts.iter().enumerate().map(|(number, part)| {
                    let edges = Edges {
                        first: edges.first && number == 0,
                        last: edges.last && number == last,
                    };
                    self.tree(part, edges)
                });
                Hir::concat(parts.collect::<Parsed<_>>()?)
            }
            Tree::Choice(parts) => {
                let parts = parts.iter().map(|part| self.tree(part, edges));
                Hir::alternation(parts.collect::<Parsed<_>>()?)
            }
            Tree::Repeat(part, min, max) => {
                let once = *max == Some(1);
                let edges = Edges {
                    first: edges.first && once,
                    last: edges.last && once,
                };
                Hir::repetition(Repetition {
                    min: *min,
                    max: *max,
                    greedy: true,
                    sub: Box::new(self.tree(part, edges)?),
                })
            }
        })
    }

    fn edge_of_line(&mut self, look: Look) -> Hir {
        let line_end = self.set(&classes::line_ends());
        Hir::alternation(vec![Hir::look(look), line_end])
    }

    fn set(&mut self, set: &Ranges) -> Hir {
        if let Some(letter) = set.only().and_then(char::from_u32) {
            return Hir::literal(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        let scalars = ClassUnicode::new(folding::scalars(set));
        let halves = set.intersection(&Ranges::new(vec![HALVES]));
        let mut ways = Vec::new();
        if !scalars.ranges().is_empty() {
            ways.push(Hir::class(Class::Unicode(scalars)));
        }
        for (from, to) in halves.as_slice().iter().filter(|_| !self.unicode) {
            self.halves = true;
            halves_between(*from, *to, &mut ways);
        }
        // Of no ways, nothing matches.
        Hir::alternation(ways)
    }
}

/// The ways to write the halves from one to the other, as [`write_unit`] does: those that share
/// their second byte are one way, and so are full rows of 64 beside each other.
fn halves_between(mut from: u32, to: u32, ways: &mut Vec<Hir>) {
    while from <= to {
        let row_end = from | 0x3F;
        let (until, rows) = if from & 0x3F == 0 && row_end <= to {
            let until = if to & 0x3F == 0x3F {
                to
            } else {
                (to & !0x3F) - 1
            };
            (until, (from >> 6, until >> 6))
        } else {
            (row_end.min(to), (from >> 6, from >> 6))
        };
        ways.push(Hir::concat(vec![
            Hir::literal([0xED]),
            bytes(rows.0, rows.1),
            bytes(from, until),
        ]));
        from = until + 1;
    }
}

/// The continuation bytes with the lowest six bits of these.
fn bytes(from: u32, to: u32) -> Hir {
    let [from, to] = [from, to].map(|bits| 0x80 | (bits & 0x3F) as u8);
    Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(
        from, to,
    )])))
}

/// Writes a UTF-16 code unit: as UTF-8, and half a surrogate pair in the three bytes that UTF-8
/// would have for its number (CESU-8).
pub(in crate::expression) fn write_unit(unit: u16, out: &mut Vec<u8>) {
    match char::from_u32(unit.into()) {
        Some(letter) => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            let low = |shift: u32| 0x80 | ((unit >> shift) & 0x3F) as u8;
            out.extend_from_slice(&[0xED, low(6), low(0)]);
        }
    }
}
