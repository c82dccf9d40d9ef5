//! What is observed, and how constraints are counted.

use serde_json::json;

use super::{parsed, pattern};

#[test]
fn leaves_count_constraints() {
    for (tested, leaves) in [
        (json!({}), 0),
        (json!({"$via": {"name": "x"}}), 1),
        (
            json!({"$via": {"name": "x"}, "email": {"$type": "string"}}),
            2,
        ),
        (json!({"a": {}}), 1),
        (json!({"a": []}), 1),
        (json!({"a": [1, {"b": 2, "c": 3}]}), 3),
        (json!({"a": {"$gte": 1, "$lt": 2}}), 2),
        (json!({"a": {"$regex": "x", "$options": "i"}}), 1),
        (json!({"a": {"$in": [1, 2, 3]}}), 1),
        (json!({"a": {"$all": [1, 2, 3]}}), 3),
        (json!({"$or": [{"a": 1}, {"b": 1, "c": 1}]}), 1),
        (json!({"a": 1, "$and": [{"b": 1}, {"c": 1}]}), 3),
        (json!({"a": {"$not": {"b": 1, "c": 1}}}), 1),
        (json!({"a": {"$elemMatch": {"b": 1, "c": 1}}}), 2),
    ] {
        assert_eq!(pattern(&tested).leaves(), leaves, "{tested}");
    }
}

#[test]
fn observed_is_what_the_condition_looks_at() {
    // Pattern, data, data that looks the same to it, data that does not.
    for (tested, data, same, other) in [
        (
            json!({"$via": {"name": "x"}}),
            json!({"$via": {"name": "x"}}),
            json!({"$via": {"name": "x", "id": 1}, "b": 2}),
            json!({"$via": {"name": "y"}}),
        ),
        (
            json!({"n": {"$lt": 3}}),
            parsed(r#"{"n": 1}"#),
            parsed(r#"{"n": 1.0, "m": 1}"#),
            json!({"n": 2}),
        ),
        (
            json!({"n": {"$lt": 3}}),
            json!({}),
            json!({"m": 1}),
            json!({"n": null}),
        ),
        (
            json!({"a": {"$type": "object"}}),
            json!({"a": {"x": 1}}),
            json!({"a": {"x": 2}}),
            json!({"a": []}),
        ),
        (
            json!({"a": {"$type": "string"}}),
            json!({"a": "x"}),
            json!({"a": "x", "b": 1}),
            json!({"a": "y"}),
        ),
        (
            json!({"a": {"$type": "array"}}),
            json!({"a": [1]}),
            json!({"a": [2, 3]}),
            json!({"a": {}}),
        ),
        (
            json!({"a": {}}),
            json!({"a": {"x": 1}}),
            json!({"a": {}}),
            json!({"a": null}),
        ),
        (
            json!({"a": {"$size": 1}}),
            json!({"a": [1]}),
            json!({"a": [2]}),
            json!({"a": [1, 2]}),
        ),
        (
            json!({"a": {"$exists": true}}),
            json!({"a": [1]}),
            json!({"a": [2]}),
            json!({}),
        ),
        (
            json!({"a": {"$ne": null}}),
            json!({"a": {"x": 1}}),
            json!({"a": {"x": 2}}),
            json!({"a": null}),
        ),
        (
            json!({"a": {"$in": ["x"]}}),
            json!({"a": ["x", {"y": 1}]}),
            json!({"a": ["x", {"y": 2}]}),
            json!({"a": ["x", "y"]}),
        ),
        (
            json!({"a": ["x"]}),
            json!({"a": ["x", {"y": 1, "z": 1}]}),
            json!({"a": ["x", {"z": 1, "y": 1}]}),
            json!({"a": ["x", {"y": 2, "z": 1}]}),
        ),
        (
            json!({"a": {"$eq": {"x": 1}}}),
            json!({"a": {"x": 1}}),
            parsed(r#"{"a": {"x": 1e0}}"#),
            json!({"a": {"x": 2}}),
        ),
        (
            json!({"a.b": 1}),
            json!({"a": {"b": 1}}),
            json!({"a.b": 1}),
            json!({"a": {"b": 2}}),
        ),
        (
            json!({"$or": [{"a": 1}, {"$not": {"b": 1}}]}),
            json!({"a": 0, "b": 0}),
            json!({"a": 0, "b": 0, "c": 0}),
            json!({"a": 0, "b": 2}),
        ),
        (json!({}), json!({"a": 1}), json!({}), json!([])),
    ] {
        let compiled = pattern(&tested);
        let digest = compiled.observed(&data);
        assert_eq!(digest, compiled.observed(&same), "{tested} {same}");
        assert_ne!(digest, compiled.observed(&other), "{tested} {other}");
    }
}

#[test]
fn digests_are_stored_so_they_never_change() {
    let compiled = pattern(&json!({"$via": {"name": "x"}, "n": {"$lt": 3}, "tags": ["a"]}));
    let data = json!({"$via": {"name": "x"}, "n": -12.50, "tags": ["a", {"b": null, "a": true}]});
    assert_eq!(compiled.observed(&data), GOLDEN);
    let reordered = pattern(&json!({"tags": ["a"], "n": {"$lt": 3}, "$via": {"name": "x"}}));
    assert_eq!(reordered.observed(&data), GOLDEN);
}

const GOLDEN: u64 = 5_448_313_079_097_426_778;
