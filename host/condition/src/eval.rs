//! Whether a pattern matches. Allocates nothing but a text that a
//! regular expression reads in another form, recurses no deeper than the pattern (which the
//! parser bounds), and does no more work than its [`Budget`] allows.

use serde_json::Value;

use crate::node::{Constant, Expression, Item, Node};
use crate::number;

/// How much work matching may do. One unit is about one visit of one value by one condition, 10 to
/// 20 ns. When it is used up nothing matches any more: a pattern of thousands of conditions over an
/// array of thousands of elements would otherwise hold a thread for minutes.
#[derive(Debug, Clone)]
pub struct Budget(u64);

impl Budget {
    /// What one [`Pattern::matches`](crate::Pattern::matches) may use: some 50 ms, ten thousand
    /// times what a usual pattern needs.
    pub const UNITS: u64 = 4_000_000;

    /// A budget of so many units. It may be shared by many patterns.
    pub fn new(units: u64) -> Self {
        Self(units)
    }

    /// Whether it is used up, so that the answers since then are `false` whatever the data.
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    pub(crate) fn spend(&mut self, units: u64) -> bool {
        self.0 = self.0.saturating_sub(units);
        self.0 > 0
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Self::UNITS)
    }
}

/// Whether the node matches the value; `None` is a missing one. Only meaningful while the budget is
/// not spent.
pub(crate) fn matches(node: &Node, value: Option<&Value>, budget: &mut Budget) -> bool {
    if !budget.spend(1) {
        return false;
    }
    match (node, value) {
        (Node::Is(constant), value) => equals(constant, value, budget),
        (Node::Object(members), Some(Value::Object(map))) => members
            .iter()
            .all(|(key, node)| matches(node, key.find(map), budget)),
        (Node::Array(nodes), Some(Value::Array(items))) => nodes
            .iter()
            .all(|node| items.iter().any(|item| matches(node, Some(item), budget))),
        (Node::Type(kinds), Some(value)) => kinds.has(value),
        (Node::Regex(expression), Some(Value::String(text))) => found(expression, text, budget),
        (Node::In(items), value) => {
            one_of(items, value, budget)
                || elements(value).any(|element| one_of(items, Some(element), budget))
        }
        (Node::Compare(comparison, operand), Some(value)) => {
            let mut holds = |value: &Value| {
                budget.spend(cost(value))
                    && match (operand, value) {
                        (Constant::Number(own), Value::Number(number)) => {
                            comparison.holds(own.order_of(number.as_str()))
                        }
                        (Constant::String(own), Value::String(text)) => {
                            comparison.holds(text.as_str().cmp(own))
                        }
                        _ => false,
                    }
            };
            holds(value) || elements(Some(value)).any(holds)
        }
        (Node::Exists(there), value) => value.is_some() == *there,
        (Node::ElemMatch(node), Some(Value::Array(items))) => {
            items.iter().any(|item| matches(node, Some(item), budget))
        }
        (Node::Size(size), Some(Value::Array(items))) => items.len() as u64 == *size,
        (Node::Mod(divisor, rest), Some(value)) => {
            let mut holds = |value: &Value| {
                budget.spend(cost(value))
                    && value.as_number().is_some_and(|number| {
                        number::remainder(number.as_str(), *divisor) == Some(*rest)
                    })
            };
            holds(value) || elements(Some(value)).any(holds)
        }
        (Node::All(nodes), value) => nodes.iter().all(|node| matches(node, value, budget)),
        (Node::Any(nodes), value) => nodes.iter().any(|node| matches(node, value, budget)),
        (Node::Not(node), value) => !matches(node, value, budget),
        (
            Node::Object(_)
            | Node::Array(_)
            | Node::Type(_)
            | Node::Regex(_)
            | Node::Compare(..)
            | Node::ElemMatch(_)
            | Node::Size(_)
            | Node::Mod(..),
            _,
        ) => false,
    }
}

fn elements(value: Option<&Value>) -> std::slice::Iter<'_, Value> {
    match value {
        Some(Value::Array(items)) => items.iter(),
        _ => [].iter(),
    }
}

/// What one look at the value costs; only a number of hundreds of digits costs more than a unit.
fn cost(value: &Value) -> u64 {
    1 + value
        .as_number()
        .map_or(0, |number| number.as_str().len() as u64 / 32)
}

fn one_of(items: &[Item], value: Option<&Value>, budget: &mut Budget) -> bool {
    items.iter().any(|item| {
        budget.spend(1)
            && match (item, value) {
                (Item::Constant(constant), value) => equals(constant, value, budget),
                (Item::Expression(expression), Some(Value::String(text))) => {
                    found(expression, text, budget)
                }
                (Item::Expression(_), _) => false,
            }
    })
}

fn equals(constant: &Constant, value: Option<&Value>, budget: &mut Budget) -> bool {
    match (constant, value) {
        (Constant::Null, None | Some(Value::Null)) => true,
        (Constant::Bool(own), Some(Value::Bool(other))) => own == other,
        (Constant::Number(own), Some(number @ Value::Number(other))) => {
            budget.spend(cost(number)) && own.order_of(other.as_str()).is_eq()
        }
        (Constant::String(own), Some(Value::String(other))) => **own == **other,
        (Constant::Whole(own), Some(other)) => whole(own, other, budget),
        _ => false,
    }
}

/// Equality of whole values: numbers by value, members in any order. As deep as `own` at most.
fn whole(own: &Value, other: &Value, budget: &mut Budget) -> bool {
    budget.spend(cost(other))
        && match (own, other) {
            (Value::Object(own), Value::Object(other)) => {
                own.len() == other.len()
                    && own.iter().all(|(key, own)| {
                        other
                            .get(key)
                            .is_some_and(|other| whole(own, other, budget))
                    })
            }
            (Value::Array(own), Value::Array(other)) => {
                own.len() == other.len()
                    && own
                        .iter()
                        .zip(other)
                        .all(|(own, other)| whole(own, other, budget))
            }
            (Value::Number(own), Value::Number(other)) => {
                number::compare(own.as_str(), other.as_str()).is_eq()
            }
            (own, other) => own == other,
        }
}

fn found(expression: &Expression, text: &str, budget: &mut Budget) -> bool {
    text.len() <= expression.longest
        && budget.spend(1 + text.len() as u64 / 8 * expression.weight)
        && expression.is_found_in(text)
}
