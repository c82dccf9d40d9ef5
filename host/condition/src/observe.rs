//! What a condition observes of the data, as a digest: two documents that a pattern cannot tell
//! apart have the same one. The digest is stored, so its encoding is fixed: XXH3 (64 bits) over the
//! bytes that this module writes, the same on every machine and in every release.
//!
//! Observed is, for each path that the pattern constrains: whether it is missing, a scalar's value,
//! and of an object or array only its kind — unless an operator looks further: `$size` at an
//! array's length, the operators that reach into an array (`$gt`, `$in` …) at its elements, an
//! array pattern, `$elemMatch` or an operand that is itself an object or array at everything.

use std::collections::BTreeMap;

use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use crate::eval::{Budget, Known};
use crate::items::Item;
use crate::node::{Constant, Key, Node};
use crate::number;

/// How deep a whole value is looked at; below, only kinds count. Deeper than any body that the
/// server takes.
const DEPTH: usize = 128;

/// What is observed at one path and below it.
#[derive(Debug, Default)]
pub(crate) struct View {
    look: Look,
    /// In the order of their names, so that the order in the pattern does not matter.
    members: BTreeMap<Key, View>,
}

/// How far into an array or object an observation goes. Each includes the ones before it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    #[default]
    Kind,
    Length,
    Elements,
    Whole,
}

impl View {
    /// The view of a whole pattern.
    pub(crate) fn of(node: &Node) -> Self {
        let mut view = Self::default();
        view.add(node);
        view
    }

    fn add(&mut self, node: &Node) {
        let look = match node {
            Node::Is(_) | Node::Type(_) | Node::Regex(_) | Node::Exists(_) => Look::Kind,
            Node::Size(_) => Look::Length,
            Node::Compare(..) | Node::Mod(..) => Look::Elements,
            Node::In(items) => {
                let whole = |item: &Item| matches!(item, Item::Constant(Constant::Whole(_)));
                if items.iter().any(whole) {
                    Look::Whole
                } else {
                    Look::Elements
                }
            }
            Node::Array(_) | Node::ElemMatch(_) => Look::Whole,
            Node::Object(members) => {
                for (key, node) in members {
                    self.members.entry(key.clone()).or_default().add(node);
                }
                Look::Kind
            }
            Node::All(nodes) | Node::Any(nodes) => {
                nodes.iter().for_each(|node| self.add(node));
                Look::Kind
            }
            Node::Not(node) => {
                self.add(node);
                Look::Kind
            }
        };
        self.look = self.look.max(look);
    }

    /// The digest of what is observed in `data`.
    pub(crate) fn digest(&self, data: &Value, budget: &mut Budget) -> Known<u64> {
        let mut digest = Digest {
            hash: Xxh3::new(),
            budget,
        };
        digest.view(self, Some(data))?;
        Ok(digest.hash.digest())
    }
}

struct Digest<'b> {
    hash: Xxh3,
    budget: &'b mut Budget,
}

impl Digest<'_> {
    fn view(&mut self, view: &View, value: Option<&Value>) -> Known<()> {
        if view.look == Look::Whole {
            // Whatever is observed below is part of it.
            return self.value(value, Look::Whole, 0);
        }
        self.value(value, view.look, 0)?;
        let map = value.and_then(Value::as_object);
        for (key, view) in &view.members {
            self.budget.spend(key.cost())?;
            // The names keep two patterns that see equal values at different places apart.
            self.text(7, &key.name)?;
            self.view(view, map.and_then(|map| key.find(map)))?;
        }
        Ok(())
    }

    /// Writes one value so that no value's bytes are the beginning of another's.
    fn value(&mut self, value: Option<&Value>, look: Look, depth: usize) -> Known<()> {
        self.budget.spend(1)?;
        match value {
            None => self.hash.update(&[0]),
            Some(Value::Null) => self.hash.update(&[1]),
            Some(Value::Bool(value)) => self.hash.update(&[2, u8::from(*value)]),
            Some(Value::Number(value)) => {
                self.budget.spend(value.as_str().len() as u64 / 64)?;
                self.hash.update(&[3]);
                number::canonical(value.as_str(), &mut |part| self.hash.update(part));
            }
            Some(Value::String(value)) => self.text(4, value)?,
            Some(Value::Array(items)) => {
                self.hash.update(&[5]);
                if look >= Look::Length {
                    self.hash.update(&(items.len() as u64).to_le_bytes());
                }
                let inner = match look {
                    Look::Elements => Look::Kind,
                    Look::Whole if depth < DEPTH => Look::Whole,
                    _ => return Ok(()),
                };
                for item in items {
                    self.value(Some(item), inner, depth + 1)?;
                }
            }
            Some(Value::Object(map)) => {
                self.hash.update(&[6]);
                if look < Look::Whole || depth >= DEPTH {
                    return Ok(());
                }
                // They are sorted first.
                self.budget.spend(2 * map.len() as u64)?;
                self.hash.update(&(map.len() as u64).to_le_bytes());
                let mut members: Vec<_> = map.iter().collect();
                members.sort_unstable_by_key(|(key, _)| *key);
                for (key, value) in members {
                    self.text(7, key)?;
                    self.value(Some(value), Look::Whole, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, tag: u8, text: &str) -> Known<()> {
        self.budget.spend(text.len() as u64 / 64)?;
        self.hash.update(&[tag]);
        self.hash.update(&(text.len() as u64).to_le_bytes());
        self.hash.update(text.as_bytes());
        Ok(())
    }
}
