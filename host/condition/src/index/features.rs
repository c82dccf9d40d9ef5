//! By what a pattern can be found: equalities and required members that must hold for it to match.

use crate::Pattern;
use crate::eval;
use crate::hash::of_constant as hash_of;
use crate::items::Item;
use crate::node::{Key, Node};

/// Members on the way to a feature, the feature's own included. Deeper ones are rarely what tells
/// steps apart, and each level costs a lookup.
const DEPTH: usize = 3;
/// Names on the way once the dotted ones are taken apart.
const NAMES: usize = 6;
/// Features kept of one pattern, the most telling first.
const FEATURES: usize = 16;
/// Features looked at to find those.
const EXAMINED: usize = 256;
/// Places at which one feature may have to be registered: alternatives of path times values.
const PLACES: usize = 32;

/// One thing that certainly holds where the pattern matches.
#[derive(Debug)]
pub(super) struct Feature {
    /// Every way in which the data may lead there: a name with dots is itself, or a path.
    pub(super) paths: Vec<Vec<Box<str>>>,
    /// Hashes of the values one of which is there; `None` if any value will do.
    pub(super) values: Option<Vec<u64>>,
    /// How well such a feature usually tells steps apart; the lowest is best.
    rank: u8,
}

/// The features of a pattern, best first. Values are hashed with `seed`.
pub(super) fn of(pattern: &Pattern, seed: u64) -> Vec<Feature> {
    let mut finder = Finder {
        seed,
        found: Vec::new(),
    };
    finder.node(&pattern.root, &mut Vec::new());
    let mut found = finder.found;
    found.sort_by_key(|feature| feature.rank);
    found.truncate(FEATURES);
    found
}

struct Finder {
    seed: u64,
    found: Vec<Feature>,
}

impl Finder {
    fn node<'p>(&mut self, node: &'p Node, keys: &mut Vec<&'p Key>) {
        if self.found.len() >= EXAMINED {
            return;
        }
        match node {
            Node::All(nodes) => nodes.iter().for_each(|node| self.node(node, keys)),
            Node::Object(members) => {
                self.required(node, keys);
                if keys.len() < DEPTH {
                    for (key, node) in members {
                        keys.push(key);
                        self.node(node, keys);
                        keys.pop();
                    }
                }
            }
            Node::Is(constant) => match hash_of(self.seed, constant) {
                Some(value) => self.add(keys, Some(vec![value])),
                None => self.required(node, keys),
            },
            Node::In(items) => {
                let values = items.iter().map(|item| match item {
                    Item::Constant(constant) => hash_of(self.seed, constant),
                    Item::Expression(_) => None,
                });
                match values.collect() {
                    Some(values) if items.len() <= PLACES => self.add(keys, Some(values)),
                    _ => self.required(node, keys),
                }
            }
            other => self.required(other, keys),
        }
    }

    /// The member must be there if the pattern does not match without it.
    fn required(&mut self, node: &Node, keys: &[&Key]) {
        let mut budget = eval::Budget::default();
        if let Ok(false) = eval::matches(node, None, &mut budget) {
            self.add(keys, None);
        }
    }

    fn add(&mut self, keys: &[&Key], values: Option<Vec<u64>>) {
        let Some(paths) = paths(keys) else { return };
        let places = paths.len() * values.as_ref().map_or(1, Vec::len);
        let known = |feature: &Feature| {
            feature.paths == paths && feature.values.is_some() == values.is_some()
        };
        if places <= PLACES && !self.found.iter().any(known) {
            let rank = rank(&paths, values.as_deref());
            self.found.push(Feature {
                paths,
                values,
                rank,
            });
        }
    }
}

/// Every sequence of names that the keys may stand for. `None` if one may lead through an array,
/// or if they are too many or too long.
fn paths(keys: &[&Key]) -> Option<Vec<Vec<Box<str>>>> {
    let mut paths = vec![Vec::new()];
    for key in keys {
        if key.path.iter().skip(1).any(|part| part.index.is_some()) {
            return None;
        }
        let mut longer = Vec::new();
        for path in &paths {
            if key.is_literal() {
                let literal = path.iter().cloned().chain([key.name.clone()]);
                longer.push(literal.collect());
            }
            if !key.path.is_empty() {
                let parts = key.path.iter().map(|part| part.name.clone());
                longer.push(path.iter().cloned().chain(parts).collect());
            }
        }
        paths = longer;
    }
    let fits = !keys.is_empty() && paths.iter().all(|path| path.len() <= NAMES);
    fits.then_some(paths)
}

fn rank(paths: &[Vec<Box<str>>], values: Option<&[u64]>) -> u8 {
    let Some(values) = values else { return 9 };
    // The last alternative is the one with all dots taken apart.
    let path = paths.last().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = path.iter().map(|name| &**name).collect();
    let rank = match names[..] {
        ["$via", "name" | "id"] => 0,
        // All tasks of webhooks share it.
        ["$via", "type"] => 6,
        ["type" | "event" | "event_type" | "eventType" | "action" | "kind"] => 1,
        [_] => 2,
        _ => 3,
    };
    if values.len() > 1 { rank + 1 } else { rank }
}
