use proptest::prelude::*;
use serde_json::json;
use url::form_urlencoded::{self, Serializer};

use super::*;

fn parsed(form: &str) -> Result<Value, DecodeError> {
    let mut fields = Fields::default();
    for (name, value) in form_urlencoded::parse(form.as_bytes()) {
        fields.add(&name, value.into_owned())?;
    }
    Ok(serde_json::from_str(&fields.into_json()).unwrap())
}

#[test]
fn names_with_brackets_nest() {
    for (form, expected) in [
        ("", json!({})),
        ("a=1&b=&c", json!({"a": "1", "b": "", "c": ""})),
        ("a=1&a=2&a=3", json!({"a": ["1", "2", "3"]})),
        ("a[]=1", json!({"a": ["1"]})),
        ("a[]=1&a[]=2", json!({"a": ["1", "2"]})),
        ("a=1&a[]=2", json!({"a": ["1", "2"]})),
        ("a[]=1&a=2", json!({"a": ["1", "2"]})),
        (
            "a[b]=1&a[c][d]=2",
            json!({"a": {"b": "1", "c": {"d": "2"}}}),
        ),
        ("a[b][]=1&a[b][]=2", json!({"a": {"b": ["1", "2"]}})),
        ("a%5Bb%5D=1", json!({"a": {"b": "1"}})),
        ("a[0]=x&a[1]=y", json!({"a": ["x", "y"]})),
        (
            "a[0][b]=x&a[0][c]=z&a[1][b]=y",
            json!({"a": [{"b": "x", "c": "z"}, {"b": "y"}]}),
        ),
        ("a[1]=y&a[0]=x", json!({"a": {"1": "y", "0": "x"}})),
        ("a[1]=y", json!({"a": {"1": "y"}})),
        ("a[00]=y", json!({"a": {"00": "y"}})),
        ("0=x&1=y", json!({"0": "x", "1": "y"})),
        (
            "a[][b]=1&a[][c]=2&a[][b]=3",
            json!({"a": [{"b": "1", "c": "2"}, {"b": "3"}]}),
        ),
        ("a[][]=1&a[][]=2", json!({"a": [["1"], ["2"]]})),
        // A text and members at one name: both stay.
        (
            "a=1&a[b]=2&a[c]=3",
            json!({"a": ["1", {"b": "2", "c": "3"}]}),
        ),
        ("a[b]=1&a=2", json!({"a": [{"b": "1"}, "2"]})),
        ("a[b]=1&a[b][c]=2", json!({"a": {"b": ["1", {"c": "2"}]}})),
        // Brackets that do not pair are letters.
        (
            "a[b=1&a]b=2&[c]=3&[]=4&a[b]c=5&a[[b]]=6&a]b[c]=7",
            json!({
            "a[b": "1", "a]b": "2", "[c]": "3", "[]": "4", "a[b]c": "5", "a[[b]]": "6", "a]b[c]": "7"}),
        ),
        ("=x&==y", json!({"": ["x", "=y"]})),
        ("a.b=1&a-b=2", json!({"a.b": "1", "a-b": "2"})),
        ("a=%C3%A9+%2B&b=%ff", json!({"a": "é +", "b": "\u{fffd}"})),
        ("a=1&&&b=2&", json!({"a": "1", "b": "2"})),
        ("z=1&a=2", json!({"z": "1", "a": "2"})),
    ] {
        assert_eq!(parsed(form), Ok(expected), "{form}");
    }
    // The order of names is that of the form.
    let mut fields = Fields::default();
    for name in ["z", "a", "m[y]", "m[b]"] {
        fields.add(name, "1".into()).unwrap();
    }
    assert_eq!(
        fields.into_json(),
        r#"{"z":"1","a":"1","m":{"y":"1","b":"1"}}"#
    );
}

#[test]
fn a_lone_payload_of_json_is_an_object() {
    for (form, expected) in [
        (
            r#"payload={"a":1.10,"b":[{}]}"#,
            r#"{"payload":{"a":1.10,"b":[{}]}}"#,
        ),
        ("payload=+{}+", r#"{"payload":{}}"#),
        (r#"payload={"a":}"#, r#"{"payload":"{\"a\":}"}"#),
        ("payload=[1]", r#"{"payload":"[1]"}"#),
        ("payload=1", r#"{"payload":"1"}"#),
        ("payload=", r#"{"payload":""}"#),
        ("payload={}&a=1", r#"{"payload":"{}","a":"1"}"#),
        ("payload={}&payload={}", r#"{"payload":["{}","{}"]}"#),
        ("payload[]={}", r#"{"payload":["{}"]}"#),
        ("Payload={}", r#"{"Payload":"{}"}"#),
        ("data={}", r#"{"data":"{}"}"#),
    ] {
        let mut fields = Fields::default();
        for (name, value) in form_urlencoded::parse(form.as_bytes()) {
            fields.add(&name, value.into_owned()).unwrap();
        }
        assert_eq!(fields.into_json(), expected, "{form}");
    }
}

#[test]
fn fields_are_bounded_in_number_and_depth() {
    let many = "a=1&".repeat(FORM_FIELDS);
    assert!(parsed(&many).is_ok());
    let why = parsed(&format!("{many}a=1")).unwrap_err().to_string();
    assert!(why.contains("more than 5000 fields"), "{why}");
    let deep = |brackets: usize| format!("a{}=1", "[b]".repeat(brackets));
    assert!(parsed(&deep(FORM_DEPTH)).is_ok());
    for brackets in [FORM_DEPTH + 1, 100_000] {
        let why = parsed(&deep(brackets)).unwrap_err().to_string();
        assert!(why.contains("deeper than 32 brackets"), "{why}");
        assert!(why.len() < 250, "{why}");
    }
    for name in [
        "$serde_json::private::Number",
        "a[$serde_json::private::RawValue]",
    ] {
        let why = parsed(&format!("{name}=1")).unwrap_err().to_string();
        assert!(why.contains("reserved"), "{why}");
    }
}

/// Values that a form can hold: texts, arrays of them and objects, none of them empty.
fn value() -> impl Strategy<Value = Value> {
    let leaf = ".{0,6}".prop_map(Value::from);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(of: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-z é.$]{1,4}", of, 1..4)
        .prop_map(|members| members.into_iter().collect())
}

/// A value as PHP's `http_build_query` writes it.
fn write(form: &mut Serializer<'_, String>, name: &str, value: &Value) {
    match value {
        Value::String(text) => {
            form.append_pair(name, text);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                write(form, &format!("{name}[{index}]"), item);
            }
        }
        Value::Object(members) => {
            for (key, item) in members {
                write(form, &format!("{name}[{key}]"), item);
            }
        }
        other => panic!("no form holds {other}"),
    }
}

proptest! {
    /// What is written as a form is read as it was.
    #[test]
    fn a_form_is_read_as_it_was_written(root in members(value())) {
        let mut form = Serializer::new(String::new());
        for (name, value) in &root {
            write(&mut form, name, value);
        }
        // A lone payload is tested above.
        prop_assert_eq!(parsed(&form.finish()), Ok(Value::Object(root)));
    }

    /// Every text that was sent is there; nothing panics.
    #[test]
    fn forms_of_any_kind(form in "([ab0=&+%\\[\\]]|%5[bd]){0,60}") {
        if let Ok(value) = parsed(&form) {
            let sent = form_urlencoded::parse(form.as_bytes()).count();
            prop_assert_eq!(texts(&value), sent, "{} is {}", form, value);
        }
    }
}

fn texts(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(texts).sum(),
        Value::Object(members) => members.values().map(texts).sum(),
        _ => 1,
    }
}
