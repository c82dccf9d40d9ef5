//! What rules say of a value of one kind.

use std::cmp::Ordering;

use serde_json::{Map, Value};
use stepwell_condition::shared::{compare, equal, is_integer, is_multiple};

use crate::check::{Check, Known, Step};
use crate::node::{Bound, Contains, Items, Least, NodeId, Properties, Rule, Types};
use crate::seen::Seen;
use crate::show;
use crate::unique::repeated;

/// Bytes of a name that are looked up or compared for one unit.
const NAME_BYTES: u64 = 32;

/// What a look at a name costs.
fn name_cost(name: &str) -> u64 {
    2 + name.len() as u64 / NAME_BYTES
}

impl<'s, 'v> Check<'s, 'v, '_> {
    /// Rules that look at values of any kind, and at texts and numbers.
    pub(crate) fn scalar_holds(
        &mut self,
        id: NodeId,
        rule: &'s Rule,
        value: &'v Value,
    ) -> Known<bool> {
        match rule {
            Rule::Never => self.fails(id, "", || "nothing is allowed here".to_owned()),
            Rule::Type(types) => {
                let digits = value.as_number().map_or(0, |number| number.as_str().len());
                self.pay(digits as u64 / NAME_BYTES)?;
                match is_of(*types, value) {
                    true => Ok(true),
                    false => self.is_no(id, "type", show::types(*types), value),
                }
            }
            Rule::Const(wanted) => match equal(wanted, value, self.budget)? {
                true => Ok(true),
                false => self.fails(id, "const", || {
                    format!("must be {}", show::values(std::slice::from_ref(wanted)))
                }),
            },
            Rule::Enum(wanted) => {
                for wanted in wanted {
                    if equal(wanted, value, self.budget)? {
                        return Ok(true);
                    }
                }
                self.fails(id, "enum", || {
                    format!("must be one of {}", show::values(wanted))
                })
            }
            _ => match value {
                Value::Number(number) => self.number_holds(id, rule, number.as_str()),
                Value::String(text) => self.text_holds(id, rule, text),
                _ => Ok(true),
            },
        }
    }

    fn number_holds(&mut self, id: NodeId, rule: &'s Rule, number: &str) -> Known<bool> {
        self.pay(match rule {
            // A division for each digit.
            Rule::MultipleOf(_) => number.len() as u64,
            _ => number.len() as u64 / 8,
        })?;
        match rule {
            Rule::Bound(bound, wanted) => {
                let order = compare(number, wanted);
                let holds = match bound {
                    Bound::Minimum => order != Ordering::Less,
                    Bound::Maximum => order != Ordering::Greater,
                    Bound::ExclusiveMinimum => order == Ordering::Greater,
                    Bound::ExclusiveMaximum => order == Ordering::Less,
                };
                let (keyword, says) = show::bound(*bound);
                match holds {
                    true => Ok(true),
                    false => self.fails(id, keyword, || {
                        format!("must be {says} {}", show::cut(wanted))
                    }),
                }
            }
            // Of a number beyond the exact ones it cannot be decided; such a number fails.
            Rule::MultipleOf(divisor) if is_multiple(number, divisor) != Some(true) => {
                self.fails(id, "multipleOf", || {
                    format!("must be a multiple of {}", show::cut(divisor))
                })
            }
            _ => Ok(true),
        }
    }

    fn text_holds(&mut self, id: NodeId, rule: &'s Rule, text: &str) -> Known<bool> {
        match rule {
            Rule::Length(least, wanted) => {
                self.pay(text.len() as u64 / 128)?;
                let there = text.chars().count() as u64;
                let keyword = match least {
                    Least::Least => "minLength",
                    Least::Most => "maxLength",
                };
                self.counts(id, (keyword, "characters"), *least, *wanted, there)
            }
            Rule::Pattern(regex) => match regex.is_found_in(text, self.budget)? {
                true => Ok(true),
                false => self.fails(id, "pattern", || {
                    format!("must match the pattern `{}`", show::cut(regex.as_str()))
                }),
            },
            _ => Ok(true),
        }
    }

    fn counts(
        &mut self,
        id: NodeId,
        (keyword, of): (&str, &str),
        least: Least,
        wanted: u64,
        there: u64,
    ) -> Known<bool> {
        let holds = match least {
            Least::Least => there >= wanted,
            Least::Most => there <= wanted,
        };
        match holds {
            true => Ok(true),
            false => self.fails(id, keyword, || show::count(least, wanted, of, there)),
        }
    }

    pub(crate) fn object_holds(
        &mut self,
        id: NodeId,
        rule: &'s Rule,
        value: &'v Value,
        members: &'v Map<String, Value>,
        seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        match rule {
            Rule::Members(least, wanted) => {
                let keyword = match least {
                    Least::Least => "minProperties",
                    Least::Most => "maxProperties",
                };
                let there = members.len() as u64;
                self.counts(id, (keyword, "members"), *least, *wanted, there)
            }
            Rule::Required(wanted) => self.has_all(id, "required", wanted, members),
            Rule::DependentRequired(keyword, table) => {
                let mut holds = true;
                for (name, wanted) in table {
                    self.pay(name_cost(name))?;
                    if members.contains_key(&**name) {
                        holds &= self.has_all(id, keyword, wanted, members)?;
                    }
                    if !holds && self.is_decided() {
                        break;
                    }
                }
                Ok(holds)
            }
            Rule::Properties(properties) => self.properties_hold(properties, members, seen),
            Rule::PropertyNames(node) => {
                for name in members.keys() {
                    self.pay(name_cost(name))?;
                    if !self.name_fits(*node, name)? {
                        return self.fails(id, "propertyNames", || {
                            let name = show::names(std::iter::once(name.as_str()));
                            format!("the name {name} does not fit")
                        });
                    }
                }
                Ok(true)
            }
            Rule::UnevaluatedProperties(node) => {
                let mut holds = true;
                let Some(seen) = seen else { return Ok(true) };
                for (name, member) in members {
                    self.pay(name_cost(name))?;
                    if !seen.has_member(name) {
                        holds &= self.part_fits(*node, Step::Member(name), member)?;
                    }
                    if !holds && self.is_decided() {
                        return Ok(false);
                    }
                }
                seen.all_members();
                Ok(holds)
            }
            _ => self.scalar_holds(id, rule, value),
        }
    }

    fn has_all(
        &mut self,
        id: NodeId,
        keyword: &str,
        wanted: &'s [Box<str>],
        members: &Map<String, Value>,
    ) -> Known<bool> {
        let mut missing = Vec::new();
        for name in wanted {
            self.pay(name_cost(name))?;
            if !members.contains_key(&**name) {
                missing.push(&**name);
            }
        }
        if missing.is_empty() {
            return Ok(true);
        }
        self.fails(id, keyword, || {
            format!("must have {}", show::names(missing.into_iter()))
        })
    }

    fn properties_hold(
        &mut self,
        properties: &'s Properties,
        members: &'v Map<String, Value>,
        mut seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        let mut holds = true;
        for (name, member) in members {
            self.pay(name_cost(name))?;
            let mut is_known = false;
            if let Some(node) = properties.named.get(name.as_str()) {
                is_known = true;
                holds &= self.part_fits(*node, Step::Member(name), member)?;
            }
            for (regex, node) in &properties.patterns {
                if regex.is_found_in(name, self.budget)? {
                    is_known = true;
                    holds &= self.part_fits(*node, Step::Member(name), member)?;
                }
            }
            if let (false, Some(node)) = (is_known, properties.additional) {
                is_known = true;
                holds &= self.part_fits(node, Step::Member(name), member)?;
            }
            if let (true, Some(seen)) = (is_known, seen.as_deref_mut()) {
                seen.member(name);
            }
            if !holds && self.is_decided() {
                return Ok(false);
            }
        }
        Ok(holds)
    }

    pub(crate) fn array_holds(
        &mut self,
        id: NodeId,
        rule: &'s Rule,
        value: &'v Value,
        items: &'v [Value],
        seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        match rule {
            Rule::Count(least, wanted) => {
                let keyword = match least {
                    Least::Least => "minItems",
                    Least::Most => "maxItems",
                };
                let there = items.len() as u64;
                self.counts(id, (keyword, "items"), *least, *wanted, there)
            }
            Rule::UniqueItems => match repeated(items, self.budget)? {
                None => Ok(true),
                Some((one, other)) => self.fails(id, "uniqueItems", || {
                    format!("items {one} and {other} are the same, and all must differ")
                }),
            },
            Rule::Items(rule) => self.items_hold(rule, items, seen),
            Rule::Contains(rule) => self.contains_holds(id, rule, items, seen),
            Rule::UnevaluatedItems(node) => {
                let mut holds = true;
                let Some(seen) = seen else { return Ok(true) };
                for (number, item) in items.iter().enumerate() {
                    self.pay(1)?;
                    if !seen.has_item(number) {
                        holds &= self.part_fits(*node, Step::Item(number), item)?;
                    }
                    if !holds && self.is_decided() {
                        return Ok(false);
                    }
                }
                seen.items_before(usize::MAX);
                Ok(holds)
            }
            _ => self.scalar_holds(id, rule, value),
        }
    }

    fn items_hold(
        &mut self,
        rule: &'s Items,
        items: &'v [Value],
        seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        let mut holds = true;
        for (number, item) in items.iter().enumerate() {
            let Some(node) = rule.first.get(number).copied().or(rule.rest) else {
                break;
            };
            holds &= self.part_fits(node, Step::Item(number), item)?;
            if !holds && self.is_decided() {
                return Ok(false);
            }
        }
        if let Some(seen) = seen {
            seen.items_before(match rule.rest {
                Some(_) => usize::MAX,
                None => rule.first.len(),
            });
        }
        Ok(holds)
    }

    fn contains_holds(
        &mut self,
        id: NodeId,
        rule: &'s Contains,
        items: &'v [Value],
        mut seen: Option<&mut Seen<'v>>,
    ) -> Known<bool> {
        let mut there = 0;
        for (number, item) in items.iter().enumerate() {
            if self.tries(rule.node, item, None)? {
                there += 1;
                if let (true, Some(seen)) = (rule.sees, seen.as_deref_mut()) {
                    self.pay(4)?;
                    seen.item(number);
                }
            }
            if seen.is_none() && rule.most.is_none() && there >= rule.least {
                return Ok(true);
            }
        }
        if there < rule.least {
            let keyword = if there == 0 {
                "contains"
            } else {
                "minContains"
            };
            return self.fails(id, keyword, || {
                show::count(Least::Least, rule.least, "items that fit", there)
            });
        }
        match rule.most {
            Some(most) if there > most => self.fails(id, "maxContains", || {
                show::count(Least::Most, most, "items that fit", there)
            }),
            _ => Ok(true),
        }
    }
}

fn is_of(types: Types, value: &Value) -> bool {
    let has = |bit: usize| types.0 & (1 << bit) != 0;
    match value {
        Value::Null => has(0),
        Value::Bool(_) => has(1),
        Value::Number(number) => has(3) || has(2) && is_integer(number.as_str()),
        Value::String(_) => has(4),
        Value::Array(_) => has(5),
        Value::Object(_) => has(6),
    }
}
