//! Why a pattern does not match: the first of its leaves that fails, with what is found there. It
//! shows a pattern's parts as they are written, cut to a bounded length.

mod show;

use serde_json::Value;

use crate::eval::{self, Budget};
use crate::node::{Key, Node};

/// The longest text, in characters, of what is expected and of what is found.
pub const SHOWN_CHARS: usize = 120;

/// A leaf of a pattern that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the data, an RFC 6901 pointer; empty for the whole data.
    pub pointer: String,
    /// What the pattern has there: JSON, cut to [`SHOWN_CHARS`] with `…` at the end.
    pub expected: String,
    /// What the data has there: JSON, cut likewise; `None` if nothing is there.
    pub found: Option<String>,
}

/// The first leaf of `node`, in the order in which it is written, that fails. `None` if none does, or
/// if the budget is spent.
pub(crate) fn mismatch(node: &Node, data: &Value, budget: &mut Budget) -> Option<Mismatch> {
    let mut finder = Finder {
        pointer: String::new(),
        budget,
    };
    finder
        .first(node, Some(data))
        .filter(|_| !finder.budget.is_spent())
}

struct Finder<'b> {
    pointer: String,
    budget: &'b mut Budget,
}

impl Finder<'_> {
    fn first(&mut self, node: &Node, value: Option<&Value>) -> Option<Mismatch> {
        if eval::matches(node, value, self.budget) {
            return None;
        }
        match (node, value) {
            (Node::All(nodes), _) => nodes.iter().find_map(|node| self.first(node, value)),
            (Node::Object(members), Some(Value::Object(map))) => {
                members.iter().find_map(|(key, node)| {
                    let found = key.find(map);
                    self.below(key, map.contains_key(&*key.name), |finder| {
                        finder.first(node, found)
                    })
                })
            }
            // What is expected in an object that is not there says more than that it is not.
            (Node::Object(members), None) if !members.is_empty() => members
                .iter()
                .find_map(|(key, node)| self.below(key, false, |finder| finder.first(node, None)))
                .or_else(|| Some(self.leaf(node, value))),
            (Node::Array(nodes), Some(Value::Array(items))) => {
                let mut nodes = nodes.iter();
                let alone = nodes.find(|node| {
                    let mut found = items.iter();
                    !found.any(|item| eval::matches(node, Some(item), self.budget))
                })?;
                Some(Mismatch {
                    expected: show::element(alone),
                    ..self.leaf(node, value)
                })
            }
            _ => Some(self.leaf(node, value)),
        }
    }

    fn leaf(&self, node: &Node, value: Option<&Value>) -> Mismatch {
        Mismatch {
            pointer: self.pointer.clone(),
            expected: show::node(node),
            found: value.map(show::value),
        }
    }

    /// Looks below a key, which is a member of that very name or a path.
    fn below(
        &mut self,
        key: &Key,
        literal: bool,
        inside: impl FnOnce(&mut Self) -> Option<Mismatch>,
    ) -> Option<Mismatch> {
        let length = self.pointer.len();
        let path: Vec<&str> = if literal || key.path.is_empty() {
            vec![&key.name]
        } else {
            key.path.iter().map(|segment| &*segment.name).collect()
        };
        for name in path {
            self.pointer.push('/');
            self.pointer
                .push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        let found = inside(self);
        self.pointer.truncate(length);
        found
    }
}
