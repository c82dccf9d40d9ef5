//! Changes of a task's data that come from outside its runs.

use serde_json::{Map, Value};

use super::check::{Unfit, VIA, check};
use super::memory::value_memory;
use super::pointer::{Pointer, PointerError, kind};
use crate::domain::limits;

/// One change of a task's data.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// A JSON merge patch (RFC 7396): objects are merged member by member, `null` removes.
    Patch(Value),
    /// Members of the root, each in place of the one that is there.
    Members(Map<String, Value>),
    /// A value at a place.
    Set(Pointer, Value),
    /// Another document. How the task came in stays.
    Replace(Value),
}

impl Edit {
    /// Roughly what its values take in memory, in bytes.
    pub fn memory(&self) -> u64 {
        match self {
            Self::Patch(value) | Self::Set(_, value) | Self::Replace(value) => value_memory(value),
            Self::Members(members) => members.values().map(value_memory).sum(),
        }
    }
}

/// Why data cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A patch or a replacement that is no object.
    #[error("the {what} must be an object, since a task's data is one, and this is {found}")]
    NotAnObject {
        /// `patch` or `replacement`.
        what: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A place that cannot be set.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// `$via` would be another.
    #[error("`/{VIA}` says how the task came in, and cannot be changed; leave it out")]
    ViaReadOnly,
    /// What no data may have.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// Too much.
    #[error("the data would have {0} bytes, and at most {most} are allowed", most = limits::DATA_BYTES)]
    TooLarge(usize),
    /// Another server says so, in these words.
    #[error("{0}")]
    Remote(String),
}

/// The data with the edits made, one after another, and its text. `data` is an object. Patches and
/// values must not be nested deeper than a recursion may go; values from a parser are not.
pub fn edited(data: &Value, edits: Vec<Edit>) -> Result<(Value, String), EditError> {
    let mut after = data.clone();
    for edit in edits {
        match edit {
            Edit::Patch(patch) => {
                object(&patch, "patch")?;
                merge(&mut after, patch);
            }
            Edit::Members(members) => {
                if let Value::Object(map) = &mut after {
                    map.extend(members);
                }
            }
            Edit::Set(pointer, value) => pointer.set(&mut after, value)?,
            Edit::Replace(document) => {
                object(&document, "replacement")?;
                after = document;
                if let (Value::Object(map), Some(via)) = (&mut after, data.get(VIA))
                    && !map.contains_key(VIA)
                {
                    map.insert(VIA.to_owned(), via.clone());
                }
            }
        }
    }
    if after.get(VIA) != data.get(VIA) {
        return Err(EditError::ViaReadOnly);
    }
    check(&after, 0)?;
    let text = after.to_string();
    if text.len() > limits::DATA_BYTES {
        return Err(EditError::TooLarge(text.len()));
    }
    Ok((after, text))
}

fn object(value: &Value, what: &'static str) -> Result<(), EditError> {
    if value.is_object() {
        return Ok(());
    }
    let found = kind(value);
    Err(EditError::NotAnObject { what, found })
}

/// RFC 7396 §2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            map.shift_remove(&name);
        } else {
            merge(map.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn patches_are_merged_as_the_standard_has_it() {
        for (target, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut target = target;
            merge(&mut target, patch);
            assert_eq!(target, merged);
        }
    }

    #[test]
    fn edits_are_made_in_their_order_and_keep_how_the_task_came_in() {
        let data = json!({"a": {"b": 1, "c": 2}, "$via": {"type": "webhook"}});
        let set = |at: &str, value| Edit::Set(Pointer::parse(at).unwrap(), value);
        let all = vec![
            Edit::Patch(json!({"a": {"c": null}, "$via": {"type": "webhook"}})),
            set("/list", json!([])),
            set("/list/-", json!(1)),
            Edit::Members(json!({"a": {"d": null}}).as_object().unwrap().clone()),
        ];
        let (after, text) = edited(&data, all).unwrap();
        assert_eq!(
            text,
            r#"{"a":{"d":null},"$via":{"type":"webhook"},"list":[1]}"#
        );
        assert_eq!(after["list"], json!([1]));
        let (after, _) = edited(&data, vec![Edit::Replace(json!({"x": 1}))]).unwrap();
        assert_eq!(after, json!({"x": 1, "$via": {"type": "webhook"}}));
    }

    #[test]
    fn what_is_refused_says_what_and_where() {
        let data = json!({"a": 1, "$via": {"type": "webhook"}});
        let set = |at: &str, value| Edit::Set(Pointer::parse(at).unwrap(), value);
        let deep = (0..limits::DATA_DEPTH).fold(json!(1), |inner, _| json!([inner]));
        for (edit, part) in [
            (Edit::Patch(json!([1])), "patch must be an object"),
            (Edit::Replace(json!(1)), "replacement must be an object"),
            (Edit::Patch(json!({"$via": null})), "/$via"),
            (Edit::Replace(json!({"$via": {}})), "/$via"),
            (set("/$via/type", json!("cron")), "/$via"),
            (set("/a/b", json!(1)), "/a/b"),
            (set("", json!(1)), "object"),
            (set("/b", deep), "deeper than 100"),
            (
                set("/b", json!("x".repeat(limits::DATA_BYTES))),
                "at most 8388608",
            ),
        ] {
            let error = edited(&data, vec![edit]).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
