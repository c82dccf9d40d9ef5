//! Examples that are outlines: members without their values, lists without their items, values of which one is meant.

use serde_json::{Deserializer, Value};

use super::schemas::Contract;

/// A part of an example.
enum Outline {
    /// `{"a": 1 | 2, "b", …}`: each member with the values that it may have, none if they are left out.
    Members(Vec<(String, Vec<Outline>)>),
    /// `[item, …]`: the items that are written out.
    Items(Vec<Outline>),
    /// A JSON value.
    Value(Value),
    /// `…`, or a word for what stands there.
    Omitted,
}

/// What is left to be read of an outline.
struct Reader<'t>(&'t str);

impl Reader<'_> {
    /// Whether it goes on with this, which is then read.
    fn eats(&mut self, token: char) -> bool {
        self.0 = self.0.trim_start();
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn json(&mut self) -> Value {
        let mut values = Deserializer::from_str(self.0).into_iter();
        let value = values.next().unwrap();
        let value = value.unwrap_or_else(|error| panic!("{}: {error}", self.0));
        self.0 = &self.0[values.byte_offset()..];
        value
    }

    fn outline(&mut self) -> Outline {
        if self.eats('{') {
            let mut members = Vec::new();
            while !self.eats('}') {
                if !self.eats('…') {
                    members.push(self.member());
                }
                self.eats(',');
            }
            return Outline::Members(members);
        }
        if self.eats('[') {
            let mut items = Vec::new();
            while !self.eats(']') {
                items.push(self.outline());
                self.eats(',');
            }
            return Outline::Items(items);
        }
        let is_word = |text: &str| {
            let literal = ["true", "false", "null"];
            text.starts_with(char::is_alphabetic) && !literal.iter().any(|it| text.starts_with(it))
        };
        if self.eats('…') {
            return Outline::Omitted;
        }
        if is_word(self.0) {
            self.0 = self.0.trim_start_matches(char::is_alphabetic);
            return Outline::Omitted;
        }
        Outline::Value(self.json())
    }

    fn member(&mut self) -> (String, Vec<Outline>) {
        self.0 = self.0.trim_start();
        let Value::String(name) = self.json() else {
            panic!("a member has no name before {}", self.0);
        };
        let mut values = Vec::new();
        if self.eats(':') {
            values.push(self.outline());
            while self.eats('|') {
                values.push(self.outline());
            }
        }
        (name, values)
    }
}

fn fits(contract: &Contract, schema: &Value, outline: &Outline) -> Result<(), String> {
    let shapes = contract.shapes(schema);
    match outline {
        Outline::Omitted => Ok(()),
        Outline::Value(value) => contract.check_by(schema, value),
        Outline::Items(items) => {
            let of = shapes.iter().find_map(|shape| shape.get("items"));
            let of = of.ok_or_else(|| format!("no array is expected: {schema}"))?;
            items.iter().try_for_each(|item| fits(contract, of, item))
        }
        Outline::Members(members) => {
            let known: Vec<&Value> = shapes
                .iter()
                .filter_map(|shape| shape.get("properties"))
                .collect();
            let is_free = known.is_empty() && shapes.iter().any(|shape| shape["type"] == "object");
            for (name, values) in members {
                match known.iter().find_map(|properties| properties.get(name)) {
                    Some(of) => {
                        for value in values {
                            fits(contract, of, value)
                                .map_err(|error| format!("{name}: {error}"))?;
                        }
                    }
                    None if is_free => {}
                    None => return Err(format!("there is no member {name}: {schema}")),
                }
            }
            Ok(())
        }
    }
}

/// Checks an outline by the type of that name: all that is written in it is the type's.
pub fn check(contract: &Contract, name: &str, text: &str) -> Result<(), String> {
    let mut reader = Reader(text);
    let outline = reader.outline();
    assert_eq!(reader.0.trim(), "", "{text} goes on");
    fits(contract, contract.schema(name), &outline)
}
