//! A JSON document at RFC 6901 pointers, with the server's rules.

use serde_json::{Map, Value};

/// The member that says how a task came in. Only the server writes it.
pub(super) const VIA: &str = "$via";

/// The value at the pointer.
pub(super) fn get<'v>(document: &'v Value, pointer: &str) -> Result<Option<&'v Value>, String> {
    let tokens = parse(pointer)?;
    let mut at = Some(document);
    for token in &tokens {
        at = match at {
            Some(Value::Object(members)) => members.get(token),
            Some(Value::Array(items)) => position(token).and_then(|index| items.get(index)),
            _ => None,
        };
    }
    Ok(at)
}

/// Puts a value at the pointer. Missing objects are made on the way.
pub(super) fn set(document: &mut Value, pointer: &str, value: Value) -> Result<(), String> {
    let mut tokens = parse(pointer)?;
    let Some(last) = tokens.pop() else {
        if !value.is_object() {
            return Err(format!(
                "the whole document must stay an object, and this is {}",
                kind(&value)
            ));
        }
        if value.get(VIA) != document.get(VIA) {
            return Err(format!(
                "the whole document must keep its `{VIA}` as it is: that says how the task came in, and only the server writes it"
            ));
        }
        *document = value;
        return Ok(());
    };
    if tokens.first().unwrap_or(&last) == VIA {
        return match get(document, pointer)? {
            Some(there) if *there == value => Ok(()),
            _ => Err(of_via(pointer)),
        };
    }
    let mut at = document;
    let mut walked = String::new();
    for token in &tokens {
        let here = walked.clone();
        walked.push_str(&format!("/{}", token.replace('~', "~0").replace('/', "~1")));
        at = match at {
            Value::Object(members) => members
                .entry(token.clone())
                .or_insert_with(|| Value::Object(Map::new())),
            Value::Array(items) => {
                let length = items.len();
                match position(token).and_then(|index| items.get_mut(index)) {
                    Some(item) => item,
                    None => return Err(out_of_range(pointer, &here, length)),
                }
            }
            scalar => return Err(no_container(pointer, &here, scalar)),
        };
    }
    match at {
        Value::Object(members) => {
            members.insert(last, value);
        }
        Value::Array(items) => {
            let index = if last == "-" {
                Some(items.len())
            } else {
                position(&last)
            };
            match index {
                Some(index) if index == items.len() => items.push(value),
                Some(index) if index < items.len() => items[index] = value,
                _ => return Err(out_of_range(pointer, &walked, items.len())),
            }
        }
        scalar => return Err(no_container(pointer, &walked, scalar)),
    }
    Ok(())
}

/// Removes what is at the pointer, if anything is.
pub(super) fn remove(document: &mut Value, pointer: &str) -> Result<(), String> {
    let mut tokens = parse(pointer)?;
    let Some(last) = tokens.pop() else {
        return Err("the whole document cannot be removed; set it to `{}` instead".to_owned());
    };
    if tokens.first().unwrap_or(&last) == VIA && get(document, pointer)?.is_some() {
        return Err(of_via(pointer));
    }
    let mut at = document;
    for token in &tokens {
        let next = match at {
            Value::Object(members) => members.get_mut(token),
            Value::Array(items) => position(token).and_then(|index| items.get_mut(index)),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(()),
        }
    }
    match at {
        Value::Object(members) => {
            members.shift_remove(&last);
        }
        Value::Array(items) => {
            if let Some(index) = position(&last).filter(|&index| index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
    Ok(())
}

/// A pointer's tokens, unescaped (RFC 6901 §4).
fn parse(pointer: &str) -> Result<Vec<String>, String> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = pointer.strip_prefix('/') else {
        return Err(format!(
            "`{pointer}` is not a JSON pointer: it must be empty or begin with `/`"
        ));
    };
    rest.split('/')
        .map(|token| {
            let stray = token
                .split('~')
                .skip(1)
                .any(|after| !after.starts_with(['0', '1']));
            if stray {
                return Err(format!(
                    "`{pointer}` is not a JSON pointer: `~` must be followed by `0` or `1`"
                ));
            }
            Ok(token.replace("~1", "/").replace("~0", "~"))
        })
        .collect()
}

/// An array index: digits without a leading zero.
fn position(token: &str) -> Option<usize> {
    if token.len() > 1 && token.starts_with('0') || token.starts_with('+') {
        return None;
    }
    token.parse().ok()
}

fn of_via(pointer: &str) -> String {
    format!(
        "`{pointer}` cannot be changed: `{VIA}` says how the task came in, and only the server writes it"
    )
}

fn out_of_range(pointer: &str, at: &str, length: usize) -> String {
    format!(
        "`{pointer}` cannot be set: the array at `{at}` has {length} elements; use an index up to {length}, or `-` to append"
    )
}

fn no_container(pointer: &str, at: &str, scalar: &Value) -> String {
    format!(
        "`{pointer}` cannot be set: `{at}` is {}, not an object or array",
        kind(scalar)
    )
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    /// The rules of `data` in the world, as a table that any host may be held to: each row is an
    /// operation on a document, and the document after it, the value read, or a part of the error.
    const RULES: &str = include_str!("../../tests/data-rules.json");

    #[test]
    fn the_rules_of_the_world() {
        let rules: Vec<Value> = serde_json::from_str(RULES).unwrap();
        assert!(rules.len() > 30);
        for rule in rules {
            let mut document = rule["document"].clone();
            let pointer = rule["pointer"].as_str().unwrap();
            let result = match rule["do"].as_str().unwrap() {
                "get" => get(&document, pointer).map(|value| {
                    value
                        .cloned()
                        .unwrap_or_else(|| Value::String("(nothing)".to_owned()))
                }),
                "set" => {
                    set(&mut document, pointer, rule["value"].clone()).map(|()| document.clone())
                }
                "remove" => remove(&mut document, pointer).map(|()| document.clone()),
                other => panic!("{other}"),
            };
            match result {
                Ok(value) => assert_eq!(Some(&value), rule.get("gives"), "{rule}"),
                Err(text) => {
                    let expected = rule["fails"]
                        .as_str()
                        .unwrap_or_else(|| panic!("{rule}: {text}"));
                    assert!(text.contains(expected), "{rule}: {text}");
                    assert_eq!(document, rule["document"], "{rule}: changed");
                }
            }
        }
    }
}
