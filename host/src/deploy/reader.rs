//! Reads a tree as what it is to be, and collects every fault with its place instead of ending at
//! the first one. `None` means that the fault is noted.

use std::collections::HashMap;
use std::str::FromStr;

use serde_json::Value;
use serde_saphyr::Spanned;

use super::document::{Node, Tree};
use super::env::{self, Vars};
use super::error::{At, Fault};
use crate::domain::ids::IdError;

/// The longest text, in bytes, once its variables are filled in: a few times the longest value that
/// a server takes.
const TEXT_BYTES: usize = 1024 * 1024;
/// The most bytes of all texts in sum. A short manifest may name a long variable very often.
const ALL_TEXT_BYTES: usize = 64 * 1024 * 1024;

/// A node and the way to it.
#[derive(Clone)]
pub struct Place<'n> {
    node: &'n Node,
    /// Where it stands.
    pub at: At,
}

impl<'n> Place<'n> {
    /// The document's root.
    pub fn root(node: &'n Node) -> Self {
        Self::of(node, String::new())
    }

    fn of(node: &'n Node, path: String) -> Self {
        let at = at(node, path);
        Self { node, at }
    }
}

/// A mapping's entries.
pub struct Fields<'n> {
    /// Where the mapping stands.
    pub at: At,
    entries: Vec<(&'n str, Place<'n>)>,
}

impl<'n> Fields<'n> {
    /// The entry of that name. One without a value is taken not to be there, so that all of a
    /// list's items can be commented out.
    pub fn entry(&self, key: &str) -> Option<&Place<'n>> {
        let named =
            |(name, place): &&(&str, Place<'_>)| *name == key && place.node.value != Tree::Null;
        self.entries.iter().find(named).map(|(_, place)| place)
    }

    /// All entries, in the manifest's order.
    pub fn all(&self) -> &[(&'n str, Place<'n>)] {
        &self.entries
    }
}

/// A value that was read under a name, with its line.
#[derive(Default)]
pub struct Names(HashMap<String, u64>);

/// Reads members by their places, and collects errors.
pub struct Reader<'r> {
    vars: Vars<'r>,
    /// The bytes that the texts to come may have.
    room: usize,
    /// The errors so far.
    pub faults: Vec<Fault>,
}

impl<'r> Reader<'r> {
    /// A reader that fills in these variables.
    pub fn new(vars: Vars<'r>) -> Self {
        Self {
            vars,
            room: ALL_TEXT_BYTES,
            faults: Vec::new(),
        }
    }

    /// Notes a fault.
    pub fn fault<T>(&mut self, at: &At, message: impl Into<String>) -> Option<T> {
        self.faults.push(Fault {
            at: at.clone(),
            message: message.into(),
        });
        None
    }

    /// A text, its variables filled in.
    pub fn text(&mut self, place: &Place<'_>) -> Option<String> {
        match &place.node.value {
            Tree::Text(text) => match env::expand(text, self.vars, TEXT_BYTES.min(self.room)) {
                Ok(text) => {
                    self.room -= text.len();
                    Some(text)
                }
                Err(error) => self.fault(&place.at, error.to_string()),
            },
            // Its spelling is gone (`1.10`), and it may be a secret.
            other @ (Tree::Bool(_) | Tree::Number(_)) => {
                let message = format!("must be a text, not {}; put it in quotes", kind(other));
                self.fault(&place.at, message)
            }
            other => self.fault(&place.at, format!("must be a text, not {}", kind(other))),
        }
    }

    /// A text or a number, as text.
    pub fn figure(&mut self, place: &Place<'_>) -> Option<String> {
        match &place.node.value {
            Tree::Number(number) => Some(number.to_string()),
            _ => self.text(place),
        }
    }

    /// A boolean.
    pub fn boolean(&mut self, place: &Place<'_>) -> Option<bool> {
        match &place.node.value {
            Tree::Bool(value) => Some(*value),
            other => {
                let message = format!("must be true or false, not {}", kind(other));
                self.fault(&place.at, message)
            }
        }
    }

    /// A name of the kind `T`.
    pub fn name<T: FromStr<Err = IdError>>(&mut self, place: &Place<'_>) -> Option<T> {
        let text = self.text(place)?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => self.fault(&place.at, error.to_string()),
        }
    }

    /// A list's items; of nothing, none.
    pub fn list<'n>(&mut self, place: Option<&Place<'n>>) -> Vec<Place<'n>> {
        let Some(place) = place else {
            return Vec::new();
        };
        let Tree::List(items) = &place.node.value else {
            let found = kind(&place.node.value);
            let message = format!("must be a list, each item beginning with `- `, not {found}");
            return self.fault(&place.at, message).unwrap_or_default();
        };
        let numbered = items.iter().enumerate();
        numbered
            .map(|(index, item)| Place::of(item, format!("{}[{index}]", place.at.path)))
            .collect()
    }

    /// A mapping's entries, whatever their keys.
    pub fn entries<'n>(&mut self, place: &Place<'n>) -> Option<Fields<'n>> {
        let Tree::Map(entries) = &place.node.value else {
            let found = kind(&place.node.value);
            return self.fault(&place.at, format!("must be a mapping of keys, not {found}"));
        };
        let mut names = Names::default();
        let mut fields = Vec::new();
        for (key, node) in entries {
            let path = match place.at.path.as_str() {
                "" => key.value.clone(),
                path => format!("{path}.{}", key.value),
            };
            let at = at(key, path.clone());
            self.unique(&mut names, &at, "the key", &key.value);
            let mut value = Place::of(node, path);
            if node.value == Tree::Null {
                // A missing member has no line, or is on a later one.
                value.at = at;
            }
            fields.push((key.value.as_str(), value));
        }
        Some(Fields {
            at: place.at.clone(),
            entries: fields,
        })
    }

    /// A mapping's entries; keys that are not among `known` are faults.
    pub fn fields<'n>(&mut self, place: &Place<'n>, known: &[&str]) -> Option<Fields<'n>> {
        let fields = self.entries(place)?;
        if let Tree::Map(entries) = &place.node.value {
            for (key, _) in entries {
                if !known.contains(&key.value.as_str()) {
                    let at = at(key, place.at.path.clone());
                    let _: Option<()> = self.fault(&at, unknown(&key.value, known));
                }
            }
        }
        Some(fields)
    }

    /// The entry of that name, which must be there.
    pub fn required<'f, 'n>(&mut self, fields: &'f Fields<'n>, key: &str) -> Option<&'f Place<'n>> {
        let found = fields.entry(key);
        if found.is_none() {
            return self.fault(&fields.at, format!("has no `{key}`"));
        }
        found
    }

    /// Notes a fault if the name was there before; `what` is its kind, with an article.
    pub fn unique(&mut self, names: &mut Names, at: &At, what: &str, name: &str) -> bool {
        if let Some(line) = names.0.get(name) {
            let message = format!("{what} `{name}` is there already, on line {line}");
            return self.fault(at, message).unwrap_or(false);
        }
        names.0.insert(name.to_owned(), at.line);
        true
    }

    /// The place as JSON, with the variables filled in in every text.
    pub fn json(&mut self, place: &Place<'_>) -> Option<Value> {
        Some(match &place.node.value {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(*value),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::Text(_) => Value::String(self.text(place)?),
            Tree::List(_) => {
                let items = self.list(Some(place));
                // All of them are read, so that every fault is found.
                let values: Vec<_> = items.iter().map(|item| self.json(item)).collect();
                values.into_iter().collect::<Option<_>>()?
            }
            Tree::Map(_) => {
                let fields = self.entries(place)?;
                let read =
                    |(key, place): &(&str, Place<'_>)| Some(((*key).to_owned(), self.json(place)?));
                let members: Vec<_> = fields.all().iter().map(read).collect();
                Value::Object(members.into_iter().collect::<Option<_>>()?)
            }
        })
    }
}

fn at<T>(node: &Spanned<T>, path: String) -> At {
    At {
        line: node.referenced.line(),
        column: node.referenced.column(),
        path,
    }
}

fn kind(tree: &Tree) -> &'static str {
    match tree {
        Tree::Null => "nothing",
        Tree::Bool(_) => "a boolean",
        Tree::Number(_) => "a number",
        Tree::Text(_) => "a text",
        Tree::List(_) => "a list",
        Tree::Map(_) => "a mapping",
    }
}

fn unknown(key: &str, known: &[&str]) -> String {
    let distance =
        |other: &&&str| strsim::damerau_levenshtein(&key.to_lowercase(), &other.to_lowercase());
    let nearest = known.iter().min_by_key(distance);
    match nearest {
        Some(near) if distance(&near) <= 1 + near.len() / 4 => {
            format!("unknown key `{key}`; did you mean `{near}`?")
        }
        _ => format!("unknown key `{key}`; there are {}", known.join(", ")),
    }
}
