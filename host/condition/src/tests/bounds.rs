//! Hostile patterns and data: size, depth and work are bounded.

use serde_json::{Value, json};

use super::pattern;
use crate::{Budget, Pattern, Spent};

#[test]
fn patterns_are_bounded() {
    let deep = |levels: usize, around: fn(Value) -> Value| {
        (1..levels).fold(json!({"a": 1}), |inner, _| around(inner))
    };
    let key: fn(Value) -> Value = |inner| json!({"a": inner});
    let not: fn(Value) -> Value = |inner| json!({"$not": inner});
    let equal: fn(Value) -> Value = |inner| json!({"a": {"$eq": [inner]}});
    assert!(Pattern::parse(&deep(crate::DEPTH - 1, key)).is_ok());
    for around in [key, not, equal] {
        let error = Pattern::parse(&deep(crate::DEPTH + 1, around)).unwrap_err();
        assert_eq!(
            error.message,
            "the condition is nested deeper than 64 levels"
        );
    }
    for many in [
        json!({"a": vec![1; crate::NODES]}),
        json!({"a": {"$in": vec![1; crate::NODES]}}),
        json!({"a": {"$eq": vec![1; crate::NODES]}}),
    ] {
        let error = Pattern::parse(&many).unwrap_err();
        assert_eq!(error.message, "the condition has more than 10000 values");
    }
    let error = Pattern::parse(&json!({"a": "x".repeat(crate::TEXT_BYTES)})).unwrap_err();
    assert_eq!(
        error.message,
        "the condition's keys and strings have more than 262144 bytes"
    );
    let error = Pattern::parse(&json!({"a": {"$regex": "x".repeat(9000)}})).unwrap_err();
    assert_eq!(
        error.message,
        "the regular expression has 9000 bytes; at most 8192 are allowed"
    );
    let error = Pattern::parse(&json!({"a": vec![json!({"$regex": "x"}); 17]})).unwrap_err();
    assert_eq!(error.pointer, "/a/16/$regex");
    let error = Pattern::parse(&json!({"k".repeat(1000): {"$x": 1}})).unwrap_err();
    assert!(error.to_string().len() < 600);
}

#[test]
fn work_is_bounded() {
    let patterns: Vec<Value> = (0..2000).map(|n| json!({"x": n})).collect();
    let hostile = pattern(&json!({"a": patterns}));
    let data = json!({"a": vec![json!({}); 100_000]});
    let within =
        |pattern: &Pattern, data: &Value| pattern.matches_within(data, &mut Budget::default());
    assert_eq!(within(&hostile, &data), Ok(false));
    // Without one that ends it early, 200 million comparisons; `$not` must not turn the end of the
    // budget into a match.
    let all: Vec<Value> = (0..2000).map(|_| json!({"x": {"$ne": 1}})).collect();
    let hostile = pattern(
        &json!({"a": {"$not": {"$elemMatch": {"$nor": all.iter().map(|_| json!({"x": 1})).collect::<Vec<_>>()}}}, "b": 1}),
    );
    let data = json!({"a": vec![json!({"x": 1}); 100_000], "b": 1});
    assert!(hostile.matches(&data));
    let never = pattern(
        &json!({"a": {"$not": {"$elemMatch": {"$and": [{"y": null}, {"$or": (0..2000).map(|n| json!({"x": n + 2})).collect::<Vec<_>>()}]}}}}),
    );
    assert_eq!(within(&never, &data), Err(Spent));
    assert!(!never.matches(&data));
}

/// What a row's work costs, by the units that its budget lacks afterwards.
fn cost(tested: &Value, data: &Value) -> u64 {
    let mut budget = Budget::new(u64::MAX);
    pattern(tested).matches_within(data, &mut budget).unwrap();
    u64::MAX - budget.left()
}

/// A hostile pattern or document costs in proportion to the bytes that are read for it.
#[test]
fn what_takes_long_costs_much() {
    let long = "x".repeat(64_000);
    let other = format!("{}y", &long[1..]);
    let texts = vec![json!(other); 100];
    for (what, tested, data, least) in [
        (
            "equal texts",
            json!({"a": {"$eq": long}}),
            json!({"a": texts}),
            100_000,
        ),
        (
            "ordered texts",
            json!({"a": {"$lt": long}}),
            json!({"a": texts}),
            100_000,
        ),
        (
            "texts in lists",
            json!({"a": {"$in": [long, 1, 2, 3, 4, 5, 6, 7, 8, 9]}}),
            json!({"a": texts}),
            50_000,
        ),
        (
            "whole texts",
            json!({"a": {"$eq": {"b": long}}}),
            json!({"a": vec![json!({"b": other}); 100]}),
            100_000,
        ),
        (
            "names",
            json!({"a": [{long.clone(): 1}]}),
            json!({"a": vec![json!({"b": 1, "c": 2}); 100]}),
            400_000,
        ),
        (
            "names of whole values",
            json!({"a": {"$eq": {long.clone(): 1, "b": 1}}}),
            json!({"a": vec![json!({"b": 1, "c": 2}); 100]}),
            400_000,
        ),
        (
            "expressions",
            json!({"a": {"$regex": "x+z"}}),
            json!({"a": long}),
            60_000,
        ),
        (
            "expressions on nothing",
            json!({"a": {"$in": [{"$regex": "z"}]}}),
            json!({"a": vec![json!(""); 1_000]}),
            8_000,
        ),
        (
            "nested arrays",
            json!({"a": [[[[[9]]]]]}),
            json!({"a": vec![json!([[[[1], [2]]]]); 1_000]}),
            6_000,
        ),
        (
            "elements",
            json!({"a": {"$elemMatch": {"x": 1}}}),
            json!({"a": vec![json!({}); 1_000]}),
            2_000,
        ),
    ] {
        let cost = cost(&tested, &data);
        assert!(cost >= least, "{what}: {cost}");
    }
}

/// A list of `$in` is looked up, not gone through: ten thousand alternatives cost an array what ten cost it.
#[test]
fn a_long_list_costs_what_a_short_one_costs() {
    let numbers = |count: usize| json!({"a": {"$in": (0..count).collect::<Vec<_>>()}});
    let texts = |count: usize| json!({"a": {"$in": (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>()}});
    for list in [numbers, texts] {
        for data in [
            json!({"a": vec![json!(""); 1_000]}),
            json!({"a": vec![json!(-1); 1_000]}),
        ] {
            let (short, long) = (cost(&list(10), &data), cost(&list(9_900), &data));
            assert!(long <= short + 100, "{short} {long}");
            assert!(long < 10_000, "{long}");
        }
    }
}

#[test]
fn large_expressions_are_tried_on_short_strings_only() {
    for (expression, longest) in [
        ("x$", crate::REGEX_TEXT_BYTES[0]),
        ("\\p{Nd}{4} x$", crate::REGEX_TEXT_BYTES[1]),
        ("^\\p{L}{1,20}|x$", crate::REGEX_TEXT_BYTES[2]),
    ] {
        let compiled = pattern(&json!({"a": {"$regex": expression}}));
        let text = |length: usize| format!("{}1234 x", " ".repeat(length - 6));
        assert!(
            compiled.matches(&json!({"a": text(longest)})),
            "{expression}"
        );
        assert!(
            !compiled.matches(&json!({"a": text(longest + 1)})),
            "{expression}"
        );
    }
}
