//! Tables: the root with `$via` and logic, and keys with dots.

use serde_json::json;

use super::pattern;

#[test]
fn the_root_mixes_plain_keys_with_logic_and_has_via() {
    for (tested, yes, no) in [
        (json!({}), json!([{}, {"a": 1}]), json!([])),
        (
            json!({"$via": {"name": "Form"}}),
            json!([{"$via": {"name": "Form", "id": 1}}]),
            json!([{}, {"$via": {}}]),
        ),
        (
            json!({"$via.name": "Form"}),
            json!([{"$via": {"name": "Form"}}, {"$via": {"name": "Form"}, "$via.name": "Other"}]),
            // A sender chooses the names of members.
            json!([{"$via": {}}, {"$via.name": "Form"}, {"$via": {"name": "Other"}, "$via.name": "Form"}]),
        ),
        (
            json!({"a": 1, "$or": [{"b": 1}, {"$via": {"name": "x"}}], "$nor": [{"c": 1}], "$not": {"d": 1}}),
            json!([{"a": 1, "b": 1}, {"a": 1, "$via": {"name": "x"}}]),
            json!([{"b": 1}, {"a": 1}, {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "d": 1}]),
        ),
        (
            json!({"$and": [{"a": 1}, {"$or": [{"b": 1}, {"c": 1}]}]}),
            json!([{"a": 1, "c": 1}]),
            json!([{"a": 1}]),
        ),
        (
            json!({"a.$via": 1}),
            json!([{"a": {"$via": 1}}]),
            json!([{"$via": 1}]),
        ),
    ] {
        let compiled = pattern(&tested);
        for data in yes.as_array().unwrap() {
            assert!(compiled.matches(data), "{tested} {data}");
        }
        for data in no.as_array().unwrap() {
            assert!(!compiled.matches(data), "{tested} {data}");
        }
    }
}

#[test]
fn a_dotted_key_is_that_key_or_else_a_path() {
    for (tested, yes, no) in [
        (
            json!({"a.b": 1}),
            json!([{"a.b": 1}, {"a": {"b": 1}}, {"a.b": 1, "a": {"b": 2}}]),
            json!([{"a.b": 2, "a": {"b": 1}}, {"a": 1}, {"b": 1}]),
        ),
        (
            json!({"a.0.b": 1}),
            json!([{"a": [{"b": 1}]}, {"a": {"0": {"b": 1}}}]),
            json!([{"a": [{"b": 2}, {"b": 1}]}, {"a": []}]),
        ),
        // No path leads through an array unless it names the index.
        (json!({"a.b": 1}), json!([]), json!([{"a": [{"b": 1}]}])),
        (
            json!({"a.b": null}),
            json!([{}, {"a": 1}, {"a": {"b": null}}]),
            json!([{"a": {"b": 1}}]),
        ),
        (
            json!({"x": {"a.b": 1}}),
            json!([{"x": {"a": {"b": 1}}}]),
            json!([{"x": {}}]),
        ),
        (
            json!({"a..b": 1, ".": 2}),
            json!([{"a": {"": {"b": 1}}, "": {"": 2}}, {"a..b": 1, ".": 2}]),
            json!([{"a": {"b": 1}}]),
        ),
        (
            json!({"a.99999999999999999999999": 1}),
            json!([{"a": {"99999999999999999999999": 1}}]),
            json!([{"a": [1]}]),
        ),
    ] {
        let compiled = pattern(&tested);
        for data in yes.as_array().unwrap() {
            assert!(compiled.matches(data), "{tested} {data}");
        }
        for data in no.as_array().unwrap() {
            assert!(!compiled.matches(data), "{tested} {data}");
        }
    }
}
