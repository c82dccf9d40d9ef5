//! How much memory a pattern takes.

use std::sync::Arc;

use serde_json::Value;

use crate::items::Item;
use crate::node::{Constant, Expression, Key, Node};

/// What the index takes for a pattern, and the view for each of its members, beside the names.
const PATTERN: usize = 2_048;
const MEMBER: usize = 160;
/// What an entry of an object or array takes beside its texts.
const ENTRY: usize = 96;

/// The memory that a [`Pattern`](crate::Pattern) takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of what is the pattern's own, about.
    pub own: usize,
    /// Its regular expressions, each once: a number that is an expression's own while a pattern has it, and its
    /// bytes. Patterns with the same expression share it.
    pub expressions: Vec<(u64, usize)>,
}

impl Memory {
    pub(crate) fn of(root: &Node) -> Self {
        let mut memory = Self {
            own: PATTERN,
            expressions: Vec::new(),
        };
        memory.node(root);
        memory
    }

    /// Bytes of all of it.
    pub fn bytes(&self) -> usize {
        let expressions = self.expressions.iter().map(|(_, bytes)| bytes);
        self.own + expressions.sum::<usize>()
    }

    fn node(&mut self, node: &Node) {
        self.own += size_of::<Node>();
        match node {
            Node::Is(constant) | Node::Compare(_, constant) => self.constant(constant),
            Node::Object(members) => {
                for (key, node) in members {
                    // Here, in the view, and in the index.
                    self.own += size_of::<Key>() + MEMBER + 4 * key.name.len();
                    self.own += 2 * size_of_val(&*key.path);
                    self.node(node);
                }
            }
            Node::Array(nodes) | Node::All(nodes) | Node::Any(nodes) => {
                nodes.iter().for_each(|node| self.node(node));
            }
            Node::Regex(expression) => self.expression(expression),
            Node::In(items) => {
                self.own += items.lookup_bytes();
                for item in items.iter() {
                    self.own += size_of::<Item>();
                    match item {
                        Item::Constant(constant) => self.constant(constant),
                        Item::Expression(expression) => self.expression(expression),
                    }
                }
            }
            Node::ElemMatch(node) | Node::Not(node) => self.node(node),
            Node::Type(_) | Node::Exists(_) | Node::Size(_) | Node::Mod(..) => {}
        }
    }

    fn constant(&mut self, constant: &Constant) {
        match constant {
            Constant::Null | Constant::Bool(_) => {}
            Constant::Number(number) => self.own += number.text().len(),
            Constant::String(text) => self.own += text.len(),
            Constant::Whole(value) => self.value(value),
        }
    }

    fn value(&mut self, value: &Value) {
        self.own += size_of::<Value>();
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.own += number.as_str().len(),
            Value::String(text) => self.own += text.len(),
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.own += ENTRY + name.len();
                    self.value(value);
                }
            }
        }
    }

    fn expression(&mut self, expression: &Arc<Expression>) {
        self.own += size_of::<Arc<Expression>>();
        let known = self
            .expressions
            .iter()
            .any(|(number, _)| *number == expression.number);
        if !known {
            self.expressions
                .push((expression.number, expression.bytes()));
        }
    }
}
