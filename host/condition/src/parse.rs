//! From a JSON value to a pattern. The value is a stranger's: depth, size and every operand are
//! checked here, so that nothing behind this module has to.

use serde_json::{Map, Value};

use crate::node::{Constant, Key, Node};
use crate::number;

mod nearest;
mod operators;

pub use nearest::nearest;
use operators::OPERATORS;

/// How deep a pattern may be nested, operators included. A task's data is as deep at most.
pub const DEPTH: usize = 64;
/// How many values (plain, object, array, operator) a pattern may consist of.
pub const NODES: usize = 10_000;
/// Bytes of all keys and strings of a pattern in sum.
pub const TEXT_BYTES: usize = 256 * 1024;
/// How many regular expressions a pattern may have; each may take 1 MiB when compiled.
pub const REGEXES: usize = 16;

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {message}", place(.pointer))]
pub struct PatternError {
    /// Where the fault is, an RFC 6901 pointer into the pattern; empty for the pattern itself.
    pub pointer: String,
    /// What is wrong and what would be right. One line, of bounded length.
    pub message: String,
}

fn place(pointer: &str) -> String {
    match pointer {
        "" => "the root".to_owned(),
        pointer => format!("`{}`", shorten(pointer, 200)),
    }
}

/// Parses a whole condition.
pub(crate) fn parse(value: &Value) -> Result<Node, PatternError> {
    Parser::default().root(value)
}

type Parsed<T> = Result<T, PatternError>;

#[derive(Default)]
struct Parser {
    pointer: String,
    depth: usize,
    nodes: usize,
    text: usize,
    regexes: usize,
}

impl Parser {
    /// A pattern for the whole data: plain keys, `$via` among them, and logical operators, mixed as
    /// one likes.
    fn root(&mut self, value: &Value) -> Parsed<Node> {
        let Value::Object(map) = value else {
            return self.refuse(format!(
                "a condition is an object such as {{\"$via\": {{\"name\": \"Contact Form\"}}}}, and this is {}",
                kind(value)
            ));
        };
        self.enter(|parser| {
            let mut members = Vec::new();
            let mut nodes = Vec::new();
            for (name, operand) in map {
                let plain = !name.starts_with('$') || name == "$via" || name.starts_with("$via.");
                if plain {
                    members.push(parser.member(name, operand)?);
                    continue;
                }
                let logical = matches!(name.as_str(), "$and" | "$or" | "$nor" | "$not");
                if !logical && OPERATORS.contains(&name.as_str()) {
                    return parser.at(name, |parser| {
                        parser.refuse(format!(
                            "`{name}` looks at one value, and this is the whole data; put it under the key it is about, as in {{\"total\": {{\"{name}\": …}}}}"
                        ))
                    });
                }
                nodes.push(parser.at(name, |parser| parser.operator(map, name, operand, true))?);
            }
            if nodes.is_empty() {
                return Ok(Node::Object(members.into()));
            }
            if !members.is_empty() {
                nodes.insert(0, Node::Object(members.into()));
            }
            Ok(Node::All(nodes.into()))
        })
    }

    /// A pattern for one value below the root.
    fn pattern(&mut self, value: &Value) -> Parsed<Node> {
        self.enter(|parser| match value {
            Value::Array(items) => {
                let nodes = parser.each(items, Self::pattern)?;
                Ok(Node::Array(nodes.into()))
            }
            Value::Object(map) => parser.object(map),
            scalar => Ok(Node::Is(parser.constant(scalar)?)),
        })
    }

    fn object(&mut self, map: &Map<String, Value>) -> Parsed<Node> {
        let operator = map.keys().find(|name| name.starts_with('$'));
        let plain = map.keys().find(|name| !name.starts_with('$'));
        match (operator, plain) {
            (Some(operator), Some(plain)) => {
                let (shown, plain) = (shorten(operator, 40), shorten(plain, 40));
                self.at(operator, |parser| {
                    parser.refuse(format!(
                        "the operator `{shown}` stands beside the plain key `{plain}`; only the root may mix them, here write {{\"$and\": [{{\"{plain}\": …}}, {{\"{shown}\": …}}]}}"
                    ))
                })
            }
            (None, _) => {
                let members = map
                    .iter()
                    .map(|(name, value)| self.member(name, value))
                    .collect::<Parsed<Vec<_>>>()?;
                Ok(Node::Object(members.into()))
            }
            (Some(_), None) => {
                let mut nodes = Vec::with_capacity(map.len());
                for (name, operand) in map {
                    if operators::is_letters(name) && map.contains_key("$regex") {
                        continue;
                    }
                    nodes.push(self.at(name, |parser| parser.operator(map, name, operand, false))?);
                }
                Ok(match nodes.pop() {
                    Some(only) if nodes.is_empty() => only,
                    last => Node::All(nodes.into_iter().chain(last).collect()),
                })
            }
        }
    }

    fn member(&mut self, name: &str, value: &Value) -> Parsed<(Key, Node)> {
        self.at(name, |parser| {
            parser.count_text(name)?;
            Ok((Key::new(name), parser.pattern(value)?))
        })
    }

    /// A value to be equal to, as a whole if it is an object or array.
    fn constant(&mut self, value: &Value) -> Parsed<Constant> {
        Ok(match value {
            Value::Null => Constant::Null,
            Value::Bool(value) => Constant::Bool(*value),
            Value::Number(value) => match number::Constant::new(value.as_str()) {
                Some(number) => Constant::Number(number),
                None => {
                    return self.refuse(format!(
                        "the number's exponent is out of bounds; up to {} is allowed",
                        number::EXPONENT
                    ));
                }
            },
            Value::String(text) => {
                self.count_text(text)?;
                Constant::String(text.as_str().into())
            }
            Value::Array(_) | Value::Object(_) => {
                self.whole(value)?;
                Constant::Whole(value.clone())
            }
        })
    }

    /// Checks the bounds of a constant object or array.
    fn whole(&mut self, value: &Value) -> Parsed<()> {
        self.enter(|parser| match value {
            Value::Array(items) => parser.each(items, Self::whole).map(drop),
            Value::Object(map) => map.iter().try_for_each(|(name, value)| {
                parser.at(name, |parser| {
                    parser.count_text(name)?;
                    parser.whole(value)
                })
            }),
            scalar => parser.constant(scalar).map(drop),
        })
    }

    fn wrong<T>(&self, name: &str, right: &str, operand: &Value) -> Parsed<T> {
        self.refuse(format!(
            "`{name}` takes {right}, and this is {}",
            kind(operand)
        ))
    }

    fn refuse<T>(&self, message: String) -> Parsed<T> {
        Err(PatternError {
            pointer: self.pointer.clone(),
            message,
        })
    }

    fn count_text(&mut self, text: &str) -> Parsed<()> {
        self.text += text.len();
        if self.text > TEXT_BYTES {
            return self.refuse(format!(
                "the condition's keys and strings have more than {TEXT_BYTES} bytes"
            ));
        }
        Ok(())
    }

    fn enter<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nodes += 1;
        if self.nodes > NODES {
            return self.refuse(format!("the condition has more than {NODES} values"));
        }
        if self.depth == DEPTH {
            return self.refuse(format!(
                "the condition is nested deeper than {DEPTH} levels"
            ));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn each<T>(
        &mut self,
        values: &[Value],
        mut parse: impl FnMut(&mut Self, &Value) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut parsed = Vec::new();
        for (index, value) in values.iter().enumerate() {
            parsed.push(self.at(&index.to_string(), |parser| parse(parser, value))?);
        }
        Ok(parsed)
    }

    /// Parses what is under `token`, with the pointer there.
    fn at<T>(&mut self, token: &str, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer
            .push_str(&token.replace('~', "~0").replace('/', "~1"));
        let result = inside(self);
        self.pointer.truncate(length);
        result
    }
}

/// What kind of value it is, with its article.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A text for a message: its first `most` characters, and a mark if there are more.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
