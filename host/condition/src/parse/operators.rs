//! The operators: what each takes, and the error for anything else.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Parsed, Parser, PatternError, REGEXES, nearest, shorten};
use crate::expression::{self, Dialect, Fault};
use crate::items::{Item, Items};
use crate::node::{Comparison, Constant, Expression, Kinds, Node};
use crate::number;

pub(super) const OPERATORS: [&str; 21] = [
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$exists",
    "$type",
    "$regex",
    "$options",
    "$flags",
    "$all",
    "$elemMatch",
    "$size",
    "$mod",
    "$and",
    "$or",
    "$nor",
    "$not",
];

impl Parser {
    /// One operator; `map` is the object it stands in.
    pub(super) fn operator(
        &mut self,
        map: &Map<String, Value>,
        name: &str,
        operand: &Value,
        root: bool,
    ) -> Parsed<Node> {
        let inner = if root { Self::root } else { Self::pattern };
        Ok(match name {
            // A script's expression; as a value it would be equal to nothing.
            "$eq" | "$ne" if is_script_regex(operand) => {
                return self.refuse(format!(
                    "`{name}` compares with a value, and this is a regular expression; leave `$eq` out, and for `$ne` write `$not`"
                ));
            }
            "$eq" => equal(self.constant(operand)?),
            "$ne" => not(equal(self.constant(operand)?)),
            "$gt" => self.comparison(Comparison::Gt, name, operand)?,
            "$gte" => self.comparison(Comparison::Gte, name, operand)?,
            "$lt" => self.comparison(Comparison::Lt, name, operand)?,
            "$lte" => self.comparison(Comparison::Lte, name, operand)?,
            "$in" => self.items(name, operand)?,
            "$nin" => not(self.items(name, operand)?),
            "$all" => self.all(name, operand)?,
            "$and" => Node::All(self.branches(name, operand, inner)?),
            "$or" => Node::Any(self.branches(name, operand, inner)?),
            "$nor" => not(Node::Any(self.branches(name, operand, inner)?)),
            "$not" => match operand {
                Value::Object(_) => not(inner(self, operand)?),
                Value::Array(_) if !root => not(inner(self, operand)?),
                other => {
                    let hint = if root {
                        "an object"
                    } else {
                        "an object, such as {\"$lt\": 3}, or an array; for a single value use `$ne`"
                    };
                    return self.wrong(name, hint, other);
                }
            },
            "$elemMatch" => self.elem_match(name, operand)?,
            "$exists" => match operand {
                Value::Bool(there) => Node::Exists(*there),
                other => return self.wrong(name, "true or false", other),
            },
            "$size" => match operand.as_number().map(|n| number::integer(n.as_str())) {
                Some(Some(size @ 0..)) => Node::Size(size.unsigned_abs()),
                Some(_) => return self.refuse("`$size` takes a whole number from 0 up".to_owned()),
                None => return self.wrong(name, "a whole number from 0 up", operand),
            },
            "$mod" => self.modulo(operand)?,
            "$type" => Node::Type(self.kinds(operand)?),
            "$regex" => Node::Regex(self.expression(map, operand)?),
            "$options" | "$flags" => {
                return self.refuse(format!(
                    "`{name}` belongs to `$regex`, and there is none beside it"
                ));
            }
            unknown => return self.unknown(unknown, root),
        })
    }

    fn comparison(&mut self, comparison: Comparison, name: &str, operand: &Value) -> Parsed<Node> {
        match operand {
            Value::Number(_) | Value::String(_) => {
                Ok(Node::Compare(comparison, self.constant(operand)?))
            }
            other => self.wrong(name, "a number or a string", other),
        }
    }

    fn items(&mut self, name: &str, operand: &Value) -> Parsed<Node> {
        let Value::Array(values) = operand else {
            return self.wrong(name, "an array of values", operand);
        };
        let items = self.each(values, |parser, value| {
            parser.enter(|parser| parser.item(name, value))
        })?;
        Ok(Node::In(items.into_iter().collect()))
    }

    /// A value of `$in`, `$nin` or `$all`: a constant, or an object with `$regex`.
    fn item(&mut self, operator: &str, value: &Value) -> Parsed<Item> {
        let Some(map) = value.as_object() else {
            return Ok(Item::Constant(self.constant(value)?));
        };
        if let Some(operand) = map.get("$regex") {
            if let Some(other) = map.keys().find(|key| *key != "$regex" && !is_letters(key)) {
                let other = shorten(other, 40);
                return self.refuse(format!(
                    "`{other}` cannot stand beside `$regex` in `{operator}`"
                ));
            }
            return self.at("$regex", |parser| {
                Ok(Item::Expression(parser.expression(map, operand)?))
            });
        }
        match map.keys().find(|name| name.starts_with('$')) {
            Some(name) => {
                let message = format!(
                    "`{operator}` takes values and `$regex`, not `{}`; combine patterns with `$or` or `$and`",
                    shorten(name, 40)
                );
                self.at(name, |parser| parser.refuse(message))
            }
            None => Ok(Item::Constant(self.constant(value)?)),
        }
    }

    /// MongoDB's definition: `{$all: [a, b]}` is `{$and: [{$eq: a}, {$eq: b}]}`, and of none nothing
    /// matches.
    fn all(&mut self, name: &str, operand: &Value) -> Parsed<Node> {
        let Value::Array(values) = operand else {
            return self.wrong(name, "an array of values", operand);
        };
        if values.is_empty() {
            return Ok(Node::In(Items::default()));
        }
        let nodes = self.each(values, |parser, value| {
            match value.as_object().map(|map| (map, map.get("$elemMatch"))) {
                Some((map, Some(inner))) if map.len() == 1 => parser.at("$elemMatch", |parser| {
                    parser.elem_match("$elemMatch", inner)
                }),
                _ => {
                    let item = parser.enter(|parser| parser.item(name, value))?;
                    Ok(Node::In([item].into_iter().collect()))
                }
            }
        })?;
        Ok(Node::All(nodes.into()))
    }

    fn elem_match(&mut self, name: &str, operand: &Value) -> Parsed<Node> {
        match operand {
            Value::Object(_) => Ok(Node::ElemMatch(self.pattern(operand)?.into())),
            other => self.wrong(
                name,
                "an object: a pattern for one element; for a single value use `$in`",
                other,
            ),
        }
    }

    fn branches(
        &mut self,
        name: &str,
        operand: &Value,
        inner: fn(&mut Self, &Value) -> Parsed<Node>,
    ) -> Parsed<Box<[Node]>> {
        match operand {
            Value::Array(values) if !values.is_empty() => Ok(self.each(values, inner)?.into()),
            Value::Array(_) => self.refuse(format!(
                "`{name}` takes an array of at least one pattern, and this one is empty"
            )),
            other => self.wrong(name, "an array of patterns", other),
        }
    }

    fn modulo(&mut self, operand: &Value) -> Parsed<Node> {
        const RIGHT: &str = "an array of two whole numbers, [divisor, remainder]";
        let Some([divisor, rest]) = operand.as_array().map(Vec::as_slice) else {
            return match operand {
                Value::Array(values) => self.refuse(format!(
                    "`$mod` takes {RIGHT}, and this has {} elements",
                    values.len()
                )),
                other => self.wrong("$mod", RIGHT, other),
            };
        };
        let whole = |value: &Value| number::integer(value.as_number()?.as_str());
        match (whole(divisor), whole(rest)) {
            (Some(0), _) => self.at("0", |parser| {
                parser.refuse("the divisor of `$mod` cannot be 0".to_owned())
            }),
            (Some(divisor), Some(rest)) => Ok(Node::Mod(divisor, rest)),
            (None, _) => self.at("0", |parser| {
                parser.refuse("the divisor of `$mod` must be a whole number of 64 bits".to_owned())
            }),
            (_, None) => self.at("1", |parser| {
                parser
                    .refuse("the remainder of `$mod` must be a whole number of 64 bits".to_owned())
            }),
        }
    }

    fn kinds(&mut self, operand: &Value) -> Parsed<Kinds> {
        let mut kinds = Kinds::default();
        match operand {
            Value::String(name) => self.kind(&mut kinds, name)?,
            Value::Array(names) if !names.is_empty() => {
                self.each(names, |parser, name| match name {
                    Value::String(name) => parser.kind(&mut kinds, name),
                    other => parser.wrong("$type", "names of kinds", other),
                })?;
            }
            Value::Array(_) => {
                return self
                    .refuse("`$type` takes at least one kind, and this is empty".to_owned());
            }
            other => return self.wrong("$type", "a kind, such as \"string\", or a list", other),
        }
        Ok(kinds)
    }

    fn kind(&mut self, kinds: &mut Kinds, name: &str) -> Parsed<()> {
        if kinds.add(name) {
            return Ok(());
        }
        let meant = match name {
            "bool" => Some("boolean"),
            "int" | "integer" | "long" | "double" | "decimal" | "float" => Some("number"),
            "list" => Some("array"),
            _ => nearest(name, Kinds::NAMES),
        };
        self.refuse(format!(
            "`{}` is not a kind; {}the kinds are {}",
            shorten(name, 40),
            meant.map_or(String::new(), |meant| format!("did you mean `{meant}`? ")),
            Kinds::NAMES.join(", ")
        ))
    }

    /// `$regex` with the `$options` or `$flags` beside it in `map`.
    fn expression(&mut self, map: &Map<String, Value>, operand: &Value) -> Parsed<Arc<Expression>> {
        self.regexes += 1;
        if self.regexes > REGEXES {
            return self.refuse(format!(
                "a condition may have {REGEXES} regular expressions, and this is one more; alternatives fit into one, as in \"a|b\""
            ));
        }
        let Value::String(text) = operand else {
            return self.wrong("$regex", "a string", operand);
        };
        let (name, right, letters) = match (map.get("$options"), map.get("$flags")) {
            (options, None) => ("$options", "a string of the letters `imsx`", options),
            (None, flags) => ("$flags", "a string of the letters `dgimsuv`", flags),
            (Some(_), Some(_)) => {
                let both = "`$flags` makes the expression JavaScript's, which has no `$options`; leave one out";
                return self
                    .refuse(both.to_owned())
                    .map_err(|error| beside(error, "$options"));
            }
        };
        let letters = match letters {
            None => "",
            Some(Value::String(letters)) => letters,
            Some(other) => {
                let error = self.wrong(name, right, other);
                return error.map_err(|error| beside(error, name));
            }
        };
        let dialect = match name {
            "$flags" => Dialect::Flags(letters),
            _ => Dialect::Options(letters),
        };
        match expression::compile(text, dialect) {
            Ok(expression) => Ok(expression),
            Err(Fault::Expression(message)) => self.refuse(message),
            Err(Fault::Letters(message)) => {
                self.refuse(message).map_err(|error| beside(error, name))
            }
        }
    }

    fn unknown<T>(&self, name: &str, root: bool) -> Parsed<T> {
        let known: Vec<&str> = if root {
            vec!["$via", "$and", "$or", "$nor", "$not"]
        } else {
            OPERATORS.to_vec()
        };
        self.refuse(format!(
            "`{}` is not an operator; {}",
            shorten(name, 40),
            match nearest(name, known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if root =>
                    "at the root these are allowed: $via, $and, $or, $nor, $not".to_owned(),
                None => format!("the operators are {}", OPERATORS.join(", ")),
            }
        ))
    }
}

fn equal(constant: Constant) -> Node {
    Node::In([Item::Constant(constant)].into_iter().collect())
}

fn not(node: Node) -> Node {
    Node::Not(Box::new(node))
}

fn is_script_regex(operand: &Value) -> bool {
    operand.get("$regex").is_some() && operand.get("$flags").is_some()
}

/// Whether the name is of what stands beside a `$regex` and says how to read it.
pub(super) fn is_letters(name: &str) -> bool {
    matches!(name, "$options" | "$flags")
}

/// The fault is in what stands under `name` beside the `$regex` that the pointer leads to.
fn beside(mut error: PatternError, name: &str) -> PatternError {
    if let Some(parent) = error.pointer.strip_suffix("/$regex") {
        error.pointer = format!("{parent}/{name}");
    }
    error
}
