//! Compiles `$regex` within bounds, and says where one is wrong. There are two dialects: text with
//! MongoDB's `$options` ([`mongodb`]), and a script's literal with JavaScript's `$flags`
//! ([`javascript`]). Both become the same linear-time automaton.

mod caches;
mod javascript;
mod known;
mod mongodb;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regex_automata::{Input, meta};
use regex_syntax::hir::Hir;

use crate::node::Expression;

/// The longest expression, in bytes of UTF-8.
pub const REGEX_BYTES: usize = 8 * 1024;

/// The longest strings, in bytes, that an expression is tried on, by its compiled size; a longer
/// string does not match. The worst expression takes time in proportion to both: one of 1 MiB on
/// 64 KiB held a thread for 19 s.
pub const REGEX_TEXT_BYTES: [usize; 3] = [64 << 10, 16 << 10, 4 << 10];

/// Compiled sizes in bytes that are tried in turn. `^\p{L}+@\p{L}+\.[\w.]+$` takes 128 KiB, most others less
/// than 4.
const SIZES: [Size; 4] = [
    Size::of(4 << 10, 8, REGEX_TEXT_BYTES[0]),
    Size::of(16 << 10, 64, REGEX_TEXT_BYTES[0]),
    Size::of(128 << 10, 512, REGEX_TEXT_BYTES[1]),
    Size::of(1 << 20, 2048, REGEX_TEXT_BYTES[2]),
];
/// Bytes that an expression's matcher may use as a cache, per thread that uses it.
const CACHE_BYTES: usize = 256 << 10;
/// How many have been compiled.
static NUMBER: AtomicU64 = AtomicU64::new(0);
/// Parentheses, classes and repeats that may be nested.
const NESTING: u32 = 50;

/// The bounds of expressions of a size.
struct Size {
    /// Bytes of the automaton.
    bytes: usize,
    /// What eight bytes of text cost in units of the matching budget: so much that a few worst cases
    /// spend it.
    weight: u64,
    /// The longest text, in bytes.
    longest: usize,
}

impl Size {
    const fn of(bytes: usize, weight: u64, longest: usize) -> Self {
        Self {
            bytes,
            weight,
            longest,
        }
    }
}

/// How an expression is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect<'p> {
    /// With MongoDB's letters `i m s x`.
    Options(&'p str),
    /// With JavaScript's letters `d g i m s u v`.
    Flags(&'p str),
}

/// Which part of the operator is wrong, and what would be right.
#[derive(Debug)]
pub(crate) enum Fault {
    Expression(String),
    /// The `$options` or `$flags`.
    Letters(String),
}

/// What the automaton reads in the place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The text as it is.
    Text,
    /// The text as UTF-16 code units: each half of a surrogate pair is a character of its own.
    Units,
    /// The text with `s` for U+017F and `k` for U+212A. With JavaScript's flags `i` and `u` these are
    /// letters of words, and no expression can distinguish them from `s` and `k`.
    Words,
}

impl Reading {
    fn of(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Units if text.bytes().any(|byte| byte >= 0xF0) => {
                let mut bytes = Vec::with_capacity(text.len() * 3 / 2);
                for unit in text.encode_utf16() {
                    javascript::write_unit(unit, &mut bytes);
                }
                Cow::Owned(bytes)
            }
            Self::Words if text.contains(['\u{17F}', '\u{212A}']) => {
                let plain = text.replace('\u{17F}', "s").replace('\u{212A}', "k");
                Cow::Owned(plain.into_bytes())
            }
            _ => Cow::Borrowed(text.as_bytes()),
        }
    }
}

impl Expression {
    /// Whether it is found in the text. The caller has compared the text's length with `longest`.
    pub(crate) fn is_found_in(&self, text: &str) -> bool {
        let text = self.reading.of(text);
        // Whether it is there is all that is asked.
        let input = Input::new(&*text).earliest(true);
        caches::with(self.number, &self.regex, |cache| {
            self.regex.search_half_with(cache, &input).is_some()
        })
    }

    /// Bytes that it takes in memory, without what a search takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.regex.memory_usage() + self.source.len()
    }
}

/// Compiles an expression, or finds it compiled.
pub(crate) fn compile(source: &str, dialect: Dialect<'_>) -> Result<Arc<Expression>, Fault> {
    known::find_or(source, dialect, || compiled(source, dialect))
}

fn compiled(source: &str, dialect: Dialect<'_>) -> Result<Expression, Fault> {
    if source.len() > REGEX_BYTES {
        return Err(Fault::Expression(format!(
            "the regular expression has {} bytes; at most {REGEX_BYTES} are allowed",
            source.len()
        )));
    }
    match dialect {
        Dialect::Options(options) => {
            let hir = mongodb::translate(source, options)?;
            build(&hir, Reading::Text, source, Err(options.into()))
        }
        Dialect::Flags(flags) => {
            let (hir, reading) = javascript::translate(source, flags)?;
            build(&hir, reading, source, Ok(flags.into()))
        }
    }
}

fn build(
    hir: &Hir,
    reading: Reading,
    source: &str,
    letters: Result<Box<str>, Box<str>>,
) -> Result<Expression, Fault> {
    for Size {
        bytes,
        weight,
        longest,
    } in SIZES
    {
        let config = meta::Config::new()
            .nfa_size_limit(Some(bytes))
            .hybrid_cache_capacity(CACHE_BYTES)
            .utf8_empty(true);
        match meta::Builder::new().configure(config).build_from_hir(hir) {
            Ok(regex) => {
                return Ok(Expression {
                    number: NUMBER.fetch_add(1, Ordering::Relaxed),
                    regex,
                    reading,
                    source: source.into(),
                    letters,
                    weight,
                    longest,
                });
            }
            Err(error) if error.size_limit().is_some() => {}
            Err(error) => {
                return Err(Fault::Expression(format!(
                    "bad regular expression: {error}"
                )));
            }
        }
    }
    Err(too_large())
}

fn too_large() -> Fault {
    Fault::Expression(
        "the regular expression is too large when compiled; use smaller repeats, or classes such as `[A-Za-z]` for `\\p{…}`, which stands for all of Unicode".to_owned(),
    )
}

/// A fault at a character of the expression, counted from 0.
fn fault_at(character: usize, what: &str) -> Fault {
    Fault::Expression(format!(
        "bad regular expression at character {}: {what}",
        character + 1
    ))
}
