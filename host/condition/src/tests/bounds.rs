//! Hostile patterns and data: size, depth and work are bounded.

use serde_json::{Value, json};

use super::pattern;
use crate::{Budget, Pattern};

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
    let mut budget = Budget::default();
    assert!(!hostile.matches_within(&data, &mut budget));
    assert!(!budget.is_spent());
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
    let mut budget = Budget::default();
    assert!(!never.matches_within(&data, &mut budget));
    assert!(budget.is_spent());
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
