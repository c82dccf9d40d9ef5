//! Checks a value. It recurses as deep as schema and value lead it, up to a bound, and pays for every look from the budget.

use serde_json::Value;
use stepwell_condition::{Budget, Spent};

use crate::node::{Node, NodeId, ResourceId, Rule, escape, place};
use crate::seen::Seen;
use crate::show::{cut, kind};
use crate::{Schema, VIOLATIONS};

/// How deep a check goes: subschemas within each other. A level takes some hundred bytes of stack; real schemas on data of 64
/// levels stay below 200.
const DEEPEST: usize = 400;

/// What a look at one value by one subschema costs, in units of a budget.
const LOOK: u64 = 6;

/// A place at which a value does not fit. None of its parts has a text of the value beside names of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value, as an RFC 6901 pointer; a long one is cut.
    pub instance: String,
    /// The keyword that is not met, as a pointer into the schema; a long one is cut.
    pub schema: String,
    /// What would be right.
    pub message: String,
}

pub(crate) type Known<T> = Result<T, Spent>;

/// Takes units for work.
pub(crate) fn pay(budget: &mut Budget, units: u64) -> Known<()> {
    budget.charge(units);
    match budget.is_spent() {
        true => Err(Spent),
        false => Ok(()),
    }
}

/// A check under way.
pub(crate) struct Check<'s, 'v, 'b> {
    pub(crate) nodes: &'s [Node],
    pub(crate) budget: &'b mut Budget,
    path: Vec<Step<'v>>,
    /// The resources that are being read, the outermost first.
    scope: Vec<ResourceId>,
    depth: usize,
    /// Whether only the answer counts: violations are not noted, and the first one ends the look.
    is_trial: bool,
    found: Vec<Violation>,
}

/// One step down into the value.
#[derive(Clone, Copy)]
pub(crate) enum Step<'v> {
    Member(&'v str),
    Item(usize),
}

pub(crate) fn check(schema: &Schema, value: &Value, budget: &mut Budget) -> Known<Vec<Violation>> {
    let mut check = Check {
        nodes: &schema.nodes,
        budget,
        path: Vec::new(),
        scope: Vec::new(),
        depth: 0,
        is_trial: false,
        found: Vec::new(),
    };
    check.fits(schema.root, value, None)?;
    Ok(check.found)
}

impl<'s, 'v> Check<'s, 'v, '_> {
    /// Whether a value fits a subschema. What was looked at is `seen` then.
    pub(crate) fn fits(
        &mut self,
        id: NodeId,
        value: &'v Value,
        seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        let node: &'s Node = &self.nodes[id.0];
        self.pay(LOOK + node.rules.len() as u64)?;
        if self.depth == DEEPEST {
            return Err(Spent);
        }
        self.depth += 1;
        let enters = self.scope.last() != Some(&node.resource);
        if enters {
            self.scope.push(node.resource);
        }
        let fits = self.rules(id, node, value, seen);
        if enters {
            self.scope.pop();
        }
        self.depth -= 1;
        fits
    }

    fn rules(
        &mut self,
        id: NodeId,
        node: &'s Node,
        value: &'v Value,
        seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        let mut own = (node.needs_seen || seen.is_some()).then(Seen::default);
        let mut fits = true;
        for rule in &node.rules {
            // What the others have seen is not known if one of them does not hold.
            let is_last = matches!(
                rule,
                Rule::UnevaluatedItems(_) | Rule::UnevaluatedProperties(_)
            );
            if is_last && !fits {
                break;
            }
            if !self.holds(id, rule, value, own.as_mut())? {
                fits = false;
                // Whatever else is said is said of another kind.
                if self.is_decided() || matches!(rule, Rule::Type(_)) {
                    return Ok(false);
                }
            }
        }
        if let (true, Some(seen), Some(own)) = (fits, seen, own) {
            self.pay(own.len() as u64 * 4)?;
            seen.merge(own);
        }
        Ok(fits)
    }

    /// Whether nothing more needs to be found.
    pub(crate) fn is_decided(&self) -> bool {
        self.is_trial || self.found.len() >= VIOLATIONS
    }

    /// Whether a value fits, without a note of why it does not.
    pub(crate) fn tries(
        &mut self,
        id: NodeId,
        value: &'v Value,
        seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        let before = std::mem::replace(&mut self.is_trial, true);
        let fits = self.fits(id, value, seen);
        self.is_trial = before;
        fits
    }

    /// Whether a part of a value fits a subschema.
    pub(crate) fn part_fits(&mut self, id: NodeId, step: Step<'v>, part: &'v Value) -> Known<bool> {
        self.path.push(step);
        let fits = self.fits(id, part, None);
        self.path.pop();
        fits
    }

    /// Whether a member's name fits a subschema.
    pub(crate) fn name_fits(&mut self, id: NodeId, name: &str) -> Known<bool> {
        self.pay(2 + name.len() as u64 / 32)?;
        let value = Value::String(name.to_owned());
        let mut check = Check {
            nodes: self.nodes,
            budget: &mut *self.budget,
            path: Vec::new(),
            scope: std::mem::take(&mut self.scope),
            depth: self.depth,
            is_trial: true,
            found: Vec::new(),
        };
        let fits = check.fits(id, &value, None);
        self.scope = check.scope;
        fits
    }

    pub(crate) fn pay(&mut self, units: u64) -> Known<()> {
        pay(self.budget, units)
    }

    /// Notes that a rule does not hold.
    pub(crate) fn fails(
        &mut self,
        id: NodeId,
        keyword: &str,
        message: impl FnOnce() -> String,
    ) -> Known<bool> {
        if self.is_decided() {
            return Ok(false);
        }
        let mut instance = String::new();
        for step in &self.path {
            instance.push('/');
            match step {
                Step::Member(name) => instance.push_str(&escape(&cut(name))),
                Step::Item(number) => instance.push_str(&number.to_string()),
            }
        }
        self.found.push(Violation {
            instance: cut(&instance),
            schema: cut(&place(self.nodes, id, keyword)),
            message: message(),
        });
        Ok(false)
    }

    /// Notes that a value is of a kind that is not allowed.
    pub(crate) fn is_no(
        &mut self,
        id: NodeId,
        keyword: &str,
        wanted: String,
        value: &Value,
    ) -> Known<bool> {
        self.fails(id, keyword, || {
            format!("must be {wanted}, and is {}", kind(value))
        })
    }

    /// The node to which a dynamic reference leads here: that of the outermost resource which has the anchor.
    pub(crate) fn dynamic(&self, rule: &crate::node::Dynamic) -> NodeId {
        let of = |resource: &ResourceId| {
            let anchor = rule.anchors.iter().find(|(of, _)| of == resource);
            anchor.map(|(_, node)| *node)
        };
        self.scope.iter().find_map(of).unwrap_or(rule.node)
    }

    /// Whether a rule holds.
    fn holds(
        &mut self,
        id: NodeId,
        rule: &'s Rule,
        value: &'v Value,
        mut seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        match rule {
            Rule::Ref(_, to) => self.fits(*to, value, seen),
            Rule::DynamicRef(rule) => {
                self.pay((rule.anchors.len() * self.scope.len()) as u64 / 4)?;
                self.fits(self.dynamic(rule), value, seen)
            }
            Rule::AllOf(nodes) => {
                let mut fits = true;
                for node in nodes {
                    fits &= self.fits(*node, value, seen.as_deref_mut())?;
                    if !fits && self.is_decided() {
                        return Ok(false);
                    }
                }
                Ok(fits)
            }
            Rule::AnyOf(nodes) => {
                let mut fits = false;
                for node in nodes {
                    fits |= self.tries(*node, value, seen.as_deref_mut())?;
                    // What the others see counts, too.
                    if fits && seen.is_none() {
                        return Ok(true);
                    }
                }
                match fits {
                    true => Ok(true),
                    false => self.fails(id, "anyOf", || {
                        format!("must fit at least one of the {} schemas", nodes.len())
                    }),
                }
            }
            Rule::OneOf(nodes) => {
                let mut fitting = Vec::new();
                let mut own = seen.is_some().then(Seen::default);
                for (number, node) in nodes.iter().enumerate() {
                    if self.tries(*node, value, own.as_mut())? {
                        fitting.push(number);
                    }
                    if fitting.len() > 1 {
                        break;
                    }
                }
                match (&fitting[..], seen, own) {
                    ([_], Some(seen), Some(own)) => seen.merge(own),
                    ([_], ..) => {}
                    ([], ..) => {
                        return self.fails(id, "oneOf", || {
                            format!("must fit one of the {} schemas", nodes.len())
                        });
                    }
                    ([first, second, ..], ..) => {
                        return self.fails(id, "oneOf", || {
                            format!("must fit only one schema, and fits {first} and {second}")
                        });
                    }
                }
                Ok(true)
            }
            Rule::Not(node) => match self.tries(*node, value, None)? {
                false => Ok(true),
                true => self.fails(id, "not", || "must not fit this schema".to_owned()),
            },
            Rule::If(rule) => {
                let branch = match self.tries(rule.condition, value, seen.as_deref_mut())? {
                    true => rule.then,
                    false => rule.otherwise,
                };
                branch.map_or(Ok(true), |branch| self.fits(branch, value, seen))
            }
            Rule::DependentSchemas(table) => {
                let Value::Object(members) = value else {
                    return Ok(true);
                };
                let mut fits = true;
                for (name, node) in table {
                    self.pay(2 + name.len() as u64 / 64)?;
                    if members.contains_key(&**name) {
                        fits &= self.fits(*node, value, seen.as_deref_mut())?;
                    }
                    if !fits && self.is_decided() {
                        return Ok(false);
                    }
                }
                Ok(fits)
            }
            rule => match value {
                Value::Object(members) => self.object_holds(id, rule, value, members, seen),
                Value::Array(items) => self.array_holds(id, rule, value, items, seen),
                _ => self.scalar_holds(id, rule, value),
            },
        }
    }
}
