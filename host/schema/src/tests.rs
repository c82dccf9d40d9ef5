use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell_condition::{Budget, Spent};

use crate::{PATTERNS, SCHEMAS, SHOWN, Schema, VIOLATIONS};

fn compiled(schema: &Value) -> Schema {
    Schema::compile(schema).unwrap()
}

/// Place in the value, place in the schema, message.
fn violations(schema: Value, value: Value) -> Vec<(String, String, String)> {
    let found = compiled(&schema).check(&value, &mut Budget::default());
    let found = found.unwrap().into_iter();
    found
        .map(|found| (found.instance, found.schema, found.message))
        .collect()
}

#[test]
fn each_violation_says_what_would_be_right() {
    for (schema, value, place, message) in [
        (
            json!({"type": "string"}),
            json!(1),
            "/type",
            "must be a string, and is a number",
        ),
        (
            json!({"type": ["integer", "null"]}),
            json!(1.5),
            "/type",
            "must be null or an integer, and is a number",
        ),
        (
            json!({"const": {"a": 1}}),
            json!(2),
            "/const",
            "must be {\"a\":1}",
        ),
        (
            json!({"enum": ["a", 1, null]}),
            json!("b"),
            "/enum",
            "must be one of \"a\", 1, null",
        ),
        (
            json!({"minimum": 3}),
            json!(2.5),
            "/minimum",
            "must be at least 3",
        ),
        (
            json!({"exclusiveMaximum": 3}),
            json!(3.0),
            "/exclusiveMaximum",
            "must be less than 3",
        ),
        (
            json!({"multipleOf": 0.1}),
            json!(0.25),
            "/multipleOf",
            "must be a multiple of 0.1",
        ),
        (
            json!({"minLength": 2}),
            json!("é"),
            "/minLength",
            "must have at least 2 characters, and has 1",
        ),
        (
            json!({"pattern": "^[A-Z]+$"}),
            json!("a"),
            "/pattern",
            "must match the pattern `^[A-Z]+$`",
        ),
        (
            json!({"maxItems": 1}),
            json!([1, 2]),
            "/maxItems",
            "must have at most 1 items, and has 2",
        ),
        (
            json!({"uniqueItems": true}),
            json!([{"a": 1, "b": 2}, 0, {"b": 2.0, "a": 1}]),
            "/uniqueItems",
            "items 0 and 2 are the same, and all must differ",
        ),
        (
            json!({"contains": {"const": 1}}),
            json!([2]),
            "/contains",
            "must have at least 1 items that fit, and has 0",
        ),
        (
            json!({"required": ["a", "b", "c"]}),
            json!({"b": 1}),
            "/required",
            "must have `a`, `c`",
        ),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"ab": 1}),
            "/propertyNames",
            "the name `ab` does not fit",
        ),
        (
            json!({"anyOf": [{"type": "null"}, {"const": 2}]}),
            json!(1),
            "/anyOf",
            "must fit at least one of the 2 schemas",
        ),
        (
            json!({"oneOf": [{"const": 1}, {}, {}]}),
            json!(1),
            "/oneOf",
            "must fit only one schema, and fits 0 and 1",
        ),
        (
            json!({"not": {}}),
            json!(1),
            "/not",
            "must not fit this schema",
        ),
        (json!(false), json!(1), "", "nothing is allowed here"),
    ] {
        let found = violations(schema.clone(), value);
        let expected = (String::new(), place.to_owned(), message.to_owned());
        assert_eq!(found, [expected], "{schema}");
    }
}

#[test]
fn places_are_pointers_into_both() {
    let schema = json!({
        "properties": {"a/b": {"$ref": "#/$defs/list"}},
        "additionalProperties": false,
        "$defs": {"list": {"items": {"type": "integer"}}},
    });
    let found = violations(schema, json!({"a/b": [1, "x"], "~c": 1}));
    let places: Vec<_> = found
        .iter()
        .map(|(instance, schema, _)| (instance.as_str(), schema.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            ("/a~1b/1", "/$defs/list/items/type"),
            ("/~0c", "/additionalProperties"),
        ]
    );
}

#[test]
fn what_is_told_is_bounded() {
    let name = "x".repeat(10_000);
    let schema = json!({"additionalProperties": {"enum": [name]}});
    let value: Value = (0..100).map(|n| (format!("{n}{name}"), json!(n))).collect();
    let found = violations(schema, value);
    assert_eq!(found.len(), VIOLATIONS);
    for (instance, schema, message) in found {
        for part in [instance, schema, message] {
            assert!(part.chars().count() <= SHOWN + 30, "{part}");
        }
    }
}

#[test]
fn a_wrong_schema_is_refused_with_its_place() {
    let many: Vec<Value> = (0..=SCHEMAS).map(|_| json!({})).collect();
    let patterns: Vec<Value> = (0..=PATTERNS)
        .map(|n| json!({"pattern": format!("a{n}")}))
        .collect();
    let mut deep = json!({});
    for _ in 0..65 {
        deep = json!({"not": deep});
    }
    let large: Vec<Value> = (0..40)
        .map(|n| json!({"pattern": format!("^\\p{{L}}{{9}}{n}$")}))
        .collect();
    for (schema, pointer, part) in [
        (json!([]), "", "an object, true or false"),
        (json!({"type": "text"}), "/type", "null, boolean, integer"),
        (
            json!({"properties": {"a": {"minLength": -1}}}),
            "/properties/a/minLength",
            "0 or more",
        ),
        (
            json!({"properties": []}),
            "/properties",
            "an object of schemas",
        ),
        (json!({"items": [{}]}), "/items", "an object, true or false"),
        (json!({"required": "a"}), "/required", "an array of names"),
        (json!({"multipleOf": 0}), "/multipleOf", "greater than 0"),
        (json!({"pattern": "("}), "/pattern", "regular expression"),
        (json!({"pattern": "(?=a)"}), "/pattern", ""),
        (
            json!({"patternProperties": {"a/(": {}}}),
            "/patternProperties/a~1(",
            "regular expression",
        ),
        (
            json!({"$ref": "https://example.com/a.json"}),
            "/$ref",
            "nothing is fetched",
        ),
        (
            json!({"$ref": "file:///etc/passwd"}),
            "/$ref",
            "nothing is fetched",
        ),
        (json!({"$ref": "#/$defs/a"}), "/$ref", "leads to nothing"),
        (json!({"$ref": "#a"}), "/$ref", "anchor that is not there"),
        (json!({"$ref": "#"}), "/$ref", "back to itself"),
        (
            json!({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
            "/$defs/a/anyOf/0/$ref",
            "back to itself",
        ),
        (
            json!({"$schema": "http://example.com"}),
            "/$schema",
            "2020-12",
        ),
        (
            json!({"$defs": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}),
            "/$defs/a/$schema",
            "of another draft",
        ),
        (json!({"allOf": []}), "/allOf", "at least one"),
        (json!({"allOf": many}), "/allOf/4095", "4096 subschemas"),
        (
            json!({"allOf": patterns}),
            "/allOf/100/pattern",
            "100 patterns",
        ),
        (json!({"allOf": large}), "", "too large when compiled"),
        (deep, "", "deeper than 64"),
    ] {
        let error = Schema::compile(&schema).unwrap_err();
        assert!(error.message.contains(part), "{error}");
        if !pointer.is_empty() {
            assert_eq!(error.pointer, pointer, "{error}");
        }
    }
}

/// `keyword` of two references to the next level, so that each level doubles the work.
fn bomb(keyword: &str, levels: usize) -> Value {
    let level = |n: usize| {
        let next = json!({"$ref": format!("#/$defs/{}", n + 1)});
        (n.to_string(), json!({keyword: [&next, &next]}))
    };
    let mut levels: serde_json::Map<_, _> = (0..levels).map(level).collect();
    levels.insert(levels.len().to_string(), json!({"const": 1}));
    json!({"$ref": "#/$defs/0", "$defs": levels})
}

#[test]
fn hostile_schemas_end_within_the_budget() {
    let units = 1_000_000;
    let spent = |schema: &Value, value: &Value| {
        let schema = compiled(schema);
        let begun = std::time::Instant::now();
        let found = schema.check(value, &mut Budget::new(units));
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
        found == Err(Spent)
    };
    assert!(spent(&bomb("allOf", 60), &json!(1)));
    assert!(spent(&bomb("anyOf", 60), &json!(2)));
    assert!(spent(&bomb("oneOf", 60), &json!(1)));
    // Each level of the value doubles the work.
    let twice = json!({"additionalProperties": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}});
    let mut deep = json!({});
    for _ in 0..60 {
        deep = json!({"a": deep});
    }
    assert!(spent(&twice, &deep));
    let names: Value = (0..5_000).map(|n| (n.to_string(), json!(1))).collect();
    let patterns: serde_json::Map<_, _> =
        (0..90).map(|n| (format!("^{n}a+$"), json!({}))).collect();
    assert!(spent(&json!({"patternProperties": patterns}), &names));
    let values: Vec<Value> = (0..5_000).map(|n| json!(format!("{n}"))).collect();
    // Each is the last one.
    let items = json!(vec![json!("4999"); 5_000]);
    assert!(spent(&json!({"items": {"enum": values}}), &items));
    let contains = json!({"items": {"contains": {"const": 1}}});
    // The last one fits: a check of what does not ends with its fifth error.
    let mut row = vec![0; 300];
    row.push(1);
    assert!(spent(&contains, &json!(vec![row; 1_000])));
    let digits = "9".repeat(100_000);
    let numbers: Value =
        serde_json::from_str(&format!("[{}]", vec![digits; 100].join(","))).unwrap();
    assert!(spent(&json!({"items": {"multipleOf": 9}}), &numbers));
    // Deeper than a check goes, though each level is another one.
    let chain: serde_json::Map<_, _> = (0..1_000)
        .map(|n| (n.to_string(), json!({"$ref": format!("#/$defs/{}", n + 1)})))
        .chain([("1000".to_owned(), json!({}))])
        .collect();
    assert!(spent(
        &json!({"$ref": "#/$defs/0", "$defs": chain}),
        &json!(1)
    ));
    let dynamic = json!({"$dynamicAnchor": "a", "anyOf": [{"$dynamicRef": "#a"}]});
    assert!(spent(&dynamic, &json!(1)));
    // A text that is longer than a pattern is tried on.
    assert!(spent(&json!({"pattern": "a"}), &json!("b".repeat(100_000))));
}

/// The deepest checks that there are: on a thread with a quarter of the stack that the server's threads have.
#[test]
fn the_deepest_check_fits_on_a_small_stack() {
    let chain = |keyword: &str, wrap: fn(Value) -> Value| {
        let level = |n: usize| {
            let next = json!({"$ref": format!("#/$defs/{}", n + 1)});
            (n.to_string(), json!({ keyword: wrap(next) }))
        };
        let levels: serde_json::Map<_, _> = (0..1_000)
            .map(level)
            .chain([("1000".to_owned(), json!({}))])
            .collect();
        json!({"$ref": "#/$defs/0", "$defs": levels})
    };
    let mut deep = json!(1);
    for _ in 0..120 {
        deep = json!({ "a": deep });
    }
    let work = move || {
        type Schema = fn(Value) -> Value;
        let keywords: [(&str, Schema); 9] = [
            ("allOf", |next| json!([next])),
            ("anyOf", |next| json!([next])),
            ("oneOf", |next| json!([next])),
            ("not", |next| next),
            ("if", |next| next),
            ("propertyNames", |next| next),
            ("additionalProperties", |next| next),
            ("dependentSchemas", |next| json!({ "a": next })),
            ("unevaluatedProperties", |next| next),
        ];
        for (keyword, wrap) in keywords {
            let schema = compiled(&chain(keyword, wrap));
            let found = schema.check(&deep, &mut Budget::new(u64::MAX));
            let ends = matches!(
                keyword,
                "propertyNames" | "additionalProperties" | "unevaluatedProperties"
            );
            assert_eq!(found.is_err(), !ends, "{keyword}");
        }
    };
    let thread = std::thread::Builder::new().stack_size(512 * 1024);
    thread.spawn(work).unwrap().join().unwrap();
}

#[test]
fn many_different_items_are_told_apart_in_time_in_proportion_to_their_number() {
    let unique = compiled(&json!({"uniqueItems": true}));
    let work = |items: u64| {
        let value = (0..items).map(|n| json!({"n": n, "m": [n]})).collect();
        let mut budget = Budget::new(u64::MAX);
        assert_eq!(unique.check(&value, &mut budget), Ok(vec![]));
        u64::MAX - budget.left()
    };
    let (few, many) = (work(1_000), work(10_000));
    assert!((9 * few..11 * few).contains(&many), "{few} {many}");
}

#[test]
fn extreme_numbers_are_exact() {
    let text = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (schema, value, fits) in [
        (
            r#"{"maximum": 9007199254740992}"#,
            "9007199254740993",
            false,
        ),
        (r#"{"const": 1e2}"#, "100.0", true),
        (r#"{"type": "integer"}"#, "1e300", true),
        (r#"{"type": "integer"}"#, "1e-300", false),
        (r#"{"type": "integer"}"#, "1e999999999999999999999", true),
        (r#"{"multipleOf": 3}"#, "1e99999999999999999999", false),
        (r#"{"minimum": 0}"#, "-1e-99999999999999999999", false),
        (r#"{"minimum": 1e400}"#, "1e401", true),
    ] {
        let found = compiled(&text(schema)).check(&text(value), &mut Budget::default());
        assert_eq!(found.unwrap().is_empty(), fits, "{schema} {value}");
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        Just(json!(0.5)),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[ab]{1,2}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        Just(json!({"$ref": "#/$defs/d"})),
        prop::sample::select(vec![
            "null", "boolean", "integer", "number", "string", "array", "object"
        ])
        .prop_map(|name| json!({"type": name})),
        values().prop_map(|value| json!({"const": value})),
        prop::collection::vec(values(), 1..4).prop_map(|values| json!({"enum": values})),
        (-2_i64..3).prop_map(|n| json!({"minimum": n})),
        (-2_i64..3).prop_map(|n| json!({"exclusiveMaximum": n})),
        Just(json!({"multipleOf": 2})),
        (0_u64..3).prop_map(|n| json!({"minLength": n, "maxItems": n, "minProperties": n})),
        Just(json!({"pattern": "^a"})),
        Just(json!({"uniqueItems": true})),
        Just(json!({"required": ["a"]})),
        Just(json!({"dependentRequired": {"a": ["b"]}})),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(|(a, b)| json!({"allOf": [a, b]})),
            two.clone().prop_map(|(a, b)| json!({"anyOf": [a, b]})),
            two.clone().prop_map(|(a, b)| json!({"oneOf": [a, b]})),
            inner.clone().prop_map(|a| json!({"not": a})),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| json!({"if": a, "then": b, "else": c})),
            two.clone().prop_map(|(a, b)| json!({"properties": {"a": a}, "additionalProperties": b})),
            two.clone().prop_map(|(a, b)| json!({"patternProperties": {"^a": a}, "unevaluatedProperties": b})),
            two.clone().prop_map(|(a, b)| json!({"anyOf": [{"properties": {"a": a}}, {"properties": {"b": b}}], "unevaluatedProperties": false})),
            two.clone().prop_map(|(a, b)| json!({"prefixItems": [a], "items": b})),
            two.clone().prop_map(|(a, b)| json!({"allOf": [{"prefixItems": [a]}, {"contains": b}], "unevaluatedItems": false})),
            inner.clone().prop_map(|a| json!({"contains": a, "maxContains": 1})),
            inner.clone().prop_map(|a| json!({"contains": a, "minContains": 2})),
            inner.clone().prop_map(|a| json!({"dependentSchemas": {"a": a}})),
            inner.prop_map(|a| json!({"propertyNames": a})),
        ]
    })
}

/// Whether an independent validator says that the value fits.
fn oracle(schema: &Value, value: &Value) -> bool {
    let mut compiler = boon::Compiler::new();
    compiler
        .add_resource("http://x/s.json", schema.clone())
        .unwrap();
    let mut schemas = boon::Schemas::new();
    let index = compiler.compile("http://x/s.json", &mut schemas).unwrap();
    schemas.validate(value, index).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn an_independent_validator_agrees(schema in schemas(), value in values(), shared in values()) {
        let shared = json!({"anyOf": [{"const": shared}, {"type": "object"}]});
        let schema = json!({"allOf": [schema], "$defs": {"d": shared}});
        let ours = compiled(&schema).check(&value, &mut Budget::default()).unwrap();
        prop_assert_eq!(ours.is_empty(), oracle(&schema, &value), "{} {}: {:?}", schema, value, ours);
    }

    #[test]
    fn any_json_is_compiled_or_refused(schema in values(), value in values()) {
        if let Ok(schema) = Schema::compile(&schema) {
            let _ = schema.check(&value, &mut Budget::default());
        }
    }
}
