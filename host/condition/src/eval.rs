//! Whether a pattern matches. Allocates nothing but a text that a
//! regular expression reads in another form, recurses no deeper than the pattern (which the
//! parser bounds), and does no more work than its [`Budget`] allows.

use serde_json::Value;

use crate::items::{Item, Items};
use crate::node::{Comparison, Constant, Expression, Key, Node};
use crate::number;

/// How much work matching may do. One unit is about one visit of one value by one condition, some
/// 10 to 20 ns; texts, numbers and names of members cost more the longer they are, and a regular
/// expression costs by the byte that it reads. Work ends as soon as the budget is spent: a pattern of
/// thousands of conditions over an array of thousands of elements would otherwise hold a thread for
/// minutes.
#[derive(Debug, Clone)]
pub struct Budget(u64);

/// A budget was spent before the answer was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("matching took more work than it may")]
pub struct Spent;

/// What a look at a document comes to, if its budget lasts.
pub(crate) type Known<T> = Result<T, Spent>;

impl Budget {
    /// What one [`Pattern::matches`](crate::Pattern::matches) may use: some 50 ms, ten thousand
    /// times what a usual pattern needs.
    pub const UNITS: u64 = 4_000_000;

    /// A budget of so many units. It may be shared by many patterns.
    pub fn new(units: u64) -> Self {
        Self(units)
    }

    /// The units that are left.
    pub fn left(&self) -> u64 {
        self.0
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes units for work that was done beside matching, as far as there are some.
    pub fn charge(&mut self, units: u64) {
        self.0 = self.0.saturating_sub(units);
    }

    pub(crate) fn spend(&mut self, units: u64) -> Known<()> {
        self.charge(units);
        if self.is_spent() {
            return Err(Spent);
        }
        Ok(())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Self::UNITS)
    }
}

/// Whether the node matches the value; `None` is a missing one.
pub(crate) fn matches(node: &Node, value: Option<&Value>, budget: &mut Budget) -> Known<bool> {
    budget.spend(1)?;
    match (node, value) {
        (Node::Is(constant), value) => equals(constant, value, budget),
        (Node::Object(members), Some(Value::Object(map))) => all(members, |(key, node)| {
            budget.spend(key.cost())?;
            matches(node, key.find(map), budget)
        }),
        (Node::Array(nodes), Some(Value::Array(items))) => all(nodes, |node| {
            any(items, |item| matches(node, Some(item), budget))
        }),
        (Node::Type(kinds), Some(value)) => Ok(kinds.has(value)),
        (Node::Regex(expression), Some(Value::String(text))) => found(expression, text, budget),
        (Node::In(items), value) => Ok(one_of(items, value, budget)?
            || any(elements(value), |element| {
                one_of(items, Some(element), budget)
            })?),
        (Node::Compare(comparison, operand), Some(value)) => {
            let mut holds = |value: &Value| stands(*comparison, operand, value, budget);
            Ok(holds(value)? || any(elements(Some(value)), holds)?)
        }
        (Node::Exists(there), value) => Ok(value.is_some() == *there),
        (Node::ElemMatch(node), Some(Value::Array(items))) => {
            any(items, |item| matches(node, Some(item), budget))
        }
        (Node::Size(size), Some(Value::Array(items))) => Ok(items.len() as u64 == *size),
        (Node::Mod(divisor, rest), Some(value)) => {
            let mut holds = |value: &Value| {
                budget.spend(cost(value))?;
                Ok(value.as_number().is_some_and(|number| {
                    number::remainder(number.as_str(), *divisor) == Some(*rest)
                }))
            };
            Ok(holds(value)? || any(elements(Some(value)), holds)?)
        }
        (Node::All(nodes), value) => all(nodes, |node| matches(node, value, budget)),
        (Node::Any(nodes), value) => any(nodes, |node| matches(node, value, budget)),
        (Node::Not(node), value) => Ok(!matches(node, value, budget)?),
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
        ) => Ok(false),
    }
}

/// Whether one holds; looks at none behind it.
fn any<'v, T>(values: &'v [T], mut holds: impl FnMut(&'v T) -> Known<bool>) -> Known<bool> {
    for value in values {
        if holds(value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether all hold; looks at none behind the first that does not.
fn all<'v, T>(values: &'v [T], mut holds: impl FnMut(&'v T) -> Known<bool>) -> Known<bool> {
    Ok(!any(values, |value| Ok(!holds(value)?))?)
}

fn elements(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        _ => &[],
    }
}

/// What one look at the value costs; only a number of hundreds of digits costs more than a unit.
fn cost(value: &Value) -> u64 {
    1 + value
        .as_number()
        .map_or(0, |number| number.as_str().len() as u64 / 32)
}

/// What it costs to compare texts that are the same up to this length, in bytes.
fn text_cost(length: usize) -> u64 {
    length as u64 / 64
}

fn stands(
    comparison: Comparison,
    operand: &Constant,
    value: &Value,
    budget: &mut Budget,
) -> Known<bool> {
    budget.spend(cost(value))?;
    Ok(match (operand, value) {
        (Constant::Number(own), Value::Number(number)) => {
            comparison.holds(own.order_of(number.as_str()))
        }
        (Constant::String(own), Value::String(text)) => {
            budget.spend(text_cost(own.len().min(text.len())))?;
            comparison.holds(text.as_str().cmp(own))
        }
        _ => false,
    })
}

/// Whether the value equals one of the items.
fn one_of(items: &Items, value: Option<&Value>, budget: &mut Budget) -> Known<bool> {
    let Some(lookup) = items.lookup() else {
        return any(items, |item| is_it(item, value, budget));
    };
    let (candidates, cost) = lookup.candidates(value);
    budget.spend(cost)?;
    for place in candidates {
        if is_it(&items[place], value, budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_it(item: &Item, value: Option<&Value>, budget: &mut Budget) -> Known<bool> {
    budget.spend(1)?;
    match (item, value) {
        (Item::Constant(constant), value) => equals(constant, value, budget),
        (Item::Expression(expression), Some(Value::String(text))) => {
            found(expression, text, budget)
        }
        (Item::Expression(_), _) => Ok(false),
    }
}

fn equals(constant: &Constant, value: Option<&Value>, budget: &mut Budget) -> Known<bool> {
    Ok(match (constant, value) {
        (Constant::Null, None | Some(Value::Null)) => true,
        (Constant::Bool(own), Some(Value::Bool(other))) => own == other,
        (Constant::Number(own), Some(number @ Value::Number(other))) => {
            budget.spend(cost(number))?;
            own.order_of(other.as_str()).is_eq()
        }
        (Constant::String(own), Some(Value::String(other))) => same_text(own, other, budget)?,
        (Constant::Whole(own), Some(other)) => whole(own, other, budget)?,
        _ => false,
    })
}

fn same_text(own: &str, other: &str, budget: &mut Budget) -> Known<bool> {
    if own.len() != other.len() {
        return Ok(false);
    }
    budget.spend(text_cost(own.len()))?;
    Ok(own == other)
}

/// Equality of whole values: numbers by value, members in any order. As deep as `own` at most.
pub(crate) fn whole(own: &Value, other: &Value, budget: &mut Budget) -> Known<bool> {
    budget.spend(cost(other))?;
    match (own, other) {
        (Value::Object(own), Value::Object(other)) => {
            if own.len() != other.len() {
                return Ok(false);
            }
            for (key, own) in own {
                budget.spend(Key::cost_of(key))?;
                match other.get(key) {
                    Some(other) if whole(own, other, budget)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::Array(own), Value::Array(other)) => {
            if own.len() != other.len() {
                return Ok(false);
            }
            let mut others = other.iter();
            all(own, |own| match others.next() {
                Some(other) => whole(own, other, budget),
                None => Ok(false),
            })
        }
        (Value::Number(own), Value::Number(other)) => {
            Ok(number::compare(own.as_str(), other.as_str()).is_eq())
        }
        (Value::String(own), Value::String(other)) => same_text(own, other, budget),
        (own, other) => Ok(own == other),
    }
}

fn found(expression: &Expression, text: &str, budget: &mut Budget) -> Known<bool> {
    if text.len() > expression.longest {
        return Ok(false);
    }
    budget.spend(expression.cost(text.len()))?;
    Ok(expression.is_found_in(text))
}
