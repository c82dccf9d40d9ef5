//! From a schema's text to nodes: each subschema is visited once, then references are resolved.

use std::collections::HashMap;

use serde_json::{Map, Value};
use url::Url;

use crate::compiler::{Anchor, Compiled, Compiler, Place, Resource, address};
use crate::draft::Draft;
use crate::error::SchemaError;
use crate::node::{Node, NodeId, ResourceId, Rule};
use crate::show::cut;
use crate::{DEPTH, SCHEMAS, Schema, cycle};

/// The base of references in a schema without an `$id`. Nothing is ever looked up there.
const NOWHERE: &str = "http://schema.invalid/";

pub(crate) fn compile(schema: &Value) -> Compiled<Schema> {
    let draft = draft(schema)?;
    let uri = Url::parse(NOWHERE).map_err(|error| SchemaError {
        pointer: String::new(),
        message: error.to_string(),
    })?;
    let mut compiler = Compiler {
        draft,
        nodes: Vec::new(),
        known: HashMap::new(),
        resources: vec![Resource {
            uri,
            value: schema,
            node: NodeId(0),
        }],
        anchors: Vec::new(),
        pending: Vec::new(),
        patterns: 0,
        pattern_bytes: 0,
    };
    let root = compiler.visit(schema, None, String::new(), 0, 0)?;
    compiler.resolve_all()?;
    for node in &mut compiler.nodes {
        node.needs_seen = node.rules.iter().any(|rule| {
            matches!(
                rule,
                Rule::UnevaluatedItems(_) | Rule::UnevaluatedProperties(_)
            )
        });
    }
    cycle::check(&compiler.nodes)?;
    Ok(Schema {
        nodes: compiler.nodes,
        root,
        draft,
    })
}

fn draft(schema: &Value) -> Compiled<Draft> {
    let wrong = |message: String| {
        Err(SchemaError {
            pointer: "/$schema".into(),
            message,
        })
    };
    match schema.get("$schema") {
        None => Ok(Draft::Draft2020),
        Some(Value::String(uri)) => Draft::named(uri).map_or_else(
            || {
                wrong(format!(
                    "`{}` is no draft that is known; it can be https://json-schema.org/draft/2020-12/schema, that of 2019-09, or http://json-schema.org/draft-07/schema#, draft-06 or draft-04",
                    cut(uri)
                ))
            },
            Ok,
        ),
        Some(_) => wrong("must be the URI of a draft".into()),
    }
}

impl<'v> Compiler<'v> {
    /// The node of a subschema.
    pub(crate) fn visit(
        &mut self,
        value: &'v Value,
        parent: Option<NodeId>,
        token: String,
        resource: ResourceId,
        depth: usize,
    ) -> Compiled<NodeId> {
        if let Some(known) = self.known.get(&address(value)) {
            return Ok(*known);
        }
        let id = NodeId(self.nodes.len());
        self.nodes.push(Node {
            parent,
            token: token.into(),
            resource,
            rules: Vec::new(),
            needs_seen: false,
        });
        if self.nodes.len() > SCHEMAS {
            return self.wrong(id, "", format!("it has more than {SCHEMAS} subschemas"));
        }
        if depth > DEPTH {
            return self.wrong(id, "", format!("it is nested deeper than {DEPTH} levels"));
        }
        self.known.insert(address(value), id);
        let place = Place {
            node: id,
            resource,
            depth,
        };
        let rules = match value {
            Value::Bool(true) => Vec::new(),
            Value::Bool(false) => vec![Rule::Never],
            Value::Object(members) => self.object(value, members, place)?,
            _ => return self.wrong(id, "", "a schema must be an object, true or false".into()),
        };
        self.nodes[id.0].rules = rules;
        Ok(id)
    }

    fn object(
        &mut self,
        value: &'v Value,
        members: &'v Map<String, Value>,
        mut place: Place,
    ) -> Compiled<Vec<Rule>> {
        let is_alone = self.draft.ignores_beside_ref() && members.contains_key("$ref");
        if !is_alone {
            place.resource = self.identify(value, members, place)?;
            self.nodes[place.node.0].resource = place.resource;
        }
        // What refers to them finds them, whatever stands beside.
        for keyword in ["$defs", "definitions"] {
            self.table(members, keyword, place)?;
        }
        let mut rules = Vec::new();
        if !is_alone {
            self.assertions(members, place, &mut rules)?;
            self.containers(members, place, &mut rules)?;
        }
        self.references(members, place, &mut rules)?;
        if !is_alone {
            self.logic(members, place, &mut rules)?;
            self.unevaluated(members, place, &mut rules)?;
        }
        Ok(rules)
    }

    /// The resource that the subschema stands in or is, and its anchors.
    fn identify(
        &mut self,
        value: &'v Value,
        members: &Map<String, Value>,
        place: Place,
    ) -> Compiled<ResourceId> {
        let mut resource = place.resource;
        let keyword = self.draft.id();
        if let Some(id) = members.get(keyword) {
            let Value::String(id) = id else {
                return self.wrong(place.node, keyword, "must be a URI".into());
            };
            let is_anchor = self.draft < Draft::Draft2019;
            match id.strip_prefix('#').filter(|_| is_anchor) {
                Some(name) => self.anchor(resource, name, place.node, false),
                None => {
                    let uri = self.resources[resource].uri.join(id);
                    let Ok(mut uri) = uri else {
                        return self.wrong(place.node, keyword, "must be a URI".into());
                    };
                    uri.set_fragment(None);
                    if place.node == NodeId(0) {
                        self.resources[0].uri = uri;
                    } else {
                        if self.resources.iter().any(|other| other.uri == uri) {
                            let message = "another subschema has the same URI".into();
                            return self.wrong(place.node, keyword, message);
                        }
                        resource = self.resources.len();
                        self.resources.push(Resource {
                            uri,
                            value,
                            node: place.node,
                        });
                    }
                }
            }
        }
        if let Some(named) = members.get("$schema")
            && named.as_str().and_then(Draft::named) != Some(self.draft)
        {
            let message = "a part of a schema cannot be of another draft".into();
            return self.wrong(place.node, "$schema", message);
        }
        if self.draft >= Draft::Draft2019 {
            if let Some(Value::String(name)) = members.get("$anchor") {
                self.anchor(resource, name, place.node, false);
            }
            if self.draft == Draft::Draft2020 {
                if let Some(Value::String(name)) = members.get("$dynamicAnchor") {
                    self.anchor(resource, name, place.node, true);
                }
            } else if members.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                // No `$anchor` has this name: it is empty.
                self.anchor(resource, "", place.node, true);
            }
        }
        Ok(resource)
    }

    fn anchor(&mut self, resource: ResourceId, name: &str, node: NodeId, is_dynamic: bool) {
        self.anchors.push(Anchor {
            resource,
            name: name.into(),
            node,
            is_dynamic,
        });
    }
}
