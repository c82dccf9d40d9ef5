//! Compiles `$regex` within bounds, and says where one is wrong. There are two dialects: text with
//! MongoDB's `$options` ([`mongodb`]), and a script's literal with JavaScript's `$flags`
//! ([`javascript`]). Both become the same linear-time automaton.

mod javascript;
mod mongodb;

use std::borrow::Cow;

use regex_automata::meta;
use regex_syntax::hir::Hir;

use crate::node::Expression;

/// The longest expression, in bytes of UTF-8.
pub const REGEX_BYTES: usize = 8 * 1024;

/// The longest strings, in bytes, that an expression is tried on, by its compiled size; a longer
/// string does not match. The worst expression takes time in proportion to both: one of 1 MiB on
/// 64 KiB held a thread for 19 s.
pub const REGEX_TEXT_BYTES: [usize; 3] = [64 << 10, 16 << 10, 4 << 10];

/// Compiled sizes in bytes that are tried in turn, each with what eight bytes of text cost in units
/// of the matching budget: so much that a few worst cases spend it. `^\p{L}+@\p{L}+\.[\w.]+$` takes
/// 128 KiB, most others less than 16.
const SIZES: [(usize, u64); 3] = [(16 << 10, 64), (128 << 10, 512), (1 << 20, 2048)];
/// Bytes that an expression's matcher may use as a cache, per thread that uses it.
const CACHE_BYTES: usize = 256 << 10;
/// Parentheses, classes and repeats that may be nested.
const NESTING: u32 = 50;

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
    /// letters of words, and no expression can tell them from `s` and `k`.
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
        self.regex.is_match(&*self.reading.of(text))
    }
}

/// Compiles an expression.
pub(crate) fn compile(source: &str, dialect: Dialect<'_>) -> Result<Expression, Fault> {
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
    for ((size, weight), longest) in SIZES.into_iter().zip(REGEX_TEXT_BYTES) {
        let config = meta::Config::new()
            .nfa_size_limit(Some(size))
            .hybrid_cache_capacity(CACHE_BYTES)
            .utf8_empty(true);
        match meta::Builder::new().configure(config).build_from_hir(hir) {
            Ok(regex) => {
                return Ok(Expression {
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
