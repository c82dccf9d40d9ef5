//! Laws that hold for every pattern and every document, against an evaluator that is as plain as
//! the language's definition: no compilation, no index, floats for numbers.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{Index, Pattern};

/// Whether `pattern`, a JSON value below the root, matches.
fn reference(pattern: &Value, value: Option<&Value>) -> bool {
    match pattern {
        Value::Object(map) if map.is_empty() => value.is_some_and(Value::is_object),
        Value::Object(map) if map.keys().all(|key| key.starts_with('$')) => map
            .iter()
            .all(|(name, operand)| operator(name, operand, value)),
        Value::Object(map) => members(map, value),
        Value::Array(patterns) => value.and_then(Value::as_array).is_some_and(|items| {
            patterns
                .iter()
                .all(|pattern| items.iter().any(|item| reference(pattern, Some(item))))
        }),
        scalar => same(scalar, value),
    }
}

fn reference_root(pattern: &Value, data: &Value) -> bool {
    pattern.as_object().unwrap().iter().all(|(name, operand)| {
        let branches = || operand.as_array().unwrap().iter();
        match name.as_str() {
            "$and" => branches().all(|branch| reference_root(branch, data)),
            "$or" => branches().any(|branch| reference_root(branch, data)),
            "$nor" => !branches().any(|branch| reference_root(branch, data)),
            "$not" => !reference_root(operand, data),
            _ => reference(operand, find(name, Some(data))),
        }
    })
}

fn members(map: &Map<String, Value>, value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_object)
        && map
            .iter()
            .all(|(name, pattern)| reference(pattern, find(name, value)))
}

fn find<'v>(name: &str, value: Option<&'v Value>) -> Option<&'v Value> {
    let object = value?.as_object()?;
    object.get(name).or_else(|| {
        name.split('.').try_fold(value?, |at, part| match at {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            at => at.get(part),
        })
    })
}

fn operator(name: &str, operand: &Value, value: Option<&Value>) -> bool {
    let list = || operand.as_array().unwrap().iter();
    let elements = value.and_then(Value::as_array).into_iter().flatten();
    let mut reach = value.into_iter().chain(elements.clone());
    match name {
        "$eq" => same(operand, value) || elements.clone().any(|item| same(operand, Some(item))),
        "$ne" => !operator("$eq", operand, value),
        "$in" => list().any(|item| operator("$eq", item, value)),
        "$nin" => !operator("$in", operand, value),
        "$all" => list().len() > 0 && list().all(|item| operator("$eq", item, value)),
        "$gt" => reach.any(|value| order(value, operand).is_some_and(|order| order.is_gt())),
        "$gte" => reach.any(|value| order(value, operand).is_some_and(|order| order.is_ge())),
        "$lt" => reach.any(|value| order(value, operand).is_some_and(|order| order.is_lt())),
        "$lte" => reach.any(|value| order(value, operand).is_some_and(|order| order.is_le())),
        "$exists" => value.is_some() == operand.as_bool().unwrap(),
        "$size" => {
            value.and_then(Value::as_array).map(Vec::len) == operand.as_u64().map(|n| n as usize)
        }
        "$mod" => reach.any(|value| {
            let wanted = operand[1].as_f64().unwrap();
            value
                .as_f64()
                .is_some_and(|value| value.trunc() % operand[0].as_f64().unwrap() == wanted)
        }),
        "$type" => value.is_some_and(|value| {
            let name = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            operand == name
        }),
        "$regex" => value.and_then(Value::as_str).is_some_and(|text| {
            regex::Regex::new(operand.as_str().unwrap())
                .unwrap()
                .is_match(text)
        }),
        "$elemMatch" => elements.clone().any(|item| reference(operand, Some(item))),
        "$not" => !reference(operand, value),
        "$and" => list().all(|branch| reference(branch, value)),
        "$or" => list().any(|branch| reference(branch, value)),
        "$nor" => !list().any(|branch| reference(branch, value)),
        other => panic!("{other}"),
    }
}

fn order(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn same(constant: &Value, value: Option<&Value>) -> bool {
    match (constant, value) {
        (Value::Null, value) => value.is_none_or(Value::is_null),
        (Value::Number(a), Some(Value::Number(b))) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Some(Value::Array(b))) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| exact(a, b))
        }
        (Value::Object(a), Some(Value::Object(b))) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| exact(a, b)))
        }
        (a, Some(b)) => a == b,
        (_, None) => false,
    }
}

fn exact(a: &Value, b: &Value) -> bool {
    same(a, Some(b)) && a.is_null() == b.is_null()
}

const NAMES: &str = "[ab]|a\\.b|a\\.0|\\$via|[cd]";

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4).prop_map(Value::from),
        prop_oneof![Just("1.0"), Just("10e-1"), Just("2.5"), Just("-0.0")]
            .prop_map(|text| serde_json::from_str(text).unwrap()),
        "[ab]{0,2}".prop_map(Value::from),
    ]
}

fn object(
    inner: impl Strategy<Value = Value>,
    name: &'static str,
    least: usize,
) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(name, inner, least..5)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner, NAMES, 0),
        ]
    })
}

fn data() -> impl Strategy<Value = Value> {
    object(value(), NAMES, 0)
}

/// A pattern for one value. Literals stand for themselves, so plain names have no `$` below the root.
fn below() -> impl Strategy<Value = Value> {
    let comparable = prop_oneof![
        (-3..4).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from)
    ];
    let literal = || prop_oneof![4 => scalar(), 1 => value().prop_filter("no operators", |value| !value.to_string().contains('$'))];
    let operator = prop_oneof![
        (prop_oneof![Just("$eq"), Just("$ne")], literal())
            .prop_map(|(name, value)| json!({name: value})),
        (
            prop_oneof![Just("$gt"), Just("$gte"), Just("$lt"), Just("$lte")],
            comparable
        )
            .prop_map(|(name, value)| json!({name: value})),
        (
            prop_oneof![Just("$in"), Just("$nin"), Just("$all")],
            prop::collection::vec(literal(), 0..3)
        )
            .prop_map(|(name, values)| json!({name: values})),
        any::<bool>().prop_map(|there| json!({"$exists": there})),
        (0..3).prop_map(|size| json!({"$size": size})),
        (1..3, -1..2).prop_map(|(divisor, rest)| json!({"$mod": [divisor, rest]})),
        prop::sample::select(vec![
            "string", "number", "boolean", "object", "array", "null"
        ])
        .prop_map(|kind| json!({"$type": kind})),
        prop::sample::select(vec!["^a", "b$", "", "ab|ba"])
            .prop_map(|text| json!({"$regex": text})),
    ];
    prop_oneof![scalar(), operator].prop_recursive(3, 16, 3, |inner| {
        let branches = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            object(inner.clone(), "[abcd]|a\\.b|a\\.0", 0),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            (
                prop_oneof![Just("$and"), Just("$or"), Just("$nor")],
                branches
            )
                .prop_map(|(name, branches)| json!({name: branches})),
            inner
                .prop_filter("an object", Value::is_object)
                .prop_flat_map(|inner| prop_oneof![
                    Just(json!({"$not": inner})),
                    Just(json!({"$elemMatch": inner}))
                ]),
        ]
    })
}

fn pattern() -> impl Strategy<Value = Value> {
    let plain = || object(below(), NAMES, 0);
    let logic = prop_oneof![Just("$and"), Just("$or"), Just("$nor")];
    prop_oneof![
        4 => plain(),
        1 => (plain(), logic, prop::collection::vec(plain(), 1..3)).prop_map(|(mut plain, name, branches)| {
            plain[name] = branches.into();
            plain
        }),
    ]
}

/// Patterns as authors write them, so that documents match often and features collide.
fn usual() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => scalar(),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(|values| json!({"$in": values})),
        1 => scalar().prop_map(|value| json!({"$eq": value})),
        1 => Just(json!({"$type": "string"})),
        1 => (-3..4).prop_map(|n| json!({"$gt": n})),
    ];
    let leaf = prop_oneof![3 => leaf.clone(), 1 => object(leaf, "[ab]|a\\.b", 1)];
    object(leaf, "[ab]|a\\.b|\\$via", 0)
}

proptest! {
    #[test]
    fn matching_is_what_the_definition_says(tested in pattern(), documents in prop::collection::vec(data(), 8)) {
        let compiled = Pattern::parse(&tested).map_err(|error| TestCaseError::fail(format!("{tested}: {error}")))?;
        for data in &documents {
            prop_assert_eq!(compiled.matches(data), reference_root(&tested, data), "{} {}", tested, data);
        }
    }

    #[test]
    fn what_looks_the_same_matches_the_same(tested in pattern(), documents in prop::collection::vec(data(), 8)) {
        let compiled = Pattern::parse(&tested).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for a in &documents {
            prop_assert_eq!(compiled.observed(a), compiled.observed(&a.clone()));
            for b in &documents {
                if compiled.observed(a) == compiled.observed(b) {
                    prop_assert_eq!(compiled.matches(a), compiled.matches(b), "{} {} {}", tested, a, b);
                }
            }
        }
    }

    #[test]
    fn members_that_the_condition_does_not_name_are_not_observed(tested in pattern(), mut data in data(), other in value()) {
        let compiled = Pattern::parse(&tested).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let before = (compiled.observed(&data), compiled.matches(&data));
        data["unnamed"] = other;
        prop_assert_eq!(before, (compiled.observed(&data), compiled.matches(&data)));
    }

    #[test]
    fn candidates_are_all_that_match(
        tested in prop::collection::vec(prop_oneof![3 => usual(), 1 => pattern()], 0..60),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        documents in prop::collection::vec(data(), 8),
    ) {
        let mut index = Index::new();
        let mut patterns = Vec::new();
        for (id, tested) in (0..).zip(&tested) {
            let compiled = Pattern::parse(tested).map_err(|error| TestCaseError::fail(error.to_string()))?;
            index.insert(id, &compiled);
            patterns.push(Some(compiled));
        }
        for (round, place) in removed.iter().enumerate() {
            if !patterns.is_empty() {
                let id = place.index(patterns.len());
                // Some are put back, at another moment than at first.
                let compiled = Pattern::parse(&tested[id]).map_err(|error| TestCaseError::fail(error.to_string()))?;
                index.remove(id as u32);
                patterns[id] = (round % 2 == 0).then_some(compiled);
                if let Some(compiled) = &patterns[id] {
                    index.insert(id as u32, compiled);
                }
            }
        }
        let mut out = Vec::new();
        for data in &documents {
            index.candidates(data, &mut out);
            prop_assert!(out.is_sorted_by(|a, b| a < b));
            for (id, compiled) in (0..).zip(&patterns) {
                let matches = compiled.as_ref().is_some_and(|pattern| pattern.matches(data));
                prop_assert!(!matches || out.contains(&id), "{} {}", tested[id as usize], data);
                prop_assert!(compiled.is_some() || !out.contains(&id));
            }
        }
        (0..).zip(&tested).for_each(|(id, _)| index.remove(id));
        prop_assert_eq!(format!("{index:?}").matches("Path {").count(), 1);
    }
}
