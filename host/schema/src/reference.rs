//! `$ref` and its kind: where each leads. Only places in the same schema can be reached.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::compiler::{Anchor, Compiled, Compiler, Pending, Place, address};
use crate::draft::Draft;
use crate::node::{Dynamic, NodeId, Rule};
use crate::show::cut;

impl<'v> Compiler<'v> {
    pub(crate) fn references(
        &mut self,
        members: &Map<String, Value>,
        place: Place,
        rules: &mut Vec<Rule>,
    ) -> Compiled<()> {
        let dynamic = match self.draft {
            Draft::Draft2020 => Some("$dynamicRef"),
            Draft::Draft2019 => Some("$recursiveRef"),
            _ => None,
        };
        for keyword in ["$ref"].into_iter().chain(dynamic) {
            let Some(uri) = members.get(keyword) else {
                continue;
            };
            let Value::String(uri) = uri else {
                return self.wrong(place.node, keyword, "must be a URI".into());
            };
            self.pending.push(Pending {
                node: place.node,
                rule: rules.len(),
                resource: place.resource,
                keyword,
                uri: uri.clone(),
            });
            // Until it is resolved.
            rules.push(Rule::Ref(keyword, place.node));
        }
        Ok(())
    }

    /// Resolves all references. A place that was no subschema before becomes one.
    pub(crate) fn resolve_all(&mut self) -> Compiled<()> {
        let mut dynamic = Vec::new();
        while let Some(pending) = self.pending.pop() {
            let target = self.resolve(&pending)?;
            let anchor = match pending.keyword {
                "$ref" => None,
                _ => self
                    .anchors
                    .iter()
                    .find(|anchor| anchor.is_dynamic && anchor.node == target),
            };
            let name = anchor.map(|anchor| anchor.name.clone());
            let is_named = |name: &str| match pending.keyword {
                "$recursiveRef" => name.is_empty(),
                _ => pending.uri.rsplit('#').next() == Some(name),
            };
            match name.filter(|name| is_named(name)) {
                Some(name) => dynamic.push((pending, target, name)),
                None => {
                    self.nodes[pending.node.0].rules[pending.rule] =
                        Rule::Ref(pending.keyword, target);
                }
            }
        }
        for (pending, node, name) in dynamic {
            let anchors = self.anchors.iter();
            let anchors = anchors.filter(|anchor| anchor.is_dynamic && anchor.name == name);
            let anchors = anchors
                .map(|anchor| (anchor.resource, anchor.node))
                .collect();
            let leads = Dynamic { node, anchors };
            self.nodes[pending.node.0].rules[pending.rule] = Rule::DynamicRef(leads);
        }
        Ok(())
    }

    fn resolve(&mut self, pending: &Pending) -> Compiled<NodeId> {
        let wrong = |compiler: &Self, what: &str| {
            let message = format!("`{}` {what}", cut(&pending.uri));
            compiler.wrong(pending.node, pending.keyword, message)
        };
        let Ok(mut uri) = self.resources[pending.resource].uri.join(&pending.uri) else {
            return wrong(self, "is no URI");
        };
        let fragment = uri.fragment().unwrap_or_default().to_owned();
        let fragment = percent_decode_str(&fragment).decode_utf8_lossy();
        uri.set_fragment(None);
        let Some(resource) = self.resources.iter().position(|known| known.uri == uri) else {
            return wrong(
                self,
                "leads outside this schema, and nothing is fetched; put what it refers to into `$defs`, e.g. `#/$defs/address`",
            );
        };
        let Some(token) = fragment.strip_prefix('/') else {
            if fragment.is_empty() {
                return Ok(self.resources[resource].node);
            }
            let is_it = |anchor: &&Anchor| anchor.resource == resource && *anchor.name == *fragment;
            return match self.anchors.iter().find(is_it) {
                Some(anchor) => Ok(anchor.node),
                None => wrong(self, "leads to an anchor that is not there"),
            };
        };
        let Some(value) = self.resources[resource].value.pointer(&fragment) else {
            return wrong(self, "leads to nothing in this schema");
        };
        if let Some(known) = self.known.get(&address(value)) {
            return Ok(*known);
        }
        let parent = Some(self.resources[resource].node);
        self.visit(value, parent, token.to_owned(), resource, 1)
    }
}
