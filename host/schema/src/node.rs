//! A compiled schema: nodes, each with its rules.

use std::collections::HashMap;

use serde_json::Value;
use stepwell_condition::shared::Regex;

/// What an entry of a list or table takes beside its text, in bytes.
const ENTRY: usize = 96;

/// A node's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) usize);

/// A document of its own with an `$id`, by its number; the root is 0.
pub(crate) type ResourceId = usize;

/// A schema or subschema.
#[derive(Debug)]
pub(crate) struct Node {
    /// The one that it stands in.
    pub(crate) parent: Option<NodeId>,
    /// Its place in that one: a pointer without the first `/`.
    pub(crate) token: Box<str>,
    pub(crate) resource: ResourceId,
    /// In the order in which they are tried: what costs little first, `unevaluated…` last.
    pub(crate) rules: Vec<Rule>,
    /// Whether one of the rules looks at what the others have seen.
    pub(crate) needs_seen: bool,
}

/// What a schema demands of a value.
#[derive(Debug)]
pub(crate) enum Rule {
    /// `false`.
    Never,
    Type(Types),
    Const(Value),
    Enum(Vec<Value>),
    MultipleOf(Box<str>),
    Bound(Bound, Box<str>),
    /// Characters of a text.
    Length(Least, u64),
    Pattern(Regex),
    /// Items of an array.
    Count(Least, u64),
    UniqueItems,
    /// Members of an object.
    Members(Least, u64),
    Required(Vec<Box<str>>),
    DependentRequired(&'static str, Vec<(Box<str>, Vec<Box<str>>)>),
    DependentSchemas(Vec<(Box<str>, NodeId)>),
    Properties(Box<Properties>),
    PropertyNames(NodeId),
    Items(Items),
    Contains(Contains),
    Ref(&'static str, NodeId),
    DynamicRef(Dynamic),
    AllOf(Vec<NodeId>),
    AnyOf(Vec<NodeId>),
    OneOf(Vec<NodeId>),
    Not(NodeId),
    If(If),
    UnevaluatedItems(NodeId),
    UnevaluatedProperties(NodeId),
}

/// Kinds of values, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(pub(crate) u8);

/// The kinds, as `type` names them; their bits are their places.
pub(crate) const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// A keyword that bounds a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Minimum,
    Maximum,
    ExclusiveMinimum,
    ExclusiveMaximum,
}

/// Whether a count is the least or the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Least {
    Least,
    Most,
}

#[derive(Debug, Default)]
pub(crate) struct Properties {
    pub(crate) named: HashMap<Box<str>, NodeId>,
    pub(crate) patterns: Vec<(Regex, NodeId)>,
    pub(crate) additional: Option<NodeId>,
}

#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) first: Vec<NodeId>,
    pub(crate) rest: Option<NodeId>,
}

#[derive(Debug)]
pub(crate) struct Contains {
    pub(crate) node: NodeId,
    pub(crate) least: u64,
    pub(crate) most: Option<u64>,
    /// Whether the items that it finds count as seen.
    pub(crate) sees: bool,
}

/// Where a `$dynamicRef` or `$recursiveRef` leads.
#[derive(Debug)]
pub(crate) struct Dynamic {
    /// If no other resource that is being read has the anchor.
    pub(crate) node: NodeId,
    /// The nodes of that anchor, by the resource that they stand in.
    pub(crate) anchors: Vec<(ResourceId, NodeId)>,
}

#[derive(Debug)]
pub(crate) struct If {
    pub(crate) condition: NodeId,
    pub(crate) then: Option<NodeId>,
    pub(crate) otherwise: Option<NodeId>,
}

impl Node {
    /// The nodes that look at the same value as this one, where that is known before a check.
    pub(crate) fn in_place(&self) -> impl Iterator<Item = NodeId> {
        self.rules.iter().flat_map(|rule| match rule {
            Rule::Ref(_, node) | Rule::Not(node) => vec![*node],
            Rule::AllOf(nodes) | Rule::AnyOf(nodes) | Rule::OneOf(nodes) => nodes.clone(),
            Rule::If(rule) => [Some(rule.condition), rule.then, rule.otherwise]
                .into_iter()
                .flatten()
                .collect(),
            Rule::DependentSchemas(schemas) => schemas.iter().map(|(_, node)| *node).collect(),
            _ => Vec::new(),
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        let rules = self.rules.iter().map(Rule::bytes).sum::<usize>();
        size_of::<Self>() + self.token.len() + rules
    }
}

impl Rule {
    fn bytes(&self) -> usize {
        let names = |names: &[Box<str>]| names.iter().map(|name| ENTRY + name.len()).sum::<usize>();
        size_of::<Self>()
            + match self {
                Self::Const(value) => value_bytes(value),
                Self::Enum(values) => values.iter().map(value_bytes).sum(),
                Self::Pattern(regex) => regex.bytes(),
                Self::Required(required) => names(required),
                Self::DependentRequired(_, table) => table
                    .iter()
                    .map(|(name, required)| ENTRY + name.len() + names(required))
                    .sum(),
                Self::DependentSchemas(table) => {
                    table.iter().map(|(name, _)| ENTRY + name.len()).sum()
                }
                Self::Properties(properties) => {
                    let named = properties.named.keys();
                    let patterns = properties.patterns.iter();
                    size_of::<Properties>()
                        + named.map(|name| ENTRY + name.len()).sum::<usize>()
                        + patterns.map(|(regex, _)| regex.bytes()).sum::<usize>()
                }
                Self::AllOf(nodes) | Self::AnyOf(nodes) | Self::OneOf(nodes) => {
                    size_of_val(&nodes[..])
                }
                Self::Items(items) => size_of_val(&items.first[..]),
                Self::DynamicRef(dynamic) => size_of_val(&dynamic.anchors[..]),
                _ => 0,
            }
    }
}

fn value_bytes(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Number(number) => number.as_str().len(),
            Value::Array(items) => items.iter().map(value_bytes).sum(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| ENTRY + name.len() + value_bytes(value))
                .sum(),
            Value::Null | Value::Bool(_) => 0,
        }
}

/// The place of a keyword of a subschema, as a pointer; of the subschema itself, if the keyword is empty.
pub(crate) fn place(nodes: &[Node], node: NodeId, keyword: &str) -> String {
    let mut tokens = vec![keyword];
    let mut at = Some(node);
    while let Some(id) = at {
        let node = &nodes[id.0];
        tokens.push(&node.token);
        at = node.parent;
    }
    let tokens = tokens.into_iter().rev().filter(|token| !token.is_empty());
    tokens.flat_map(|token| ["/", token]).collect()
}

/// A member's name as a part of a pointer (RFC 6901).
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
