//! Writes a node as the pattern that it was parsed from, and a value as JSON, up to a bound: the
//! rest of a large one is not even looked at.

use std::fmt::{self, Write};
use std::io;

use serde_json::Value;

use super::SHOWN_CHARS;
use crate::items::Item;
use crate::node::{Comparison, Constant, Expression, Kinds, Node};

/// A node.
pub(super) fn node(node: &Node) -> String {
    shown(|out| write_node(out, node))
}

/// An array pattern with this element.
pub(super) fn element(node: &Node) -> String {
    shown(|out| {
        out.write_char('[')?;
        write_node(out, node)?;
        out.write_char(']')
    })
}

/// A value.
pub(super) fn value(value: &Value) -> String {
    shown(|out| write_value(out, value))
}

fn shown(write: impl FnOnce(&mut Short) -> fmt::Result) -> String {
    let mut out = Short {
        text: String::new(),
        left: SHOWN_CHARS,
    };
    if write(&mut out).is_err() {
        out.text.push('…');
    }
    out.text
}

/// A text that takes so many characters, and then no more.
struct Short {
    text: String,
    left: usize,
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(letter);
        }
        Ok(())
    }
}

/// What serde_json writes: whole texts of UTF-8, apart from escapes, which are ASCII.
struct Bytes<'o>(&'o mut Short);

impl io::Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_value(out: &mut Short, value: &Value) -> fmt::Result {
    serde_json::to_writer(Bytes(out), value).map_err(|_| fmt::Error)
}

fn write_text(out: &mut Short, text: &str) -> fmt::Result {
    serde_json::to_writer(Bytes(out), text).map_err(|_| fmt::Error)
}

fn write_node(out: &mut Short, node: &Node) -> fmt::Result {
    match node {
        Node::Is(constant) => write_constant(out, constant),
        Node::Object(members) => {
            out.write_char('{')?;
            for (number, (key, node)) in members.iter().enumerate() {
                out.write_str(if number > 0 { "," } else { "" })?;
                write_text(out, &key.name)?;
                out.write_char(':')?;
                write_node(out, node)?;
            }
            out.write_char('}')
        }
        Node::Array(nodes) => write_list(out, nodes, write_node),
        Node::All(nodes) => within(out, "$and", |out| write_list(out, nodes, write_node)),
        Node::Any(nodes) => within(out, "$or", |out| write_list(out, nodes, write_node)),
        Node::In(items) => write_in(out, ["$eq", "$in"], items),
        Node::Not(inner) => match &**inner {
            Node::In(items) => write_in(out, ["$ne", "$nin"], items),
            Node::Any(nodes) => within(out, "$nor", |out| write_list(out, nodes, write_node)),
            other => within(out, "$not", |out| write_node(out, other)),
        },
        Node::Regex(expression) => write_expression(out, expression),
        Node::Type(kinds) => within(out, "$type", |out| write_kinds(out, *kinds)),
        Node::Compare(comparison, constant) => {
            let name = match comparison {
                Comparison::Gt => "$gt",
                Comparison::Gte => "$gte",
                Comparison::Lt => "$lt",
                Comparison::Lte => "$lte",
            };
            within(out, name, |out| write_constant(out, constant))
        }
        Node::Exists(there) => within(out, "$exists", |out| write!(out, "{there}")),
        Node::ElemMatch(node) => within(out, "$elemMatch", |out| write_node(out, node)),
        Node::Size(size) => within(out, "$size", |out| write!(out, "{size}")),
        Node::Mod(divisor, rest) => within(out, "$mod", |out| write!(out, "[{divisor},{rest}]")),
    }
}

/// An operator with what it takes.
fn within(
    out: &mut Short,
    name: &str,
    inside: impl FnOnce(&mut Short) -> fmt::Result,
) -> fmt::Result {
    write!(out, "{{\"{name}\":")?;
    inside(out)?;
    out.write_char('}')
}

fn write_list<T>(
    out: &mut Short,
    list: &[T],
    each: impl Fn(&mut Short, &T) -> fmt::Result,
) -> fmt::Result {
    out.write_char('[')?;
    for (number, part) in list.iter().enumerate() {
        out.write_str(if number > 0 { "," } else { "" })?;
        each(out, part)?;
    }
    out.write_char(']')
}

/// `$in` or what has one item only, by the first name.
fn write_in(out: &mut Short, [one, several]: [&str; 2], items: &[Item]) -> fmt::Result {
    match items {
        [Item::Constant(only)] => within(out, one, |out| write_constant(out, only)),
        items => within(out, several, |out| {
            write_list(out, items, |out, item| match item {
                Item::Constant(constant) => write_constant(out, constant),
                Item::Expression(expression) => write_expression(out, expression),
            })
        }),
    }
}

fn write_expression(out: &mut Short, expression: &Expression) -> fmt::Result {
    within(out, "$regex", |out| {
        write_text(out, &expression.source)?;
        if let Some((name, letters)) = expression.letters() {
            write!(out, ",\"{name}\":")?;
            write_text(out, letters)?;
        }
        Ok(())
    })
}

fn write_kinds(out: &mut Short, kinds: Kinds) -> fmt::Result {
    let names: Vec<&str> = kinds.names().collect();
    match names[..] {
        [only] => write_text(out, only),
        _ => write_list(out, &names, |out, name| write_text(out, name)),
    }
}

fn write_constant(out: &mut Short, constant: &Constant) -> fmt::Result {
    match constant {
        Constant::Null => out.write_str("null"),
        Constant::Bool(value) => write!(out, "{value}"),
        Constant::Number(value) => out.write_str(value.text()),
        Constant::String(text) => write_text(out, text),
        Constant::Whole(value) => write_value(out, value),
    }
}
