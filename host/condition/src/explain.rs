//! Why a pattern does not match: the first of its leaves that fails, with what is found there. It
//! shows a pattern's parts as they are written, cut to a bounded length.

mod show;

use serde_json::Value;

use crate::eval::{self, Budget, Known};
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

/// The first leaf of `node`, in the order in which it is written, that fails. `None` if none does.
pub(crate) fn mismatch(node: &Node, data: &Value, budget: &mut Budget) -> Known<Option<Mismatch>> {
    let mut finder = Finder {
        pointer: String::new(),
        budget,
    };
    finder.first(node, Some(data))
}

struct Finder<'b> {
    pointer: String,
    budget: &'b mut Budget,
}

impl Finder<'_> {
    fn first(&mut self, node: &Node, value: Option<&Value>) -> Known<Option<Mismatch>> {
        if eval::matches(node, value, self.budget)? {
            return Ok(None);
        }
        match (node, value) {
            (Node::All(nodes), _) => first_of(nodes, |node| self.first(node, value)),
            (Node::Object(members), Some(Value::Object(map))) => {
                first_of(members, |(key, node)| {
                    let found = key.find(map);
                    let literal = key.is_literal() && map.contains_key(&*key.name);
                    self.below(key, literal, |finder| finder.first(node, found))
                })
            }
            // What is expected in an object that is not there says more than that it is not.
            (Node::Object(members), None) if !members.is_empty() => {
                let below = first_of(members, |(key, node)| {
                    self.below(key, false, |finder| finder.first(node, None))
                })?;
                Ok(below.or_else(|| Some(self.leaf(node, value))))
            }
            (Node::Array(nodes), Some(Value::Array(items))) => first_of(nodes, |element| {
                for item in items {
                    if eval::matches(element, Some(item), self.budget)? {
                        return Ok(None);
                    }
                }
                Ok(Some(Mismatch {
                    expected: show::element(element),
                    ..self.leaf(node, value)
                }))
            }),
            _ => Ok(Some(self.leaf(node, value))),
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
        inside: impl FnOnce(&mut Self) -> Known<Option<Mismatch>>,
    ) -> Known<Option<Mismatch>> {
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

/// The first that there is.
fn first_of<T>(
    parts: &[T],
    mut find: impl FnMut(&T) -> Known<Option<Mismatch>>,
) -> Known<Option<Mismatch>> {
    for part in parts {
        if let Some(found) = find(part)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
