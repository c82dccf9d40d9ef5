//! A form's fields as a JSON object.
//!
//! Names with brackets nest, as PHP, Rails and jQuery write them: `a[b]=1` is `{"a": {"b": "1"}}`, `a[]=1` is
//! `{"a": ["1"]}`. A name that occurs again makes an array. An object whose names are `0`, `1`, … in this order is an array,
//! too. Nothing that was sent is lost: where a text and members meet at one name, both are items of an array.

use serde_json::{Map, Value};

use super::error::{DecodeError, short};
use crate::domain::data::RESERVED;
use crate::domain::limits::{FORM_DEPTH, FORM_FIELDS};
use crate::ingest::body;

/// Fields in the order in which their names first occurred.
#[derive(Debug, Clone, Default)]
pub(in crate::ingest) struct Fields {
    root: Map<String, Value>,
    count: usize,
}

impl Fields {
    /// Adds a field.
    ///
    /// # Errors
    /// There are too many, or its name is nested too deeply or reserved.
    pub(in crate::ingest) fn add(&mut self, name: &str, value: String) -> Result<(), DecodeError> {
        self.put(name, Value::String(value))
    }

    /// Adds the place of a file, by its number. Nothing else that is added is a number.
    ///
    /// # Errors
    /// As [`Fields::add`].
    pub(in crate::ingest) fn add_file(
        &mut self,
        name: &str,
        number: usize,
    ) -> Result<(), DecodeError> {
        self.put(name, number.into())
    }

    fn put(&mut self, name: &str, value: Value) -> Result<(), DecodeError> {
        self.count += 1;
        if self.count > FORM_FIELDS {
            let why = format!("it has more than {FORM_FIELDS} fields");
            return Err(DecodeError::Form(why));
        }
        let (first, rest) = path(name);
        if rest.len() > FORM_DEPTH {
            let why = format!(
                "the name `{}` is nested deeper than {FORM_DEPTH} brackets",
                short(name)
            );
            return Err(DecodeError::Form(why));
        }
        if rest
            .iter()
            .chain([&first])
            .any(|key| key.starts_with(RESERVED))
        {
            let why = format!("a name that begins with `{RESERVED}` is reserved");
            return Err(DecodeError::Form(why));
        }
        put(member(&mut self.root, first), &rest, value);
        Ok(())
    }

    /// The object's text. A form of one field `payload` whose text is a JSON object holds that object there.
    pub(in crate::ingest) fn into_json(self) -> String {
        self.with_files(&|_| Value::Null)
    }

    /// The same, with what `file` gives in the place of each file.
    pub(in crate::ingest) fn with_files(self, file: &dyn Fn(usize) -> Value) -> String {
        let mut root = self.root;
        if let Some(Value::String(text)) = root.get("payload")
            && self.count == 1
            && text.trim_start().starts_with('{')
        {
            // As it was sent: numbers keep their text.
            let whole = format!("{{\"payload\":{}}}", text.trim());
            if body::is_container(text.as_bytes()) && body::is_container(whole.as_bytes()) {
                return whole;
            }
        }
        for value in root.values_mut() {
            make_arrays(value, file);
        }
        Value::Object(root).to_string()
    }
}

/// A name's first part and those in brackets. A name whose brackets do not pair is one part.
fn path(name: &str) -> (&str, Vec<&str>) {
    let whole = (name, Vec::new());
    let Some(open) = name.find('[').filter(|open| *open > 0) else {
        return whole;
    };
    let (first, mut rest) = name.split_at(open);
    let mut parts = Vec::new();
    while let Some(inside) = rest.strip_prefix('[') {
        match inside.split_once(']') {
            Some((part, after)) if !part.contains('[') => {
                parts.push(part);
                rest = after;
            }
            _ => return whole,
        }
        // One more than may be is enough to refuse it.
        if parts.len() > FORM_DEPTH {
            return (first, parts);
        }
    }
    if !rest.is_empty() || first.contains(']') {
        return whole;
    }
    (first, parts)
}

/// The place of a member; `null` where there was none, which no field's value is.
fn member<'v>(members: &'v mut Map<String, Value>, key: &str) -> &'v mut Value {
    members.entry(key).or_insert(Value::Null)
}

/// Puts a text, or a file's number, at a place below `slot`. It goes as deep as the path is long.
fn put(slot: &mut Value, path: &[&str], text: Value) {
    match path {
        [] => match slot {
            Value::Null => *slot = text,
            _ => items(slot).push(text),
        },
        [""] => items(slot).push(text),
        ["", rest @ ..] => put(next_item(items(slot), rest), rest, text),
        [key, rest @ ..] => put(member(members(slot), key), rest, text),
    }
}

/// The value as an array; a value that was no array becomes its first item.
fn items(slot: &mut Value) -> &mut Vec<Value> {
    if !slot.is_array() {
        let first = match slot.take() {
            Value::Null => Vec::new(),
            other => vec![other],
        };
        *slot = Value::Array(first);
    }
    match slot {
        Value::Array(items) => items,
        _ => unreachable!("it was made an array"),
    }
}

/// The item of `a[]` that `a[][b]` is about: the last one, unless it has a `b` already.
fn next_item<'v>(items: &'v mut Vec<Value>, path: &[&str]) -> &'v mut Value {
    let has_it = |item: &Value| match (item, path) {
        (Value::Object(members), [key, ..]) => members.contains_key(*key),
        _ => true,
    };
    if items.last().is_none_or(has_it) {
        items.push(Value::Null);
    }
    let last = items.len() - 1;
    &mut items[last]
}

/// The value as an object: beside what else is there, the last item that is one.
fn members(slot: &mut Value) -> &mut Map<String, Value> {
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    if !slot.is_object() {
        let items = items(slot);
        if !items.last().is_some_and(Value::is_object) {
            items.push(Value::Object(Map::new()));
        }
        let last = items.len() - 1;
        return members(&mut items[last]);
    }
    match slot {
        Value::Object(members) => members,
        _ => unreachable!("it was made an object"),
    }
}

/// Makes arrays of objects whose names are `0`, `1`, … in this order, and files of their numbers, all the way down.
fn make_arrays(value: &mut Value, file: &dyn Fn(usize) -> Value) {
    match value {
        Value::Number(number) => {
            let number = number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok());
            *value = number.map_or(Value::Null, file);
        }
        Value::Object(members) => {
            for value in members.values_mut() {
                make_arrays(value, file);
            }
            let is_array = !members.is_empty()
                && members
                    .keys()
                    .enumerate()
                    .all(|(index, key)| *key == index.to_string());
            if is_array {
                let items = std::mem::take(members).into_iter();
                *value = Value::Array(items.map(|(_, item)| item).collect());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| make_arrays(item, file)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
