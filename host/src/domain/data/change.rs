//! The difference of two JSON documents, as RFC 6902 operations that also carry what was there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pointer::{Pointer, PointerError, push_token};

/// One difference between two documents: an RFC 6902 operation that also carries what was there
/// before, so that a timeline can show both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Change {
    /// A member or last element that was not there.
    Add {
        /// Where, as an RFC 6901 pointer.
        path: String,
        /// The new value.
        value: Value,
    },
    /// A member or last element that is gone.
    Remove {
        /// Where, as an RFC 6901 pointer.
        path: String,
        /// What was there.
        old: Value,
    },
    /// A value that is another now.
    Replace {
        /// Where, as an RFC 6901 pointer.
        path: String,
        /// What was there.
        old: Value,
        /// The new value.
        value: Value,
    },
}

/// The operations that turn `before` into `after`, in the order in which to apply them. Members are compared by
/// name, elements by position; equal numbers of different text (`1`, `1.0`) count as different,
/// because the text is kept.
pub fn diff(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    diff_at(&mut String::new(), before, after, &mut changes);
    changes
}

/// The difference that one member of the root makes.
pub(super) fn diff_member(
    name: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Vec<Change> {
    let mut path = String::new();
    push_token(&mut path, name);
    match (before, after) {
        (Some(before), Some(after)) => {
            let mut changes = Vec::new();
            diff_at(&mut path, before, after, &mut changes);
            changes
        }
        (Some(old), None) => vec![Change::Remove {
            path,
            old: old.clone(),
        }],
        (None, Some(value)) => vec![Change::Add {
            path,
            value: value.clone(),
        }],
        (None, None) => Vec::new(),
    }
}

fn diff_at(path: &mut String, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let length = path.len();
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, old_value) in old {
                push_token(path, key);
                match new.get(key) {
                    Some(new_value) => diff_at(path, old_value, new_value, changes),
                    None => changes.push(Change::Remove {
                        path: path.clone(),
                        old: old_value.clone(),
                    }),
                }
                path.truncate(length);
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                push_token(path, key);
                changes.push(Change::Add {
                    path: path.clone(),
                    value: value.clone(),
                });
                path.truncate(length);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (index, (old_value, new_value)) in old.iter().zip(new).enumerate() {
                push_token(path, &index.to_string());
                diff_at(path, old_value, new_value, changes);
                path.truncate(length);
            }
            // From the end, so that each removal leaves the indices before it as they were.
            for (index, value) in old.iter().enumerate().skip(new.len()).rev() {
                push_token(path, &index.to_string());
                changes.push(Change::Remove {
                    path: path.clone(),
                    old: value.clone(),
                });
                path.truncate(length);
            }
            for (index, value) in new.iter().enumerate().skip(old.len()) {
                push_token(path, &index.to_string());
                changes.push(Change::Add {
                    path: path.clone(),
                    value: value.clone(),
                });
                path.truncate(length);
            }
        }
        (before, after) if before == after => {}
        (before, after) => changes.push(Change::Replace {
            path: path.clone(),
            old: before.clone(),
            value: after.clone(),
        }),
    }
}

/// Applies changes in order. Fails where one does not fit the document, which then may have been
/// changed in part.
pub fn apply(document: &mut Value, changes: &[Change]) -> Result<(), PointerError> {
    for change in changes {
        match change {
            Change::Add { path, value } | Change::Replace { path, value, .. } => {
                Pointer::parse(path)?.set(document, value.clone())?;
            }
            Change::Remove { path, .. } => {
                Pointer::parse(path)?.remove(document)?;
            }
        }
    }
    Ok(())
}

/// Takes changes back, the last one first: what [`apply`] made of a document becomes that document
/// again, but for the order of members that had been removed. What was there is moved into the document. Fails where one
/// does not fit.
pub fn undo(document: &mut Value, changes: Vec<Change>) -> Result<(), PointerError> {
    for change in changes.into_iter().rev() {
        match change {
            Change::Add { path, .. } => {
                Pointer::parse(&path)?.remove(document)?;
            }
            Change::Remove { path, old } | Change::Replace { path, old, .. } => {
                Pointer::parse(&path)?.set(document, old)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c~/]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c~/]{0,2}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn json_object() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-c~/]{0,2}", json_value(), 0..6)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn applying_the_difference_of_two_to_the_first_gives_the_second(a in json_object(), b in json_object()) {
            let changes = diff(&a, &b);
            let mut patched = a.clone();
            apply(&mut patched, &changes).unwrap();
            prop_assert_eq!(&patched, &b);
            prop_assert_eq!(changes.is_empty(), a == b);
            undo(&mut patched, changes).unwrap();
            prop_assert_eq!(&patched, &a);
        }
    }
}
