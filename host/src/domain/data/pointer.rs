//! RFC 6901 pointers into a JSON document: read, set and remove what they lead to.

use std::fmt;

use serde_json::{Map, Value};

use super::check::{RESERVED, VIA};
use crate::domain::limits;

/// Why a pointer could not be followed. Each message names the pointer and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// The text is no RFC 6901 pointer.
    #[error(
        "`{0}` is not a JSON pointer: it must be empty or begin with `/` (RFC 6901), e.g. `/customer/email`"
    )]
    NotAPointer(String),
    /// `~` that is not part of `~0` or `~1`.
    #[error("`{0}` is not a JSON pointer: `~` must be followed by `0` (for `~`) or `1` (for `/`)")]
    BadEscape(String),
    /// A scalar stands where an object or array is needed.
    #[error("`{pointer}` cannot be set: `{at}` is {kind}, not an object or array")]
    NotAContainer {
        /// The whole pointer.
        pointer: String,
        /// The part that leads to the scalar.
        at: String,
        /// The scalar's kind with its article.
        kind: &'static str,
    },
    /// An array has no such place.
    #[error(
        "`{pointer}` cannot be set: the array at `{at}` has {length} elements; use an index up to {length}, or `-` to append"
    )]
    NotAnIndex {
        /// The whole pointer.
        pointer: String,
        /// The part that leads to the array.
        at: String,
        /// The array's length.
        length: usize,
    },
    /// A member name that data may not have.
    #[error("`{0}` names a member that begins with `{RESERVED}`, which is reserved")]
    Reserved(String),
    /// More tokens than data may be deep.
    #[error("`{0}` leads deeper than the {max} levels that data may have", max = limits::DATA_DEPTH)]
    TooDeep(String),
    /// The whole document was removed.
    #[error("the whole document cannot be removed; set it to `{{}}` instead")]
    RootRemoved,
    /// The whole document was set to something else than an object.
    #[error("the whole document must stay an object, and this is {0}")]
    RootNotObject(&'static str),
    /// A place in `$via`.
    #[error(
        "`{0}` cannot be changed: `{VIA}` says how the task came in, and only the server writes it"
    )]
    ViaReadOnly(String),
    /// The whole document was set to one with another `$via`, or without it.
    #[error(
        "the whole document must keep its `{VIA}` as it is: that says how the task came in, and only the server writes it"
    )]
    RootVia,
}

/// A parsed RFC 6901 pointer: its unescaped tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    tokens: Vec<String>,
}

impl Pointer {
    /// Parses `""` (the whole document) or `/a/b~1c/0`.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let Some(rest) = text.strip_prefix('/') else {
            return if text.is_empty() {
                Ok(Self { tokens: Vec::new() })
            } else {
                Err(PointerError::NotAPointer(shorten(text)))
            };
        };
        if rest.split('/').count() > limits::DATA_DEPTH {
            return Err(PointerError::TooDeep(shorten(text)));
        }
        let tokens = rest
            .split('/')
            .map(|token| unescape(token).ok_or_else(|| PointerError::BadEscape(shorten(text))))
            .collect::<Result<Vec<_>, _>>()?;
        if tokens.iter().any(|token| token.starts_with(RESERVED)) {
            return Err(PointerError::Reserved(shorten(text)));
        }
        Ok(Self { tokens })
    }

    /// The pointer to the containing object or array; `None` for the whole document.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.tokens.split_last()?;
        Some(Self {
            tokens: above.to_vec(),
        })
    }

    /// How many levels the pointer leads down.
    pub fn depth(&self) -> usize {
        self.tokens.len()
    }

    /// Whether this is the pointer to the whole document.
    pub fn is_root(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The member of the root that the pointer leads through; `None` for the whole document.
    pub fn first(&self) -> Option<&str> {
        self.tokens.first().map(String::as_str)
    }

    /// The value that the pointer leads to, given the one that its first token leads to.
    pub fn get_below_first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        follow(self.tokens.get(1..).unwrap_or_default(), value)
    }

    /// The value that the pointer leads to, if there is one.
    pub fn get<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        follow(&self.tokens, document)
    }

    /// Puts `value` where the pointer leads. Missing objects on the way are made; an array takes an
    /// index up to its length, or `-`, to append.
    pub fn set(&self, document: &mut Value, value: Value) -> Result<(), PointerError> {
        let Some((last, parents)) = self.tokens.split_last() else {
            if !value.is_object() {
                return Err(PointerError::RootNotObject(kind(&value)));
            }
            *document = value;
            return Ok(());
        };
        let mut at = document;
        for (depth, token) in parents.iter().enumerate() {
            at = match at {
                Value::Object(map) => map
                    .entry(token.as_str())
                    .or_insert_with(|| Value::Object(Map::new())),
                Value::Array(items) => {
                    let length = items.len();
                    index(token)
                        .and_then(|index| items.get_mut(index))
                        .ok_or_else(|| self.not_an_index(depth, length))?
                }
                other => return Err(self.not_a_container(depth, other)),
            };
        }
        match at {
            Value::Object(map) => {
                map.insert(last.clone(), value);
            }
            Value::Array(items) => {
                let length = items.len();
                match if last == "-" {
                    Some(length)
                } else {
                    index(last)
                } {
                    Some(index) if index < length => items[index] = value,
                    Some(index) if index == length => items.push(value),
                    _ => return Err(self.not_an_index(parents.len(), length)),
                }
            }
            other => return Err(self.not_a_container(parents.len(), other)),
        }
        Ok(())
    }

    /// Removes the member or element the pointer leads to and returns it. Nothing there is not an
    /// error: the value is gone already. Elements behind a removed one move up.
    pub fn remove(&self, document: &mut Value) -> Result<Option<Value>, PointerError> {
        let Some((last, parents)) = self.tokens.split_last() else {
            return Err(PointerError::RootRemoved);
        };
        let parent = parents
            .iter()
            .try_fold(document, |value, token| match value {
                Value::Object(map) => map.get_mut(token),
                Value::Array(items) => items.get_mut(index(token)?),
                _ => None,
            });
        Ok(match parent {
            Some(Value::Object(map)) => map.shift_remove(last),
            Some(Value::Array(items)) => index(last)
                .filter(|index| *index < items.len())
                .map(|index| items.remove(index)),
            _ => None,
        })
    }

    fn prefix(&self, length: usize) -> String {
        join(&self.tokens[..length])
    }

    fn not_an_index(&self, depth: usize, length: usize) -> PointerError {
        PointerError::NotAnIndex {
            pointer: shorten(&self.to_string()),
            at: shorten(&self.prefix(depth)),
            length,
        }
    }

    fn not_a_container(&self, depth: usize, value: &Value) -> PointerError {
        PointerError::NotAContainer {
            pointer: shorten(&self.to_string()),
            at: shorten(&self.prefix(depth)),
            kind: kind(value),
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(&self.tokens))
    }
}

/// The kind of a JSON value with its article, for messages.
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

fn follow<'v>(tokens: &[String], value: &'v Value) -> Option<&'v Value> {
    tokens.iter().try_fold(value, |value, token| match value {
        Value::Object(map) => map.get(token),
        Value::Array(items) => items.get(index(token)?),
        _ => None,
    })
}

fn join(tokens: &[String]) -> String {
    tokens.iter().fold(String::new(), |mut path, token| {
        push_token(&mut path, token);
        path
    })
}

/// Appends `/token` to a pointer, escaped by RFC 6901 §3.
pub(super) fn push_token(path: &mut String, token: &str) {
    path.push('/');
    for c in token.chars() {
        match c {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            c => path.push(c),
        }
    }
}

fn unescape(token: &str) -> Option<String> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            c => c,
        });
    }
    Some(out)
}

/// An array index as RFC 6901 §4 allows it: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let plain =
        token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| token.parse().ok()).flatten()
}

fn shorten(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(pointer: &str) -> Pointer {
        Pointer::parse(pointer).unwrap()
    }

    #[test]
    fn the_examples_of_rfc_6901_section_5() {
        let document = json!({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
            "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8});
        assert_eq!(at("").get(&document), Some(&document));
        for (pointer, expected) in [
            ("/foo", json!(["bar", "baz"])),
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/e^f", json!(3)),
            ("/g|h", json!(4)),
            ("/i\\j", json!(5)),
            ("/k\"l", json!(6)),
            ("/ ", json!(7)),
            ("/m~0n", json!(8)),
        ] {
            assert_eq!(at(pointer).get(&document), Some(&expected), "{pointer}");
            assert_eq!(at(pointer).to_string(), pointer);
        }
        for missing in ["/foo/2", "/foo/00", "/foo/-", "/foo/0/x", "/nope"] {
            assert_eq!(at(missing).get(&document), None, "{missing}");
        }
    }

    #[test]
    fn a_wrong_pointer_says_what_would_be_right() {
        for (wrong, part) in [
            ("email", "must be empty or begin with `/`"),
            ("/a~2", "`~` must be followed by"),
        ] {
            let error = Pointer::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let mut document = json!({"name": "x", "items": [1]});
        let error = at("/name/first")
            .set(&mut document, json!(1))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`/name/first` cannot be set: `/name` is a string, not an object or array"
        );
        let error = at("/items/3")
            .set(&mut document, json!(1))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("the array at `/items` has 1 elements"),
            "{error}"
        );
        assert!(at("").set(&mut document, json!([])).is_err());
        assert!(at("").remove(&mut document).is_err());
        assert_eq!(document, json!({"name": "x", "items": [1]}));
    }

    #[test]
    fn pointers_are_bounded() {
        assert!(Pointer::parse(&"/a".repeat(limits::DATA_DEPTH)).is_ok());
        let error = Pointer::parse(&"/a".repeat(1_000_000))
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("leads deeper than the 100 levels that data may have"),
            "{error}"
        );
        let error = Pointer::parse("/a/$serde_json::private::Number")
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("which is reserved"), "{error}");
    }

    #[test]
    fn set_makes_missing_objects_and_appends() {
        let mut document = json!({"items": []});
        at("/contact/name/first")
            .set(&mut document, json!("Ada"))
            .unwrap();
        at("/items/-").set(&mut document, json!(1)).unwrap();
        at("/items/1").set(&mut document, json!(2)).unwrap();
        assert_eq!(
            document,
            json!({"items": [1, 2], "contact": {"name": {"first": "Ada"}}})
        );
        assert_eq!(at("/items/0").remove(&mut document), Ok(Some(json!(1))));
        assert_eq!(at("/none/x").remove(&mut document), Ok(None));
    }

    #[test]
    fn numbers_keep_their_text() {
        let text = r#"{"total":100.10,"big":12345678901234567890123,"e":1E+2}"#;
        let document: Value = serde_json::from_str(text).unwrap();
        assert_eq!(document.to_string(), text.replace("1E+2", "1e+2"));
    }
}
