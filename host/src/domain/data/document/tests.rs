use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::data::memory::VALUE_BYTES;

fn document(text: &str) -> Document {
    Document::parse(text.into()).unwrap()
}

#[test]
fn members_that_are_not_looked_at_are_not_parsed_and_stay_as_they_are() {
    let mut one = document(" {\"a\" : 1.50 ,\"b\":[ 1,\"x\\u00e9\" ], \"c\" : {\"d\":null}} ");
    assert_eq!(one.seen(), &json!({}));
    one.parse_members(|name| name == "b" || name == "none");
    assert_eq!(one.seen(), &json!({"b": [1, "xé"]}));
    assert!(!one.has_unseen(|name| name == "b"));
    assert_eq!(one.member("a").unwrap().to_string(), "1.50");
    assert_eq!(one.member("none"), None);
    one.put(vec![
        ("c".into(), Some(json!(true))),
        ("new \"\u{1}".into(), Some(json!({"x": 1}))),
        ("gone".into(), None),
    ]);
    let expected = r#"{"a":1.50,"b":[ 1,"x\u00e9" ],"c":true,"new \"\u0001":{"x":1}}"#;
    assert_eq!(&**one.text(), expected);
    assert_eq!(one.member("new \"\u{1}").as_deref(), Some(&json!({"x": 1})));
    one.put(vec![("a".into(), None), ("new \"\u{1}".into(), None)]);
    assert_eq!(&**one.text(), r#"{"b":[ 1,"x\u00e9" ],"c":true}"#);
}

#[test]
fn large_values_are_dropped_and_small_ones_stay() {
    let items = "1,".repeat(10_000);
    let text = format!("{{\"a\":1,\"items\":[{items}1]}}");
    let mut one = document(&text);
    one.parse_members(|name| name == "a");
    one.drop_large_values();
    assert_eq!(one.seen(), &json!({"a": 1}));
    one.parse_members(|_| true);
    assert!(one.has_large());
    one.drop_large_values();
    assert_eq!(one.seen(), &json!({}));
    assert_eq!(one.member("a").as_deref(), Some(&json!(1)));
    assert!(one.has_unseen(|name| name == "items"));
    assert_eq!(one.to_value().to_string(), text);
}

#[test]
fn a_weight_is_no_less_than_what_the_values_take() {
    assert!(size_of::<Value>() as u64 <= VALUE_BYTES);
    let numbers = format!("[{}1]", "1,".repeat(1_000));
    assert!(memory_estimate(&numbers) >= 1_000 * size_of::<Value>() as u64);
    let one = document("{\"a\":[1,1,1],\"b\":2}");
    assert_eq!(one.parsing_memory(Some("a")), memory_estimate("[1,1,1]"));
    assert_eq!(one.parsing_memory(Some("none")), 0);
    assert_eq!(one.parsing_memory(None), memory_estimate(one.text()));
}

#[test]
fn only_the_text_of_an_object_is_a_document() {
    for text in [
        "[1]",
        "1",
        "null",
        "",
        "{",
        "{\"a\":}",
        "{} 1",
        "{\"a\":1,}",
    ] {
        assert!(Document::parse(text.into()).is_err(), "{text}");
    }
    assert_eq!(&**document("{}").text(), "{}");
    let mut empty = document("{}");
    empty.put(vec![("a".into(), Some(json!(1)))]);
    assert_eq!(&**empty.text(), r#"{"a":1}"#);
    empty.put(vec![("a".into(), None)]);
    assert_eq!(&**empty.text(), "{}");
}

proptest! {
    /// Whatever is done with it, a document equals the object that `serde_json` parses from its text.
    #[test]
    fn a_document_is_its_object(
        names in prop::collection::vec("[ab\"\\\\é]{0,2}", 0..90),
        acts in prop::collection::vec(("[ab\"\\\\é]{0,2}", prop::option::of(any::<i8>()), any::<bool>()), 0..12),
        is_large in any::<bool>(),
    ) {
        // With names twice, and those with escapes.
        let members: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(n, name)| format!("{} : {n}", Value::from(name.as_str())))
            .collect();
        let filling = if is_large { "x".repeat(KEPT_BYTES) } else { String::new() };
        let text = format!("{{\"filling\":\"{filling}\"{}{}}}", if members.is_empty() { "" } else { "," }, members.join(" ,"));
        let mut plain: Value = serde_json::from_str(&text).unwrap();
        let mut one = document(&text);
        for (name, value, look) in acts {
            if look {
                one.parse_members(|other| other == name || other == "filling");
            } else {
                one.drop_large_values();
                prop_assert!(!one.has_large());
            }
            let member = one.member(&name).map(Cow::into_owned);
            prop_assert_eq!(member.as_ref(), plain.get(&name));
            let value = value.map(Value::from);
            one.put(vec![(name.clone(), value.clone())]);
            let map = plain.as_object_mut().unwrap();
            match value {
                Some(value) => map.insert(name, value),
                None => map.shift_remove(&name),
            };
            prop_assert_eq!(&one.to_value(), &plain);
            prop_assert_eq!(one.to_value().to_string(), plain.to_string());
            prop_assert_eq!(&serde_json::from_str::<Value>(one.text()).unwrap(), &plain);
        }
        one.parse_members(|_| true);
        prop_assert_eq!(one.seen(), &plain);
    }
}

#[test]
fn one_of_many_members_is_read_alone() {
    let mut text = String::from(r#"{"a":{"b":1},"b":[1]"#);
    for number in 0..100 {
        text.push_str(&format!(r#","n{number}":{{"b":{number}}}"#));
    }
    text.push_str(r#","b":[2],"\u0063":3}"#);
    let document = document(&text);
    assert_eq!(document.member("b").as_deref(), Some(&json!([2])));
    assert_eq!(document.member("c").as_deref(), Some(&json!(3)));
    assert_eq!(document.member("d"), None);
    assert_eq!(document.seen(), &json!({}));
}

#[test]
fn a_member_is_given_as_text_if_it_would_be_written_so() {
    let document = document(
        r#"{"plain":[1,{"a":"x"}],"spaced":[1, 2],"twice":{"a":1,"a":2},"esc\u0061ped":true}"#,
    );
    let text = |name| document.member_as_written(name);
    assert_eq!(text("plain"), Some(r#"[1,{"a":"x"}]"#));
    assert_eq!(text("escaped"), Some("true"));
    for name in ["spaced", "twice", "none"] {
        assert_eq!(text(name), None, "{name}");
    }
    let mut draft = crate::domain::data::Draft::new(Arc::new(document.clone()));
    let at = |place: &str| crate::domain::data::Pointer::parse(place).unwrap();
    assert_eq!(draft.member_text(&at("/plain")), Some(r#"[1,{"a":"x"}]"#));
    assert_eq!(draft.member_text(&at("/plain/0")), None);
    assert_eq!(draft.member_text(&at("")), None);
    draft.set(&at("/plain/0"), json!(7)).unwrap();
    assert_eq!(draft.member_text(&at("/plain")), None);
}
