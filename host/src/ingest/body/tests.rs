use proptest::prelude::*;
use serde_json::json;

use super::*;

fn data(body: &str) -> String {
    to_data(body.as_bytes(), r#"{"n":1}"#).unwrap()
}

#[test]
fn every_shape_becomes_an_object_that_ends_in_via() {
    for (body, expected) in [
        ("{}", r#"{"$via":{"n":1}}"#),
        ("{ }", r#"{ "$via":{"n":1}}"#),
        (r#"{"a":1}"#, r#"{"a":1,"$via":{"n":1}}"#),
        ("\r\n\t {\"a\" : 1 } \n", r#"{"a" : 1 ,"$via":{"n":1}}"#),
        (r#"{"a":{"$via":5}}"#, r#"{"a":{"$via":5},"$via":{"n":1}}"#),
        (r#"{"$via":{"name":"forged"}}"#, r#"{"$via":{"n":1}}"#),
        (
            r#"{"$via":1,"b":[1.10],"$via":2,"a":"x"}"#,
            r#"{"b":[1.10],"a":"x","$via":{"n":1}}"#,
        ),
        (r#"{"\u0024via":1}"#, r#"{"$via":{"n":1}}"#),
        ("[1, 2]", r#"{"items":[1, 2],"$via":{"n":1}}"#),
        ("[]", r#"{"items":[],"$via":{"n":1}}"#),
        (" \"text\" ", r#"{"value":"text","$via":{"n":1}}"#),
        ("1e400", r#"{"value":1e400,"$via":{"n":1}}"#),
        ("-0.0", r#"{"value":-0.0,"$via":{"n":1}}"#),
        ("null", r#"{"value":null,"$via":{"n":1}}"#),
        ("\u{feff}{}", r#"{"$via":{"n":1}}"#),
        (
            r#"{"\ud83d":"cut\ud83d"}"#,
            r#"{"\ufffd":"cut\ufffd","$via":{"n":1}}"#,
        ),
        (
            r#"{"\ud83d":"cut\ud83d","$via":"\ude00"}"#,
            "{\"\u{fffd}\":\"cut\u{fffd}\",\"$via\":{\"n\":1}}",
        ),
        (
            r#"["\ud83d","\ud83d\ude00"]"#,
            r#"{"items":["\ufffd","\ud83d\ude00"],"$via":{"n":1}}"#,
        ),
    ] {
        assert_eq!(data(body), expected, "{body}");
    }
}

#[test]
fn of_a_repeated_key_the_last_counts() {
    let value: Value = serde_json::from_str(&data(r#"{"a":1,"b":2,"a":3}"#)).unwrap();
    assert_eq!(value["a"], json!(3));
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    for (body, line, column, part) in [
        ("{\"a\": }", 1, 7, "expected value"),
        ("{\n  \"a\": 1,\n}", 3, 1, "trailing comma"),
        ("{\"a\": 1", 1, 7, "EOF while parsing an object"),
        ("\n\n[1 2]", 3, 4, "expected `,` or `]`"),
        ("{} x", 1, 4, "trailing characters"),
        ("{'a': 1}", 1, 2, "key must be a string"),
        ("01", 1, 2, "invalid number"),
        ("NaN", 1, 1, "expected value"),
        ("\"a\u{1}\"", 1, 3, "control character"),
        ("tru", 1, 3, "EOF"),
        ("a=1&b=2", 1, 1, "expected value"),
        (r#"{"$serde_json::private::Number":"1"}"#, 1, 35, "reserved"),
        (
            r#"{"$serde_json::private::RawValue":"[]"}"#,
            1,
            38,
            "reserved",
        ),
        (
            r#"{"\u0024serde_json::private::Number":"1"}"#,
            1,
            40,
            "reserved",
        ),
        (
            r#"{"a":1,"$serde_json::private::Number":"1"}"#,
            1,
            38,
            "reserved",
        ),
        (r#"[{"$serde_json::private::Number":7}]"#, 1, 34, "reserved"),
    ] {
        match to_data(body.as_bytes(), "{}") {
            Err(BodyError::NotJson {
                message,
                line: l,
                column: c,
            }) => {
                assert!(message.contains(part), "{body}: {message}");
                assert!(!message.contains("at line"), "{body}: {message}");
                assert_eq!(l, line, "{body}: {message}");
                // The parser may point at the character before or behind.
                assert!(c.abs_diff(column) <= 2, "{body}: column {c}, {message}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
    for empty in ["", " \n", "\u{feff}"] {
        assert_eq!(to_data(empty.as_bytes(), "{}"), Err(BodyError::Empty));
    }
    assert_eq!(
        to_data(b"{\"a\":\n\"x\xff\"}", "{}"),
        Err(BodyError::NotUtf8 {
            offset: 8,
            line: 2,
            column: 3
        })
    );
}

#[test]
fn nesting_is_bounded() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |levels: usize| {
            let (open, close) = (open.repeat(levels - 1), close.repeat(levels - 1));
            format!(
                "{open}{}{close}",
                if open.starts_with('{') { "{}" } else { "[]" }
            )
        };
        assert!(to_data(nested(limits::JSON_DEPTH).as_bytes(), "{}").is_ok());
        for levels in [limits::JSON_DEPTH + 1, 200, 100_000] {
            let error = to_data(nested(levels).as_bytes(), "{}").unwrap_err();
            assert!(
                matches!(
                    error,
                    BodyError::TooDeep {
                        most: 64,
                        line: 1,
                        ..
                    }
                ),
                "{error}"
            );
        }
    }
    // The place is where it goes too deep.
    let body = format!("\n{}", "[".repeat(70));
    let error = to_data(body.as_bytes(), "{}").unwrap_err();
    assert!(
        matches!(
            error,
            BodyError::TooDeep {
                line: 2,
                column: 64..=66,
                ..
            }
        ),
        "{error:?}"
    );
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("(\\$via|.{0,2})", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// The text that is kept reads as what was sent, with our `$via`.
    #[test]
    fn what_is_kept_is_what_was_sent(value in json_value(), pretty in any::<bool>()) {
        let body = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let kept: Value = serde_json::from_str(&data(&body)).unwrap();
        let mut expected = match value {
            Value::Object(map) => map,
            Value::Array(items) => Map::from_iter([("items".to_owned(), Value::Array(items))]),
            scalar => Map::from_iter([("value".to_owned(), scalar)]),
        };
        expected.shift_remove(VIA);
        expected.insert(VIA.into(), json!({"n": 1}));
        prop_assert_eq!(kept, Value::Object(expected));
    }

    /// Whatever is accepted can be read again, as an object; nothing panics.
    #[test]
    fn bytes_of_any_kind(body in prop::collection::vec(
        prop::sample::select(b"{}[]\",:\\u0d81e+-.tfn $via\n\xff".to_vec()), 0..40)) {
        if let Ok(data) = to_data(&body, "{}") {
            prop_assert!(serde_json::from_str::<Map<String, Value>>(&data).is_ok(), "{}", data);
        } else {
            let fine = serde_json::from_slice::<Value>(&body).is_ok();
            prop_assert!(!fine, "refused {:?}", String::from_utf8_lossy(&body));
        }
    }
}
