//! `$regex` as text with `$options`. The syntax is that of the `regex` crate, and as in MongoDB
//! `\d \w \s \b` know ASCII only.

use regex_syntax::ast::{self, Ast, ClassPerlKind, Span};
use regex_syntax::hir::Hir;

use super::{Fault, NESTING, fault_at};

/// The expression as the automaton's builder takes it.
pub(super) fn translate(source: &str, options: &str) -> Result<Hir, Fault> {
    let mut syntax = regex_syntax::ParserBuilder::new();
    let mut tree = ast::parse::ParserBuilder::new();
    syntax.nest_limit(NESTING);
    tree.nest_limit(NESTING);
    for option in options.chars() {
        match option {
            'i' => drop(syntax.case_insensitive(true)),
            'm' => drop(syntax.multi_line(true)),
            's' => drop(syntax.dot_matches_new_line(true)),
            'x' => {
                syntax.ignore_whitespace(true);
                tree.ignore_whitespace(true);
            }
            other => {
                return Err(Fault::Letters(format!(
                    "`{}` is not an option; the options are `i` (ignore case), `m` (`^` and `$` at each line), `s` (`.` matches a newline) and `x` (ignore white space)",
                    other.escape_debug()
                )));
            }
        }
    }
    let refuse = |error: &regex_syntax::Error| fault(source, error);
    let tree = tree
        .build()
        .parse(source)
        .map_err(|error| refuse(&error.into()))?;
    // With the author's own text first, so that a fault is shown where it was written.
    syntax
        .build()
        .parse(source)
        .map_err(|error| refuse(&error))?;
    syntax
        .nest_limit(NESTING + 2)
        .build()
        .parse(&in_ascii(source, &tree))
        .map_err(|error| refuse(&error))
}

/// The expression with each escape that stands for more than ASCII written out.
fn in_ascii(source: &str, tree: &Ast) -> String {
    let found = match ast::visit(tree, Escapes::default()) {
        Ok(found) => found,
        Err(never) => match never {},
    };
    let mut text = String::with_capacity(source.len() + found.len() * 16);
    let mut from = 0;
    for (span, replacement) in found {
        text.push_str(&source[from..span.start.offset]);
        text.push_str(&replacement);
        from = span.end.offset;
    }
    text.push_str(&source[from..]);
    text
}

/// Collects such escapes in the order in which they stand.
#[derive(Default)]
struct Escapes {
    found: Vec<(Span, String)>,
}

impl ast::Visitor for Escapes {
    type Output = Vec<(Span, String)>;
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<Self::Output, Self::Err> {
        Ok(self.found)
    }

    fn visit_pre(&mut self, tree: &Ast) -> Result<(), Self::Err> {
        match tree {
            // Ignoring case must not bring U+017F for `s` and U+212A for `k` with it.
            Ast::ClassPerl(class) => {
                let text = format!("(?-i:{})", written_out(class));
                self.found.push((class.span, text));
            }
            Ast::Assertion(assertion) => {
                let text = match assertion.kind {
                    ast::AssertionKind::WordBoundary => r"(?-u:\b)",
                    ast::AssertionKind::NotWordBoundary => r"(?-u:\B)",
                    _ => return Ok(()),
                };
                self.found.push((assertion.span, text.to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        if let ast::ClassSetItem::Perl(class) = item {
            self.found.push((class.span, written_out(class)));
        }
        Ok(())
    }
}

fn written_out(class: &ast::ClassPerl) -> String {
    let members = match class.kind {
        ClassPerlKind::Digit => "0-9",
        ClassPerlKind::Space => r"\t-\r\x20",
        ClassPerlKind::Word => "0-9A-Za-z_",
    };
    format!("[{}{members}]", if class.negated { "^" } else { "" })
}

fn fault(source: &str, error: &regex_syntax::Error) -> Fault {
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
        other => return Fault::Expression(format!("bad regular expression: {other}")),
    };
    let before = source.get(..offset).unwrap_or(source);
    fault_at(before.chars().count(), &what)
}
