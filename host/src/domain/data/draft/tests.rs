use proptest::prelude::*;
use serde_json::json;

use super::*;

#[derive(Debug, Clone)]
enum Act {
    Get(String),
    Set(String, i32),
    Remove(String),
}

fn act() -> impl Strategy<Value = Act> {
    let pointer = "(/[ab]){0,3}";
    prop_oneof![
        pointer.prop_map(Act::Get),
        (pointer, any::<i32>()).prop_map(|(at, value)| Act::Set(at, value)),
        pointer.prop_map(Act::Remove),
    ]
}

#[test]
fn a_name_that_came_twice_is_there_once() {
    let came = r#"{"a":1,"b":{"c":1,"c":[2]},"a":{"d":3}}"#;
    let mut draft = Draft::new(Arc::new(Document::parse(came.into()).unwrap()));
    let at = |place: &str| Pointer::parse(place).unwrap();
    let text = |draft: &mut Draft, place| draft.get(&at(place)).unwrap().to_string();
    assert_eq!(text(&mut draft, "/a"), r#"{"d":3}"#);
    assert_eq!(text(&mut draft, "/b"), r#"{"c":[2]}"#);
    let whole = r#"{"a":{"d":3},"b":{"c":[2]}}"#;
    assert_eq!(text(&mut draft, ""), whole);
    draft.set(&at("/a"), json!(1)).unwrap();
    let mut after = Arc::new(Document::parse(came.into()).unwrap());
    draft.into_written().apply_to(&mut after);
    assert_eq!(after.to_value(), json!({"a": 1, "b": {"c": [2]}}));
}

/// The rules of `data` in the world, the same table as that of the SDK's mock.
const RULES: &str = include_str!("../../../../../guest-sdk/tests/data-rules.json");

#[test]
fn the_rules_of_the_world() {
    let rules: Vec<Value> = serde_json::from_str(RULES).unwrap();
    for rule in rules {
        let before = Document::parse(rule["document"].to_string().into()).unwrap();
        let mut after = Arc::new(before.clone());
        let mut draft = Draft::new(after.clone());
        let done =
            Pointer::parse(rule["pointer"].as_str().unwrap()).and_then(|pointer| match rule["do"]
                .as_str()
                .unwrap()
            {
                "get" => Ok(draft.get(&pointer).cloned().unwrap_or(json!("(nothing)"))),
                "set" => draft
                    .set(&pointer, rule["value"].clone())
                    .map(|()| json!("set")),
                "remove" => draft.remove(&pointer).map(|()| json!("removed")),
                other => panic!("{other}"),
            });
        draft.into_written().apply_to(&mut after);
        match done {
            Ok(value) if rule["do"] == "get" => assert_eq!(value, rule["gives"], "{rule}"),
            Ok(_) => assert_eq!(after.to_value(), rule["gives"], "{rule}"),
            Err(error) => {
                let expected = rule["fails"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{rule}: {error}"));
                assert!(error.to_string().contains(expected), "{rule}: {error}");
                assert_eq!(after.to_value(), rule["document"], "{rule}: changed");
            }
        }
    }
}

#[test]
fn a_document_that_is_written_back_keeps_the_digits_of_its_origin() {
    let text = r#"{"a":1,"$via":{"type":"webhook","received":17.0,"cloudevent":{"n":1.00}}}"#;
    let mut after = Arc::new(Document::parse(text.into()).unwrap());
    let mut draft = Draft::new(after.clone());
    let read = json!({"$via": {"cloudevent": {"n": 1}, "received": 17, "type": "webhook"}, "a": 2});
    draft.set(&Pointer::parse("").unwrap(), read).unwrap();
    let changes = draft.into_written().apply_to(&mut after);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(
        after.member(VIA).unwrap()["cloudevent"].to_string(),
        r#"{"n":1.00}"#
    );
}

proptest! {
    /// A draft behaves as the document would, and its difference leads from one to the other.
    #[test]
    fn a_draft_is_the_document(acts in prop::collection::vec(act(), 0..20)) {
        let base = json!({"a": {"a": {"b": 1}, "b": [1, 2]}, "b": {"a": 7}, "c": 1});
        let document = Document::parse(base.to_string().into()).unwrap();
        let (mut plain, mut draft) = (base.clone(), Draft::new(Arc::new(document.clone())));
        for act in acts {
            match act {
                Act::Get(at) => {
                    let at = Pointer::parse(&at).unwrap();
                    prop_assert_eq!(draft.get(&at), at.get(&plain));
                }
                Act::Set(at, value) => {
                    let at = Pointer::parse(&at).unwrap();
                    let value = json!(value);
                    prop_assert_eq!(draft.set(&at, value.clone()), at.set(&mut plain, value));
                }
                Act::Remove(at) => {
                    let at = Pointer::parse(&at).unwrap();
                    prop_assert_eq!(draft.remove(&at), at.remove(&mut plain).map(drop));
                }
            }
        }
        let mut after = Arc::new(document);
        let changes = draft.into_written().apply_to(&mut after);
        prop_assert_eq!(after.to_value(), plain.clone());
        let mut patched = base;
        super::super::change::apply(&mut patched, &changes).unwrap();
        prop_assert_eq!(patched, plain);
    }
}

#[test]
fn what_was_written_weighs_no_more_than_its_text_was_charged_for() {
    let texts = [
        "null",
        "[]",
        "{}",
        "-1.5e300",
        r#""\u0041\"b""#,
        r#"{"a":[1,[2,{"b":"c,d"}],{}],"\u00e9":null}"#,
    ];
    let document = Document::parse(r#"{"there":[1,2,3]}"#.into()).unwrap();
    let mut draft = Draft::new(Arc::new(document));
    let at = |text: &str| Pointer::parse(text).unwrap();
    assert_eq!(draft.written_memory(&at("/there")), 0, "it was not written");
    // Also one that is parsed already is copied when it is changed, and then it counts as written.
    for is_read in [false, true] {
        if is_read {
            draft.get(&at("/there/0"));
        }
        assert!(draft.copied(&at("/there/0")) >= 4 * 32, "{is_read}");
    }
    for text in texts {
        draft
            .set(&at("/a"), serde_json::from_str(text).unwrap())
            .unwrap();
        let weight = draft.written_memory(&at("/a"));
        let charged = super::super::memory_estimate(text);
        assert!(
            weight > 0 && weight <= charged,
            "{text}: {weight} of {charged}"
        );
    }
    assert_eq!(draft.written_memory(&at("/a/a/1/0")), 96);
    assert_eq!(draft.written_memory(&at("/b")), 0);
    assert_eq!(draft.written_memory(&at("/there")), 0);
    draft.get(&at(""));
    assert!(draft.written_memory(&at("")) > draft.written_memory(&at("/a")));
    draft.set(&at("/there/0"), Value::Null).unwrap();
    assert_eq!(draft.copied(&at("/there/0")), 0);
    assert!(draft.written_memory(&at("/there")) > 0);
}
