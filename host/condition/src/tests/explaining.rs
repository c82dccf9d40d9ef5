//! Why a pattern does not match.

use serde_json::{Value, json};

use super::pattern;
use crate::{Budget, Mismatch, SHOWN_CHARS, Spent, nearest};

fn mismatch(tested: &Value, data: &Value) -> Option<Mismatch> {
    let mismatch = pattern(tested).mismatch(data, &mut Budget::default());
    mismatch.unwrap()
}

#[test]
fn the_first_leaf_that_fails_is_named() {
    let order = json!({"$via": {"type": "webhook", "name": "Orders"}, "total": 99.5, "tags": ["a", 1],
        "customer": {"country": "AT", "a/b": 1}, "items": [{"sku": "x"}], "none": null, "a.b": 1});
    for (tested, pointer, expected, found) in [
        (
            json!({"$via": {"name": "Order"}, "total": 1}),
            "/$via/name",
            r#""Order""#,
            Some(r#""Orders""#),
        ),
        (
            json!({"total": {"$gt": 1, "$lt": 50}}),
            "/total",
            r#"{"$lt":50}"#,
            Some("99.5"),
        ),
        (
            json!({"total": {"$type": ["string", "null"]}}),
            "/total",
            r#"{"$type":["string","null"]}"#,
            Some("99.5"),
        ),
        (
            json!({"missing": {"deep": {"er": 1}}}),
            "/missing/deep/er",
            "1",
            None,
        ),
        (
            json!({"missing": {"deep": null}}),
            "/missing",
            r#"{"deep":null}"#,
            None,
        ),
        (
            json!({"missing": {"$exists": true}}),
            "/missing",
            r#"{"$exists":true}"#,
            None,
        ),
        (
            json!({"none": {"$ne": null}}),
            "/none",
            r#"{"$ne":null}"#,
            Some("null"),
        ),
        (
            json!({"customer.country": {"$in": ["DE", "CH"]}}),
            "/customer/country",
            r#"{"$in":["DE","CH"]}"#,
            Some(r#""AT""#),
        ),
        (json!({"a.b": 2}), "/a.b", "2", Some("1")),
        (
            json!({"customer": {"a/b": 2}}),
            "/customer/a~1b",
            "2",
            Some("1"),
        ),
        (
            json!({"customer": {"$regex": "^A", "$flags": "i"}}),
            "/customer",
            r#"{"$regex":"^A","$flags":"i"}"#,
            Some(r#"{"country":"AT","a/b":1}"#),
        ),
        (
            json!({"tags": ["a", {"x": 1}, 5]}),
            "/tags",
            r#"[{"x":1}]"#,
            Some(r#"["a",1]"#),
        ),
        (json!({"total": ["a"]}), "/total", r#"["a"]"#, Some("99.5")),
        (
            json!({"tags": {"$size": 3}}),
            "/tags",
            r#"{"$size":3}"#,
            Some(r#"["a",1]"#),
        ),
        (
            json!({"tags": {"$all": ["a", "b"]}}),
            "/tags",
            r#"{"$eq":"b"}"#,
            Some(r#"["a",1]"#),
        ),
        (
            json!({"tags": {"$nin": ["a"], "$mod": [2, 0]}}),
            "/tags",
            r#"{"$ne":"a"}"#,
            Some(r#"["a",1]"#),
        ),
        (
            json!({"items": {"$elemMatch": {"sku": "y"}}}),
            "/items",
            r#"{"$elemMatch":{"sku":"y"}}"#,
            Some(r#"[{"sku":"x"}]"#),
        ),
        (
            json!({"$and": [{"total": {"$gt": 1}}, {"customer": {"country": "DE"}}]}),
            "/customer/country",
            r#""DE""#,
            Some(r#""AT""#),
        ),
        (
            json!({"total": {"$or": [1, {"$not": {"$gte": 2}}]}}),
            "/total",
            r#"{"$or":[1,{"$not":{"$gte":2}}]}"#,
            Some("99.5"),
        ),
        (
            json!({"total": {"$nor": [{"$mod": [3, 0]}]}}),
            "/total",
            r#"{"$nor":[{"$mod":[3,0]}]}"#,
            Some("99.5"),
        ),
    ] {
        let expected = Mismatch {
            pointer: pointer.to_owned(),
            expected: expected.to_owned(),
            found: found.map(str::to_owned),
        };
        assert_eq!(mismatch(&tested, &order), Some(expected), "{tested}");
    }
    assert_eq!(mismatch(&json!({"total": {"$gt": 1}}), &order), None);
    let root = mismatch(&json!({"$or": [{"x": 1}, {"y": 2}]}), &json!({"z": 1})).unwrap();
    assert_eq!(
        (&*root.pointer, root.found.as_deref()),
        ("", Some(r#"{"z":1}"#))
    );
}

#[test]
fn what_is_shown_is_bounded() {
    let large = json!({"a": "ä".repeat(100_000), "b": vec![1; 100_000]});
    let shown = mismatch(&json!({"a": {"$in": vec!["x"; 5000]}}), &large).unwrap();
    assert_eq!(
        shown.found.as_ref().unwrap().chars().count(),
        SHOWN_CHARS + 1
    );
    assert_eq!(shown.expected.chars().count(), SHOWN_CHARS + 1);
    assert!(shown.expected.ends_with('…') && shown.found.unwrap().ends_with('…'));
    let exact = json!({"a": "x".repeat(SHOWN_CHARS - 2)});
    let shown = mismatch(&json!({"a": 1}), &exact).unwrap().found.unwrap();
    assert!(!shown.ends_with('…') && shown.len() == SHOWN_CHARS);
    // No more work than the budget has.
    let pattern = pattern(&json!({"b": {"$in": (0..9000).map(|n| -n - 1).collect::<Vec<i32>>()}}));
    let mut budget = Budget::new(10_000);
    assert_eq!(pattern.mismatch(&large, &mut budget), Err(Spent));
}

#[test]
fn what_a_condition_names_is_found() {
    let path = ["$via", "name"];
    for (tested, names) in [
        (json!({"$via": {"name": "A"}}), vec!["A"]),
        (json!({"$via.name": "A"}), vec!["A"]),
        (
            json!({"$via": {"name": {"$in": ["A", 1, "B"]}}}),
            vec!["A", "B"],
        ),
        (
            json!({"$via": {"name": {"$eq": "A"}}, "x": 1, "$and": [{"$via.name": "B"}]}),
            vec!["A", "B"],
        ),
        (json!({"$via": {"name": {"$ne": "A"}}}), vec![]),
        (
            json!({"$or": [{"$via": {"name": "A"}}], "name": "B"}),
            vec![],
        ),
    ] {
        assert_eq!(pattern(&tested).texts_at(&path), names, "{tested}");
    }
    let there = ["Orders", "Contact Form", "Wäsche"];
    for (name, meant) in [
        ("Order", Some("Orders")),
        ("orders", Some("Orders")),
        ("Contact From", Some("Contact Form")),
        ("Waesche", Some("Wäsche")),
        ("Invoices", None),
        ("", None),
    ] {
        assert_eq!(nearest(name, there), meant, "{name}");
    }
}
