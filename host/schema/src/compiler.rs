//! What is known while a schema is compiled.

use std::collections::HashMap;

use serde_json::Value;
use url::Url;

use crate::draft::Draft;
use crate::error::SchemaError;
use crate::node::{self, Node, NodeId, ResourceId};

pub(crate) struct Compiler<'v> {
    pub(crate) draft: Draft,
    pub(crate) nodes: Vec<Node>,
    /// The nodes by the addresses of their texts.
    pub(crate) known: HashMap<usize, NodeId>,
    pub(crate) resources: Vec<Resource<'v>>,
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) patterns: usize,
    pub(crate) pattern_bytes: usize,
}

/// A schema with a URI of its own.
pub(crate) struct Resource<'v> {
    pub(crate) uri: Url,
    pub(crate) value: &'v Value,
    pub(crate) node: NodeId,
}

/// Where a subschema stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) node: NodeId,
    pub(crate) resource: ResourceId,
    pub(crate) depth: usize,
}

/// What compiling comes to.
pub(crate) type Compiled<T> = Result<T, SchemaError>;

/// A name for a subschema.
pub(crate) struct Anchor {
    pub(crate) resource: ResourceId,
    pub(crate) name: Box<str>,
    pub(crate) node: NodeId,
    pub(crate) is_dynamic: bool,
}

/// A reference that is to be resolved when all subschemas are known.
pub(crate) struct Pending {
    pub(crate) node: NodeId,
    /// The number of its rule.
    pub(crate) rule: usize,
    pub(crate) resource: ResourceId,
    pub(crate) keyword: &'static str,
    pub(crate) uri: String,
}

impl Compiler<'_> {
    /// That a keyword of a subschema is wrong; the subschema itself, if the keyword is empty.
    pub(crate) fn wrong<T>(&self, node: NodeId, keyword: &str, message: String) -> Compiled<T> {
        Err(SchemaError {
            pointer: node::place(&self.nodes, node, keyword),
            message,
        })
    }
}

/// Tells a value from all others of the same document.
pub(crate) fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}
