//! Schemas that refer to themselves without going into the value: a check of them would never end.

use crate::error::SchemaError;
use crate::node::{Node, NodeId, Rule, place};

/// A node's way through the search.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Looks for a circle of subschemas that look at the same value.
pub(crate) fn check(nodes: &[Node]) -> Result<(), SchemaError> {
    let mut marks = vec![Mark::New; nodes.len()];
    for start in 0..nodes.len() {
        if marks[start] != Mark::New {
            continue;
        }
        // Not by recursion: a chain may have as many links as there are subschemas.
        let mut path = vec![(start, edges(&nodes[start]))];
        marks[start] = Mark::Open;
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            let Some(NodeId(to)) = next.pop() else {
                marks[at] = Mark::Done;
                path.pop();
                continue;
            };
            match marks[to] {
                Mark::Done => {}
                Mark::New => {
                    marks[to] = Mark::Open;
                    path.push((to, edges(&nodes[to])));
                }
                Mark::Open => return Err(circle(nodes, at)),
            }
        }
    }
    Ok(())
}

fn edges(node: &Node) -> Vec<NodeId> {
    // Where a dynamic reference leads is known in a check only, which counts how deep it goes.
    node.in_place().collect()
}

fn circle(nodes: &[Node], node: usize) -> SchemaError {
    let reference = nodes[node].rules.iter().find_map(|rule| match rule {
        Rule::Ref(keyword, _) => Some(*keyword),
        _ => None,
    });
    SchemaError {
        pointer: place(nodes, NodeId(node), reference.unwrap_or_default()),
        message: "leads back to itself without going into the data, so that no check would end"
            .into(),
    }
}
