//! Parses a JavaScript regular expression: the grammar of ECMA-262 from `Pattern` on, with that of Annex B
//! where neither `u` nor `v` is given.

use super::ranges::Ranges;
use super::{Flags, Parsed, Tree, Wrong, classes, folding, groups, wrong};
use crate::expression::{NESTING, REGEX_TEXT_BYTES};

/// Ranges of all sets in sum. Each takes so much of the automaton that more never fit into it.
const RANGES: usize = 20_000;

const BACKREFERENCE: &str = "a backreference does not exist here, for matching takes linear time; write out what may stand there";

const MIXED_BOUNDARY: &str = "with the flags `i` and `u`, `\\b` cannot stand beside a part that heeds case; give the flag `i` to the whole expression";

/// With the flags `i` and `u`, `\w` and `\b` count these as letters of a word: U+017F and the Kelvin sign,
/// each with its ASCII fold.
const FOLDED: [(u32, char); 2] = [(0x17F, 's'), (0x212A, 'k')];

/// Least and greatest number of repeats; `None` is unbounded.
type Counts = (u32, Option<u32>);

/// A parsed expression.
pub(super) struct Pattern {
    pub(super) tree: Tree,
    /// Whether there is a `\b` or `\B` for which U+017F and U+212A are letters of a word.
    pub(super) folded_boundary: bool,
}

/// Parses a whole expression. `source` has one character or one UTF-16 code unit in each element, as the flags say.
pub(super) fn parse(source: &[u32], flags: Flags) -> Parsed<Pattern> {
    let (groups, named) = groups::count(source);
    let mut parser = Parser {
        source,
        at: 0,
        flags,
        groups,
        named,
        depth: 0,
        names: Vec::new(),
        ranges: 0,
        folded_boundary: None,
        exact_case: false,
    };
    let tree = parser.choice()?;
    if parser.at < source.len() {
        return wrong(parser.at, "unmatched `)`; write `\\)` for the character");
    }
    match parser.folded_boundary {
        Some(at) if parser.exact_case => wrong(at, MIXED_BOUNDARY),
        folded => Ok(Pattern {
            tree,
            folded_boundary: folded.is_some(),
        }),
    }
}

/// The state of a parse.
pub(super) struct Parser<'p> {
    pub(super) source: &'p [u32],
    pub(super) at: usize,
    pub(super) flags: Flags,
    /// How many groups the whole expression captures.
    pub(super) groups: usize,
    /// Whether one of them has a name.
    pub(super) named: bool,
    pub(super) depth: u32,
    /// Names that a later group must not use again.
    pub(super) names: Vec<Vec<u32>>,
    ranges: usize,
    /// Offset of the last `\b` or `\B` that is read with `i` and `u`.
    folded_boundary: Option<usize>,
    /// Whether a part distinguishes a letter of [`FOLDED`] from its fold, or is a `\b` with `u` and without `i`. Such a
    /// part cannot stand beside a `folded_boundary`.
    exact_case: bool,
}

impl Parser<'_> {
    /// The character `ahead` places on if it is ASCII, else `\0`, which is never syntax.
    pub(super) fn peek(&self, ahead: usize) -> char {
        let character = self.source.get(self.at + ahead).copied();
        character
            .and_then(|c| u8::try_from(c).ok())
            .filter(u8::is_ascii)
            .map_or('\0', char::from)
    }

    /// Consumes `expected`, which is ASCII, if it comes next.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let there = expected
            .chars()
            .enumerate()
            .all(|(ahead, c)| self.source.get(self.at + ahead) == Some(&u32::from(c)));
        if there {
            self.at += expected.len();
        }
        there
    }

    /// Parses one level deeper; fails at `start` if the nesting is too deep.
    pub(super) fn enter<T>(
        &mut self,
        start: usize,
        inside: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        if self.depth == NESTING {
            return wrong(
                start,
                format!("groups and classes are nested deeper than {NESTING} levels"),
            );
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    pub(super) fn choice(&mut self) -> Parsed<Tree> {
        // Groups may share a name only if they are in different alternatives.
        let outside = self.names.len();
        let mut ways = vec![self.sequence()?];
        let mut names = self.names.split_off(outside);
        while self.take("|") {
            ways.push(self.sequence()?);
            names.extend(self.names.split_off(outside));
        }
        self.names.extend(names);
        Ok(match ways.pop() {
            Some(only) if ways.is_empty() => only,
            last => Tree::Choice(ways.into_iter().chain(last).collect()),
        })
    }

    fn sequence(&mut self) -> Parsed<Tree> {
        let mut parts = Vec::new();
        while self.at < self.source.len() && !matches!(self.peek(0), '|' | ')') {
            parts.push(self.term()?);
        }
        Ok(match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => Tree::Sequence(parts.into_iter().chain(last).collect()),
        })
    }

    fn term(&mut self) -> Parsed<Tree> {
        let start = self.at;
        let atom = match self.peek(0) {
            '^' | '$' => return Ok(self.edge()),
            '\\' if matches!(self.peek(1), 'b' | 'B') => return Ok(self.boundary()),
            '(' => self.group()?,
            '[' => {
                self.at += 1;
                let class = self.enter(start, |parser| parser.class(start))?;
                self.one(class)?
            }
            '.' => {
                self.at += 1;
                let left_out = if self.flags.dot_all {
                    Ranges::default()
                } else {
                    classes::line_ends()
                };
                self.one(self.all_but(&left_out))?
            }
            '\\' => self.escape(start)?,
            '*' | '+' | '?' => return wrong(start, self.nothing_to_repeat()),
            '{' if self.flags.unicode || self.counts()?.is_some() => {
                return wrong(start, self.nothing_to_repeat());
            }
            bracket @ (']' | '}') if self.flags.unicode => {
                return wrong(
                    start,
                    format!("unmatched `{bracket}`; write `\\{bracket}` for the character"),
                );
            }
            _ => {
                let character = self.source[self.at];
                self.at += 1;
                self.one(self.folded(Ranges::one(character)))?
            }
        };
        self.quantified(atom)
    }

    fn nothing_to_repeat(&self) -> String {
        let sign = self.peek(0);
        format!("nothing to repeat; write `\\{sign}` for the character")
    }

    fn edge(&mut self) -> Tree {
        let at = self.at;
        self.at += 1;
        match (self.source[at] == u32::from('^'), self.flags.lines) {
            (true, false) => Tree::Start,
            (false, false) => Tree::End,
            (true, true) => Tree::LineStart(at),
            (false, true) => Tree::LineEnd(at),
        }
    }

    fn boundary(&mut self) -> Tree {
        let there = self.peek(1) == 'b';
        match (self.flags.unicode, self.flags.ignore_case) {
            (true, true) => self.folded_boundary = Some(self.at),
            (true, false) => self.exact_case = true,
            _ => {}
        }
        self.at += 2;
        Tree::Boundary(there)
    }

    /// What begins with a backslash outside a class, and is no assertion.
    fn escape(&mut self, start: usize) -> Parsed<Tree> {
        let digits = (1..).map_while(|ahead| self.peek(ahead).to_digit(10));
        let number = digits.fold(0usize, |number, digit| {
            number.saturating_mul(10).saturating_add(digit as usize)
        });
        match self.peek(1) {
            '1'..='9' if number <= self.groups => wrong(start, BACKREFERENCE),
            '1'..='9' if self.flags.unicode => {
                wrong(start, "there is no group of this number to refer to")
            }
            'k' if self.flags.unicode || self.named => wrong(start, BACKREFERENCE),
            _ => {
                self.at += 1;
                let set = self.character_escape(start, false)?.into_set();
                self.one(self.folded(set))
            }
        }
    }

    fn quantified(&mut self, atom: Tree) -> Parsed<Tree> {
        let start = self.at;
        let (min, max) = match self.peek(0) {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            '{' => match self.counts()? {
                Some((counts, length)) => {
                    self.at += length - 1;
                    counts
                }
                None if self.flags.unicode => {
                    return wrong(start, "a repeat is `{n}`, `{n,}` or `{n,m}`");
                }
                None => return Ok(atom),
            },
            _ => return Ok(atom),
        };
        self.at += 1;
        // Whether the shortest match is taken makes no difference to whether there is one.
        self.take("?");
        Ok(Tree::Repeat(Box::new(atom), min, max))
    }

    /// `{n}`, `{n,}` or `{n,m}`, if that is what stands there, and its length.
    fn counts(&self) -> Parsed<Option<(Counts, usize)>> {
        let number = |from: usize| {
            let digits = (from..).map_while(|ahead| self.peek(ahead).to_digit(10));
            // Saturates: no tried text is as long.
            let value = digits.clone().fold(0u32, |value, digit| {
                value.saturating_mul(10).saturating_add(digit)
            });
            (value, digits.count())
        };
        let (min, digits) = number(1);
        let mut end = 1 + digits;
        let mut max = Some(min);
        if digits > 0 && self.peek(end) == ',' {
            let (value, digits) = number(end + 1);
            max = (digits > 0).then_some(value);
            end += 1 + digits;
        }
        if digits == 0 || self.peek(end) != '}' {
            return Ok(None);
        }
        if max.is_some_and(|max| max < min) {
            return wrong(self.at, "the numbers of a repeat are out of order");
        }
        // No tried text is longer than this, so a greater maximum is the same as none.
        let max = max.filter(|max| *max as usize <= REGEX_TEXT_BYTES[0]);
        Ok(Some(((min, max), end + 1)))
    }

    /// A set that is matched as it is.
    fn one(&mut self, set: Ranges) -> Parsed<Tree> {
        self.count(&set)?;
        let apart = |(letter, same): (u32, char)| set.contains(letter) != set.contains(same.into());
        self.exact_case |= FOLDED.into_iter().any(apart);
        Ok(Tree::One(set))
    }

    /// Adds the set's ranges to those of the whole expression. Fails above [`RANGES`].
    pub(super) fn count(&mut self, set: &Ranges) -> Parsed<()> {
        self.ranges += set.as_slice().len();
        if self.ranges > RANGES {
            return Err(Wrong::TooLarge);
        }
        Ok(())
    }

    /// The set with all letters that are the same if case is ignored, where it is.
    pub(super) fn folded(&self, set: Ranges) -> Ranges {
        if self.flags.ignore_case {
            folding::case_closure(&set, self.flags.unicode)
        } else {
            set
        }
    }

    /// All characters but these.
    pub(super) fn all_but(&self, set: &Ranges) -> Ranges {
        set.complement(if self.flags.unicode {
            0x10_FFFF
        } else {
            0xFFFF
        })
    }
}
