//! The keywords of a subschema, each as a rule. What is known and of a wrong kind is refused; what is not known is ignored.

use serde_json::{Map, Value};
use stepwell_condition::shared::{compare, is_multiple};

use crate::compiler::{Compiled, Compiler, Place};
use crate::draft::Draft;
use crate::node::{
    Bound, Contains, If, Items, Least, NodeId, Properties, Rule, TYPES, Types, escape,
};

type Members = Map<String, Value>;

/// Makes the rule of a keyword that counts.
type MakeCount = fn(Least, u64) -> Rule;
/// Makes the rule of a keyword that combines schemas.
type MakeCombined = fn(Vec<NodeId>) -> Rule;

impl<'v> Compiler<'v> {
    /// What is said of the value itself.
    pub(crate) fn assertions(
        &mut self,
        members: &'v Members,
        place: Place,
        rules: &mut Vec<Rule>,
    ) -> Compiled<()> {
        let id = place.node;
        if let Some(types) = members.get("type") {
            rules.push(Rule::Type(self.types(types, id)?));
        }
        if let Some(value) = members.get("const")
            && self.draft >= Draft::Draft6
        {
            rules.push(Rule::Const(value.clone()));
        }
        if let Some(values) = members.get("enum") {
            let Value::Array(values) = values else {
                return self.wrong(id, "enum", "must be an array of values".into());
            };
            rules.push(Rule::Enum(values.clone()));
        }
        self.numbers(members, id, rules)?;
        let counts: [(&str, MakeCount, Least); 6] = [
            ("minLength", Rule::Length, Least::Least),
            ("maxLength", Rule::Length, Least::Most),
            ("minItems", Rule::Count, Least::Least),
            ("maxItems", Rule::Count, Least::Most),
            ("minProperties", Rule::Members, Least::Least),
            ("maxProperties", Rule::Members, Least::Most),
        ];
        for (keyword, rule, least) in counts {
            if let Some(count) = self.count(members, keyword, id)? {
                rules.push(rule(least, count));
            }
        }
        if let Some(pattern) = members.get("pattern") {
            let Value::String(pattern) = pattern else {
                return self.wrong(id, "pattern", "must be a regular expression".into());
            };
            rules.push(Rule::Pattern(self.regex(pattern, id, "pattern")?));
        }
        if let Some(required) = members.get("required") {
            rules.push(Rule::Required(self.texts(required, id, "required")?));
        }
        Ok(())
    }

    fn types(&self, types: &Value, id: NodeId) -> Compiled<Types> {
        let named = match types {
            Value::Array(types) if !types.is_empty() => types.iter().collect(),
            Value::Array(_) => Vec::new(),
            one => vec![one],
        };
        let mut bits = 0;
        for name in &named {
            let bit = name
                .as_str()
                .and_then(|name| TYPES.iter().position(|known| *known == name));
            bits |= bit.map_or(1 << 7, |bit| 1 << bit);
        }
        if bits == 0 || bits & (1 << 7) != 0 {
            let known = TYPES.join(", ");
            return self.wrong(id, "type", format!("must be of {known}, or a list of them"));
        }
        Ok(Types(bits))
    }

    fn numbers(&self, members: &Members, id: NodeId, rules: &mut Vec<Rule>) -> Compiled<()> {
        let number = |keyword: &str| match members.get(keyword) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number.as_str())),
            Some(_) => self.wrong(id, keyword, "must be a number".into()),
        };
        let bounds = [
            (
                "minimum",
                "exclusiveMinimum",
                Bound::Minimum,
                Bound::ExclusiveMinimum,
            ),
            (
                "maximum",
                "exclusiveMaximum",
                Bound::Maximum,
                Bound::ExclusiveMaximum,
            ),
        ];
        for (keyword, exclusive_keyword, bound, exclusive) in bounds {
            let is_exclusive = match members.get(exclusive_keyword) {
                Some(Value::Bool(is_exclusive)) if self.draft == Draft::Draft4 => *is_exclusive,
                Some(_) if self.draft == Draft::Draft4 => {
                    return self.wrong(id, exclusive_keyword, "must be true or false".into());
                }
                _ => false,
            };
            if let Some(text) = number(keyword)? {
                let bound = if is_exclusive { exclusive } else { bound };
                rules.push(Rule::Bound(bound, text.into()));
            }
            if self.draft >= Draft::Draft6
                && let Some(text) = number(exclusive_keyword)?
            {
                rules.push(Rule::Bound(exclusive, text.into()));
            }
        }
        if let Some(divisor) = number("multipleOf")? {
            if compare(divisor, "0").is_le() {
                return self.wrong(id, "multipleOf", "must be a number greater than 0".into());
            }
            if is_multiple("1", divisor).is_none() {
                let message = "must be a number of at most 18 digits".into();
                return self.wrong(id, "multipleOf", message);
            }
            rules.push(Rule::MultipleOf(divisor.into()));
        }
        Ok(())
    }

    /// What is said of items and members.
    pub(crate) fn containers(
        &mut self,
        members: &'v Members,
        place: Place,
        rules: &mut Vec<Rule>,
    ) -> Compiled<()> {
        let id = place.node;
        match members.get("uniqueItems") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => rules.push(Rule::UniqueItems),
            Some(_) => return self.wrong(id, "uniqueItems", "must be true or false".into()),
        }
        self.properties(members, place, rules)?;
        if self.draft >= Draft::Draft6 {
            if let Some(node) = self.child(members, "propertyNames", place)? {
                rules.push(Rule::PropertyNames(node));
            }
            if let Some(node) = self.child(members, "contains", place)? {
                let counts = self.draft >= Draft::Draft2019;
                let count = |keyword| match counts {
                    true => self.count(members, keyword, id),
                    false => Ok(None),
                };
                rules.push(Rule::Contains(Contains {
                    node,
                    least: count("minContains")?.unwrap_or(1),
                    most: count("maxContains")?,
                    sees: self.draft == Draft::Draft2020,
                }));
            }
        }
        self.items(members, place, rules)?;
        self.dependencies(members, place, rules)
    }

    fn properties(
        &mut self,
        members: &'v Members,
        place: Place,
        rules: &mut Vec<Rule>,
    ) -> Compiled<()> {
        let mut properties = Properties::default();
        for (name, node) in self.table(members, "properties", place)? {
            properties.named.insert(name.into(), node);
        }
        for (pattern, node) in self.table(members, "patternProperties", place)? {
            let keyword = format!("patternProperties/{}", escape(pattern));
            let regex = self.regex(pattern, place.node, &keyword)?;
            properties.patterns.push((regex, node));
        }
        properties.additional = self.child(members, "additionalProperties", place)?;
        let Properties {
            named,
            patterns,
            additional,
        } = &properties;
        if !named.is_empty() || !patterns.is_empty() || additional.is_some() {
            rules.push(Rule::Properties(Box::new(properties)));
        }
        Ok(())
    }

    fn items(&mut self, members: &'v Members, place: Place, rules: &mut Vec<Rule>) -> Compiled<()> {
        let mut items = Items::default();
        if self.draft == Draft::Draft2020 {
            items.first = self.list(members, "prefixItems", place)?;
            items.rest = self.child(members, "items", place)?;
        } else if let Some(Value::Array(_)) = members.get("items") {
            items.first = self.list(members, "items", place)?;
            items.rest = self.child(members, "additionalItems", place)?;
        } else {
            items.rest = self.child(members, "items", place)?;
        }
        if !items.first.is_empty() || items.rest.is_some() {
            rules.push(Rule::Items(items));
        }
        Ok(())
    }

    fn dependencies(
        &mut self,
        members: &'v Members,
        place: Place,
        rules: &mut Vec<Rule>,
    ) -> Compiled<()> {
        let (mut required, mut schemas) = (Vec::new(), Vec::new());
        let (of_required, of_schemas) = match self.draft {
            Draft::Draft2019 | Draft::Draft2020 => ("dependentRequired", "dependentSchemas"),
            _ => ("dependencies", "dependencies"),
        };
        let mut keywords = vec![of_required];
        if of_required != of_schemas {
            keywords.push(of_schemas);
        }
        for keyword in keywords {
            let Some(table) = members.get(keyword) else {
                continue;
            };
            let Value::Object(table) = table else {
                return self.wrong(place.node, keyword, "must be an object".into());
            };
            for (name, value) in table {
                let token = format!("{keyword}/{}", escape(name));
                let is_list = match keyword {
                    "dependencies" => value.is_array(),
                    keyword => keyword == of_required,
                };
                if is_list {
                    let texts = self.texts(value, place.node, &token)?;
                    required.push((name.as_str().into(), texts));
                } else {
                    schemas.push((name.as_str().into(), self.below(value, token, place)?));
                }
            }
        }
        if !required.is_empty() {
            rules.push(Rule::DependentRequired(of_required, required));
        }
        if !schemas.is_empty() {
            rules.push(Rule::DependentSchemas(schemas));
        }
        Ok(())
    }

    /// What combines subschemas.
    pub(crate) fn logic(
        &mut self,
        members: &'v Members,
        place: Place,
        rules: &mut Vec<Rule>,
    ) -> Compiled<()> {
        let combined: [(&str, MakeCombined); 3] = [
            ("allOf", Rule::AllOf),
            ("anyOf", Rule::AnyOf),
            ("oneOf", Rule::OneOf),
        ];
        for (keyword, rule) in combined {
            if members.contains_key(keyword) {
                let nodes = self.list(members, keyword, place)?;
                if nodes.is_empty() {
                    let message = "must be an array of at least one schema".into();
                    return self.wrong(place.node, keyword, message);
                }
                rules.push(rule(nodes));
            }
        }
        if let Some(node) = self.child(members, "not", place)? {
            rules.push(Rule::Not(node));
        }
        if self.draft >= Draft::Draft7 {
            let condition = self.child(members, "if", place)?;
            let then = self.child(members, "then", place)?;
            let otherwise = self.child(members, "else", place)?;
            if let Some(condition) = condition {
                rules.push(Rule::If(If {
                    condition,
                    then,
                    otherwise,
                }));
            }
        }
        Ok(())
    }

    /// What is said of that at which nothing else has looked.
    pub(crate) fn unevaluated(
        &mut self,
        members: &'v Members,
        place: Place,
        rules: &mut Vec<Rule>,
    ) -> Compiled<()> {
        if self.draft < Draft::Draft2019 {
            return Ok(());
        }
        if let Some(node) = self.child(members, "unevaluatedItems", place)? {
            rules.push(Rule::UnevaluatedItems(node));
        }
        if let Some(node) = self.child(members, "unevaluatedProperties", place)? {
            rules.push(Rule::UnevaluatedProperties(node));
        }
        Ok(())
    }
}
