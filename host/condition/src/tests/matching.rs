//! Tables: what each pattern and operator matches, MongoDB's corner cases among them.

use serde_json::{Value, json};

use super::{parsed, pattern};

/// Every row: a pattern, data that it matches, data that it does not. All under the key `a`; the
/// string `missing` stands for data without that key.
fn check(rows: &[(Value, Value, Value)]) {
    let wrap = |value: &Value| {
        if *value == json!("missing") {
            json!({"other": 1})
        } else {
            json!({"a": value})
        }
    };
    for (tested, yes, no) in rows {
        let compiled = pattern(&json!({"a": tested}));
        for data in yes.as_array().unwrap() {
            assert!(
                compiled.matches(&wrap(data)),
                "{tested} should match {data}"
            );
        }
        for data in no.as_array().unwrap() {
            assert!(
                !compiled.matches(&wrap(data)),
                "{tested} should not match {data}"
            );
        }
    }
}

#[test]
fn plain_values() {
    check(&[
        (
            json!("x"),
            json!(["x"]),
            json!(["X", "", 1, null, ["x"], {"x": 1}, "missing"]),
        ),
        (
            json!(true),
            json!([true]),
            json!([false, 1, "true", null, [true], "missing"]),
        ),
        (
            json!(0),
            parsed("[0, -0, 0.0, 0e5]"),
            json!([1, "0", false, null, "missing"]),
        ),
        (
            parsed("1"),
            parsed("[1, 1.0, 1e0, 10e-1]"),
            json!(["1", 2, [1], true]),
        ),
        (
            parsed("9007199254740993"),
            parsed("[9007199254740993, 9007199254740993.0]"),
            parsed("[9007199254740992, 9007199254740992.0, 9.007199254740994e15]"),
        ),
        (
            parsed("123456789012345678901234567890"),
            parsed("[1.2345678901234567890123456789e29]"),
            parsed("[123456789012345678901234567891]"),
        ),
        (
            json!(null),
            json!([null, "missing"]),
            json!([0, "", false, [], {}, [null]]),
        ),
        (
            json!({}),
            json!([{}, {"x": 1}]),
            json!([[], null, 1, "missing"]),
        ),
        (json!([]), json!([[], [1]]), json!([{}, null, 1, "missing"])),
    ]);
}

#[test]
fn objects_are_partial_and_arrays_in_any_order() {
    check(&[
        (
            json!({"b": 1, "c": {"d": "x"}}),
            json!([{"b": 1, "c": {"d": "x", "e": 0}, "f": 0}]),
            json!([{"b": 1}, {"b": 1, "c": "x"}, {"b": 2, "c": {"d": "x"}}, [{"b": 1, "c": {"d": "x"}}], "missing"]),
        ),
        (
            json!({"b": null}),
            json!([{}, {"b": null}]),
            json!([{"b": 0}, "missing", null]),
        ),
        (
            json!([1, 2]),
            json!([[2, 1], [3, 2, 1]]),
            json!([[1], [2, 2], 1, "missing"]),
        ),
        // One element may serve two patterns.
        (json!([1, {"$gt": 0}]), json!([[1]]), json!([[2]])),
        (
            json!([{"sku": "x"}, {"qty": {"$gt": 2}}]),
            json!([[{"sku": "x"}, {"qty": 3}], [{"sku": "x", "qty": 3}]]),
            json!([[{"sku": "x", "qty": 2}], [{"qty": 3}], {"sku": "x", "qty": 3}]),
        ),
        (
            json!([[1]]),
            json!([[[1]], [0, [0, 1]]]),
            json!([[1], [[0]]]),
        ),
        (json!([null]), json!([[null]]), json!([[], [0]])),
    ]);
}

#[test]
fn comparisons() {
    check(&[
        (
            json!({"$gt": 3}),
            parsed("[4, 3.0001, 1e99999999999999999999, [1, 5]]"),
            json!([3, 2, "4", null, true, [3], {}, "missing"]),
        ),
        (
            json!({"$gte": 3}),
            parsed("[3, 3.0, 4]"),
            json!([2, null, "missing"]),
        ),
        (
            json!({"$lt": 3}),
            parsed("[2, -5, 2.999, -1e99999999999999999999]"),
            json!([3, 4, null, "2", "missing"]),
        ),
        (json!({"$lte": 3}), json!([3, 2]), json!([4, "missing"])),
        (
            json!({"$gt": "b"}),
            json!(["c", "ba"]),
            json!(["b", "a", "B", 5, "missing"]),
        ),
        (
            json!({"$lte": "2026-01-01"}),
            json!(["2025-12-31", "2026-01-01"]),
            json!(["2026-01-01T00:00:00Z", 1]),
        ),
        (json!({"$gte": 1, "$lt": 5}), json!([1, 4.5]), json!([0, 5])),
        // Each comparison may be satisfied by another element, as in MongoDB.
        (
            json!({"$gt": 3, "$lt": 2}),
            json!([[1, 5]]),
            json!([[2, 3], 5]),
        ),
        (
            json!({"$gt": 9007199254740992_u64}),
            parsed("[9007199254740993]"),
            parsed("[9007199254740992]"),
        ),
    ]);
}

#[test]
fn equality_operators_reach_into_arrays() {
    check(&[
        (
            json!({"$eq": "x"}),
            json!(["x", ["y", "x"]]),
            json!(["y", ["y"], [["x"]], "missing"]),
        ),
        (
            json!({"$eq": null}),
            json!([null, "missing", [null]]),
            json!([0, [], {}]),
        ),
        (
            json!({"$eq": [1, 2]}),
            parsed("[[1, 2], [1.0, 2], [[1, 2]]]"),
            json!([[2, 1], [1, 2, 3], 1]),
        ),
        (
            json!({"$eq": {"x": 1, "y": 2}}),
            parsed(r#"[{"y": 2, "x": 1.0}, [{"x": 1, "y": 2}]]"#),
            json!([{"x": 1}, {"x": 1, "y": 2, "z": 3}]),
        ),
        (json!({"$eq": {"$gt": 1}}), json!([{"$gt": 1}]), json!([2])),
        (
            json!({"$ne": "x"}),
            json!(["y", ["y"], null, 1, "missing"]),
            json!(["x", ["x", "y"]]),
        ),
        (
            json!({"$ne": null}),
            json!([0, "", false, [], {}]),
            json!([null, "missing", [null]]),
        ),
        (
            json!({"$in": ["x", 1, null]}),
            parsed("[\"x\", 1.0, null, \"missing\", [\"z\", 1]]"),
            json!(["y", 2, [2], {}]),
        ),
        (
            json!({"$in": []}),
            json!([]),
            json!(["x", null, [], "missing"]),
        ),
        (
            json!({"$in": [{"$regex": "^a"}, "b"]}),
            json!(["ab", "b", ["c", "ad"]]),
            json!(["ba", 1, "missing"]),
        ),
        (
            json!({"$in": [[1], {"x": 1}]}),
            json!([[1], {"x": 1}, [[1]], [{"x": 1}]]),
            json!([1, {"x": 1, "y": 1}]),
        ),
        (
            json!({"$nin": ["x", 1]}),
            json!(["y", 2, null, [], "missing"]),
            json!(["x", 1, ["x"]]),
        ),
        (
            json!({"$nin": ["x", null]}),
            json!(["y"]),
            json!(["x", null, "missing"]),
        ),
        (json!({"$nin": []}), json!([1, null, "missing"]), json!([])),
        (
            json!({"$all": ["x", "y"]}),
            json!([["y", "z", "x"]]),
            json!([["x"], "x", [["x", "y"]], "missing"]),
        ),
        (
            json!({"$all": ["x"]}),
            json!(["x", ["x"]]),
            json!(["y", []]),
        ),
        (
            json!({"$all": [["x", "y"]]}),
            json!([["x", "y"], [["x", "y"], 1]]),
            json!([["y", "x"]]),
        ),
        (
            json!({"$all": []}),
            json!([]),
            json!([[], [1], null, "missing"]),
        ),
        (
            json!({"$all": [null]}),
            json!([null, [null, 1], "missing"]),
            json!([[1]]),
        ),
        (
            json!({"$all": [{"$elemMatch": {"n": {"$gt": 1}}}, {"$elemMatch": {"n": {"$lt": 0}}}]}),
            json!([[{"n": 2}, {"n": -1}]]),
            json!([[{"n": 2}], {"n": 2}]),
        ),
        (
            json!({"$all": [{"$regex": "^a"}, "b"]}),
            json!([["ax", "b"]]),
            json!([["ax"], "b"]),
        ),
    ]);
}

#[test]
fn the_other_operators() {
    check(&[
        (
            json!({"$exists": true}),
            json!([null, 0, [], {}]),
            json!(["missing"]),
        ),
        (
            json!({"$exists": false}),
            json!(["missing"]),
            json!([null, 0]),
        ),
        (
            json!({"$type": "string"}),
            json!(["", "x"]),
            json!([1, null, ["x"], {}, "missing"]),
        ),
        (
            json!({"$type": ["number", "null"]}),
            json!([1, 1.5, null]),
            json!(["1", true, "missing"]),
        ),
        (
            json!({"$type": "array"}),
            json!([[], [1]]),
            json!([{}, "missing"]),
        ),
        (
            json!({"$type": "object"}),
            json!([{}]),
            json!([[], "missing"]),
        ),
        (
            json!({"$type": "boolean"}),
            json!([true, false]),
            json!([0, "missing"]),
        ),
        (
            json!({"$elemMatch": {"$gte": 80, "$lt": 85}}),
            json!([[70, 82]]),
            json!([[70, 85], 82, [], "missing"]),
        ),
        (
            json!({"$elemMatch": {"n": 1, "m": 2}}),
            json!([[{"n": 1, "m": 2}]]),
            json!([[{"n": 1}, {"m": 2}], {"n": 1, "m": 2}]),
        ),
        (
            json!({"$size": 2}),
            json!([[1, 2]]),
            json!([[1], {"x": 1, "y": 2}, "ab", 2, "missing"]),
        ),
        (
            parsed(r#"{"$size": 0.0}"#),
            json!([[]]),
            json!([[1], "missing"]),
        ),
        (
            json!({"$mod": [4, 1]}),
            parsed("[1, 5, 5.9, 9e0, [2, 5]]"),
            json!([4, -3, "5", null, "missing"]),
        ),
        (json!({"$mod": [4, -1]}), json!([-1, -5]), json!([3, 1])),
        (
            json!({"$mod": [7, 2]}),
            parsed("[100000000000000000000]"),
            parsed("[1e99999999999999999999]"),
        ),
    ]);
}

#[test]
fn logic() {
    check(&[
        (
            json!({"$not": {"$lt": 3}}),
            json!([3, "x", null, "missing"]),
            json!([2]),
        ),
        (
            json!({"$not": {"$regex": "^a"}}),
            json!(["b", 1, "missing"]),
            json!(["ab"]),
        ),
        (
            json!({"$not": {"b": 1}}),
            json!([{"b": 2}, 5, "missing"]),
            json!([{"b": 1}]),
        ),
        (json!({"$not": ["x"]}), json!([["y"], "x"]), json!([["x"]])),
        (
            json!({"$or": [1, {"$type": "string"}]}),
            json!([1, "x"]),
            json!([2, null, "missing"]),
        ),
        (
            json!({"$and": [{"$gt": 1}, {"$ne": 5}]}),
            json!([2]),
            json!([1, 5]),
        ),
        (
            json!({"$nor": [1, {"$type": "string"}]}),
            json!([2, null, "missing"]),
            json!([1, "x"]),
        ),
    ]);
}

#[test]
fn regular_expressions() {
    check(&[
        (
            json!({"$regex": "b+c"}),
            json!(["abbcd"]),
            json!(["abd", "ABC", 1, ["abc"], null, "missing"]),
        ),
        (
            json!({"$regex": "^ABC$", "$options": "i"}),
            json!(["abc"]),
            json!(["abcd"]),
        ),
        (
            json!({"$options": "m", "$regex": "^b"}),
            json!(["a\nb"]),
            json!(["ab"]),
        ),
        (
            json!({"$regex": "a.b", "$options": "s"}),
            json!(["a\nb"]),
            json!(["ab"]),
        ),
        (
            json!({"$regex": "a b # c", "$options": "x"}),
            json!(["ab"]),
            json!(["a b"]),
        ),
        (
            json!({"$regex": "^\\p{Lu}"}),
            json!(["Ärger"]),
            json!(["ärger"]),
        ),
        (
            json!({"$regex": "x"}),
            json!(["x".repeat(crate::REGEX_TEXT_BYTES[0])]),
            json!(["x".repeat(crate::REGEX_TEXT_BYTES[0] + 1)]),
        ),
    ]);
}
