//! Compiles `$regex` with `$options`, within bounds, and says where one is wrong.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast;

use crate::node::Expression;

/// The longest expression, in bytes of UTF-8.
pub const REGEX_BYTES: usize = 8 * 1024;

/// The longest strings, in bytes, that an expression is tried on, by its compiled size; a longer
/// string does not match. The worst expression takes time in proportion to both: one of 1 MiB on
/// 64 KiB held a thread for 19 s.
pub const REGEX_TEXT_BYTES: [usize; 3] = [64 << 10, 16 << 10, 4 << 10];

/// Compiled sizes in bytes that are tried in turn, each with what eight bytes of text cost in units
/// of the matching budget: so much that a few worst cases spend it. `^[\w.+-]+@[\w-]+\.[\w.]+$` takes
/// 256 KiB, most others less than 16.
const SIZES: [(usize, u64); 3] = [(16 << 10, 64), (128 << 10, 512), (1 << 20, 2048)];
/// Bytes that an expression's matcher may use as a cache, per thread that uses it.
const CACHE_BYTES: usize = 256 << 10;
/// Parentheses and repeats that may be nested.
const NESTING: u32 = 50;

/// Which part of `{"$regex", "$options"}` is wrong, and what would be right.
pub(crate) enum Fault {
    Expression(String),
    Options(String),
}

/// Compiles. `options` are MongoDB's letters `i m s x`.
pub(crate) fn compile(expression: &str, options: &str) -> Result<Expression, Fault> {
    let [mut insensitive, mut lines, mut dot_all, mut extended] = [false; 4];
    for option in options.chars() {
        match option {
            'i' => insensitive = true,
            'm' => lines = true,
            's' => dot_all = true,
            'x' => extended = true,
            other => {
                return Err(Fault::Options(format!(
                    "`{}` is not an option; the options are `i` (ignore case), `m` (`^` and `$` at each line), `s` (`.` matches a newline) and `x` (ignore white space)",
                    other.escape_debug()
                )));
            }
        }
    }
    if expression.len() > REGEX_BYTES {
        return Err(Fault::Expression(format!(
            "the regular expression has {} bytes; at most {REGEX_BYTES} are allowed",
            expression.len()
        )));
    }
    let syntax = regex_syntax::ParserBuilder::new()
        .case_insensitive(insensitive)
        .multi_line(lines)
        .dot_matches_new_line(dot_all)
        .ignore_whitespace(extended)
        .nest_limit(NESTING)
        .build()
        .parse(expression);
    if let Err(error) = syntax {
        return Err(Fault::Expression(syntax_message(expression, &error)));
    }
    let build = |size| -> Result<Regex, regex::Error> {
        RegexBuilder::new(expression)
            .case_insensitive(insensitive)
            .multi_line(lines)
            .dot_matches_new_line(dot_all)
            .ignore_whitespace(extended)
            .nest_limit(NESTING)
            .size_limit(size)
            .dfa_size_limit(CACHE_BYTES)
            .build()
    };
    for ((size, weight), longest) in SIZES.into_iter().zip(REGEX_TEXT_BYTES) {
        match build(size) {
            Ok(regex) => {
                return Ok(Expression {
                    regex,
                    weight,
                    longest,
                });
            }
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(other) => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                return Err(Fault::Expression(format!("bad regular expression: {last}")));
            }
        }
    }
    Err(Fault::Expression(
        "the regular expression is too large when compiled; use smaller repeats, or `[A-Za-z0-9_]` and `[0-9]` for `\\w` and `\\d`, which stand for all of Unicode".to_owned(),
    ))
}

fn syntax_message(expression: &str, error: &regex_syntax::Error) -> String {
    let (what, offset) = match error {
        regex_syntax::Error::Parse(error) => {
            let what = match error.kind() {
                ast::ErrorKind::UnsupportedLookAround
                | ast::ErrorKind::UnsupportedBackreference => {
                    format!(
                        "{}; matching takes linear time, so neither look-around nor backreferences exist",
                        error.kind()
                    )
                }
                kind => kind.to_string(),
            };
            (what, error.span().start.offset)
        }
        regex_syntax::Error::Translate(error) => {
            (error.kind().to_string(), error.span().start.offset)
        }
        other => return format!("bad regular expression: {other}"),
    };
    let before = expression.get(..offset).unwrap_or(expression);
    format!(
        "bad regular expression at character {}: {what}",
        before.chars().count() + 1
    )
}
