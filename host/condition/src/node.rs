//! The parsed form of a pattern: what `parse` makes and `eval`, `observe` and `index` read.

use std::cmp::Ordering;
use std::sync::Arc;

use regex_automata::meta::Regex;
use serde_json::{Map, Value};

use crate::expression::Reading;
use crate::items::{Item, Items};
use crate::number::Constant as Number;

/// One condition on one value, which may be missing.
#[derive(Debug)]
pub(crate) enum Node {
    /// A plain scalar: the value itself equals it.
    Is(Constant),
    /// An object in which every member matches.
    Object(Box<[(Key, Node)]>),
    /// An array in which each pattern matches at least one element.
    Array(Box<[Node]>),
    /// One of these kinds.
    Type(Kinds),
    /// A string in which the expression is found.
    Regex(Arc<Expression>),
    /// `$in` and, with one item, `$eq`: the value or, if it is an array, an element equals an item.
    In(Items),
    /// `$gt` and its like: the value or an element stands so to the operand.
    Compare(Comparison, Constant),
    /// There or not.
    Exists(bool),
    /// An array one element of which matches.
    ElemMatch(Box<Node>),
    /// An array of this length.
    Size(u64),
    /// The value or an element divided by the first leaves the second.
    Mod(i64, i64),
    /// Every one matches.
    All(Box<[Node]>),
    /// At least one matches.
    Any(Box<[Node]>),
    /// It does not match.
    Not(Box<Node>),
}

/// A value to be equal to.
#[derive(Debug)]
pub(crate) enum Constant {
    /// Null or missing.
    Null,
    Bool(bool),
    Number(Number),
    String(Box<str>),
    /// An object or array, equal as a whole. Its depth is bounded by the parser.
    Whole(Value),
}

/// A compiled `$regex`.
#[derive(Debug)]
pub(crate) struct Expression {
    /// One of its own.
    pub(crate) number: u64,
    pub(crate) regex: Regex,
    /// What the automaton reads.
    pub(crate) reading: Reading,
    /// As it was written.
    pub(crate) source: Box<str>,
    /// The `$flags`, of a script's expression, or else the `$options`.
    pub(crate) letters: Result<Box<str>, Box<str>>,
    /// Units of evaluation that eight bytes of text cost.
    pub(crate) weight: u64,
    /// The longest string, in bytes, that it is tried on.
    pub(crate) longest: usize,
}

impl Expression {
    /// What it costs to try it on a text of so many bytes, in units of a [`Budget`](crate::Budget).
    pub(crate) fn cost(&self, bytes: usize) -> u64 {
        // To begin a search costs some 100 ns, of an empty text too.
        8 + (bytes as u64 * self.weight).div_ceil(8)
    }

    /// What stands beside the expression, and under which name; of no options, nothing.
    pub(crate) fn letters(&self) -> Option<(&'static str, &str)> {
        match &self.letters {
            Ok(flags) => Some(("$flags", flags)),
            Err(options) => (!options.is_empty()).then_some(("$options", options)),
        }
    }
}

/// The four orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Comparison {
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
        }
    }
}

/// A set of the kinds that JSON values have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Kinds(u8);

impl Kinds {
    /// The names in `$type`, in the order of their bits.
    pub(crate) const NAMES: [&str; 6] = ["string", "number", "boolean", "object", "array", "null"];

    /// Adds the kind of that name. `false` if there is none.
    pub(crate) fn add(&mut self, name: &str) -> bool {
        let place = Self::NAMES.iter().position(|known| *known == name);
        self.0 |= place.map_or(0, |place| 1 << place);
        place.is_some()
    }

    /// The names of those in the set.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let names = Self::NAMES.into_iter().enumerate();
        names.filter_map(move |(place, name)| (self.0 & (1 << place) != 0).then_some(name))
    }

    pub(crate) fn has(self, value: &Value) -> bool {
        let place = match value {
            Value::String(_) => 0,
            Value::Number(_) => 1,
            Value::Bool(_) => 2,
            Value::Object(_) => 3,
            Value::Array(_) => 4,
            Value::Null => 5,
        };
        self.0 & (1 << place) != 0
    }
}

/// A member's name as the pattern has it, and the path that it is if the data has no such name.
/// Ordered by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) name: Box<str>,
    /// The segments of a name with dots; empty if it has none.
    pub(crate) path: Box<[Segment]>,
}

/// One segment of a dotted name: a member's name, or the index of an element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    pub(crate) name: Box<str>,
    pub(crate) index: Option<usize>,
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        let path = if name.contains('.') {
            name.split('.').map(Segment::new).collect()
        } else {
            Box::default()
        };
        Self {
            name: name.into(),
            path,
        }
    }

    /// What it costs to look for it in an object, in units of a [`Budget`](crate::Budget).
    pub(crate) fn cost(&self) -> u64 {
        Self::cost_of(&self.name)
    }

    /// What it costs to look for a member of this name.
    pub(crate) fn cost_of(name: &str) -> u64 {
        1 + name.len() as u64 / 16
    }

    /// Whether a member of that very name is meant, if there is one. A sender chooses the names of
    /// members: one named `$via.name` must not stand for what the server says of the sender.
    pub(crate) fn is_literal(&self) -> bool {
        !self.name.starts_with("$via.")
    }

    /// The value under this key: of that very name, or else at the end of the path.
    pub(crate) fn find<'v>(&self, map: &'v Map<String, Value>) -> Option<&'v Value> {
        if self.is_literal()
            && let Some(value) = map.get(&*self.name)
        {
            return Some(value);
        }
        let (first, rest) = self.path.split_first()?;
        rest.iter()
            .try_fold(map.get(&*first.name)?, |value, segment| match value {
                Value::Object(map) => map.get(&*segment.name),
                Value::Array(items) => items.get(segment.index?),
                _ => None,
            })
    }
}

impl Segment {
    fn new(name: &str) -> Self {
        let digits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        Self {
            name: name.into(),
            index: digits.then(|| name.parse().ok()).flatten(),
        }
    }
}

impl Node {
    /// The texts one of which must stand at the path, by plain values, `$eq` and `$in`.
    pub(crate) fn texts_at<'n>(&'n self, path: &[&str], texts: &mut Vec<&'n str>) {
        match (self, path) {
            (Self::All(nodes), _) => nodes.iter().for_each(|node| node.texts_at(path, texts)),
            (Self::Object(members), _) => {
                for (key, node) in members {
                    let names = match &*key.path {
                        [] => std::slice::from_ref(&key.name)
                            .iter()
                            .map(|name| &**name)
                            .collect(),
                        path => path.iter().map(|part| &*part.name).collect::<Vec<_>>(),
                    };
                    if let Some(rest) = path.strip_prefix(&*names) {
                        node.texts_at(rest, texts);
                    }
                }
            }
            (Self::Is(Constant::String(text)), []) => texts.push(text),
            (Self::In(items), []) => texts.extend(items.iter().filter_map(|item| match item {
                Item::Constant(Constant::String(text)) => Some(&**text),
                _ => None,
            })),
            _ => {}
        }
    }

    /// The members that this node looks at of the object that it is about. For the root's nodes, which
    /// are about members and combinations of them.
    pub(crate) fn roots<'n>(&'n self, roots: &mut Vec<&'n str>) {
        match self {
            Self::Object(members) => {
                for (key, _) in members {
                    roots.push(&key.name);
                    roots.extend(key.path.first().map(|first| &*first.name));
                }
            }
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.roots(roots)),
            Self::Not(node) => node.roots(roots),
            _ => {}
        }
    }

    /// How many constraints certainly hold where this one does: each plain value and each operator
    /// is one, `$and` is their sum, `$or` the least of its branches.
    pub(crate) fn leaves(&self) -> usize {
        match self {
            Self::Object(members) if !members.is_empty() => {
                members.iter().map(|(_, node)| node.leaves()).sum()
            }
            Self::Array(nodes) if !nodes.is_empty() => nodes.iter().map(Self::leaves).sum(),
            Self::All(nodes) => nodes.iter().map(Self::leaves).sum(),
            Self::Any(nodes) => nodes.iter().map(Self::leaves).min().unwrap_or(1),
            Self::ElemMatch(node) => node.leaves(),
            _ => 1,
        }
    }
}
