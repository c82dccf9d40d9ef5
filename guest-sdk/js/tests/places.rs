//! `into`: where a subtask's or a call's result goes, as a pointer or a dotted path.
#![allow(clippy::unwrap_used)]

use crate::common::{content, response};
use serde_json::json;
use stepwell_js::Outcome;

#[test]
fn a_subtask_takes_a_dotted_path_and_wait_for() {
    for (options, expected) in [
        ("{into: 'a.b', waitFor: true}", "Some(\"/a/b\") true"),
        ("{into: '/a/b', wait: true}", "Some(\"/a/b\") true"),
        ("{into: 'a'}", "Some(\"/a\") false"),
        ("{into: 'list.0.x~/y'}", "Some(\"/list/0/x~0~1y\") false"),
        ("{into: '/a.b/~1'}", "Some(\"/a.b/~1\") false"),
        ("{waitFor: true, wait: false}", "None true"),
        ("{into: undefined, waitFor: 0}", "None false"),
    ] {
        let ran = content(&format!("task.subtask('n', {{}}, {options})")).run();
        assert_eq!(ran.ended, Ok(()), "{options}");
        assert_eq!(
            *ran.host.asked.borrow(),
            [format!("subtask n {{}} {expected}")]
        );
    }
    for into in ["a..b", ".a", "a.", "a[0]", "."] {
        let text = content(&format!("task.subtask('n', {{}}, {{into: '{into}'}})"));
        let text = text.run().retry();
        let begins = format!("TypeError: `into` is \"{into}\", which is no path");
        assert!(text.starts_with(&begins), "{text}");
    }
}

#[test]
fn a_calls_result_is_put_into_the_data_awaited_or_not() {
    let value = |json: &str| Outcome::Value(json.into());
    for (code, expected) in [
        (
            "connectors.x.op({a: 1, into: 'crm.lead'})",
            json!({"crm": {"lead": {"id": 7}}, "list": [0]}),
        ),
        (
            "const r = await connectors.x.op({a: 1, into: '/crm'}); if (data.crm !== r) throw 1",
            json!({"crm": {"id": 7}, "list": [0]}),
        ),
        (
            "connectors.x.op({a: 1, into: 'list.0'})",
            json!({"list": [{"id": 7}]}),
        ),
        (
            "connectors.x.op({a: 1, into: '/list/-'})",
            json!({"list": [0, {"id": 7}]}),
        ),
        (
            "connectors.x.op({a: 1, into: '__proto__.x'}); if ({}.x) throw 1",
            json!({"__proto__": {"x": {"id": 7}}, "list": [0]}),
        ),
    ] {
        let ran = content(code).data(json!({"list": [0]}));
        let ran = ran.answer(value(r#"{"id":7}"#)).run();
        assert_eq!(ran.ended, Ok(()), "{code}");
        let calls = ran.host.calls.borrow();
        assert_eq!(calls[0].2, json!({"a": 1}), "{code}");
        let parsed = ran.host.data.borrow().clone();
        assert_eq!(parsed, expected, "{code}");
    }
}

#[test]
fn a_response_is_put_there_whole_or_its_body_alone() {
    let answer = || response(200, "application/json", br#"{"id":7}"#);
    let whole = json!({"ok": true, "status": 200, "statusText": "OK", "body": {"id": 7},
        "headers": {"content-type": "application/json"}});
    for (request, expected) in [
        ("{url: 'https://a.example/', into: 'r'}", whole.clone()),
        ("'https://a.example/', {into: 'r'}", whole),
        (
            "{url: 'https://a.example/', into: 'r', bodyOnly: true}",
            json!({"id": 7}),
        ),
        (
            "{url: 'https://a.example/', into: 'r', bodyOnly: true, options: {text: true}}",
            json!(r#"{"id":7}"#),
        ),
        (
            "{url: 'https://a.example/', options: {into: 'r', bodyOnly: true}}",
            json!({"id": 7}),
        ),
    ] {
        let ran = content(&format!("connectors.fetch({request})"));
        let ran = ran.answer(answer()).run();
        assert_eq!(ran.data()["r"], expected, "{request}");
    }
}

#[test]
fn a_place_that_is_none_is_refused() {
    for (into, text) in [
        (
            "'$via.x'",
            "TypeError: `into` is in `$via`, which is the server's",
        ),
        ("''", "TypeError: `into` is the whole document"),
        (
            "7",
            "TypeError: `into` must be a JSON pointer such as '/a/b' or a path such as 'a.b', and it is a number",
        ),
        ("'a..b'", "TypeError: `into` is \"a..b\", which is no path"),
    ] {
        let ran = content(&format!("await connectors.x.op({{into: {into}}})")).run();
        assert!(ran.retry().starts_with(text), "{into}: {}", ran.retry());
        assert!(ran.host.calls.borrow().is_empty(), "nothing is sent");
        let ran = content(&format!(
            "await connectors.fetch({{url: 'https://a.example', into: {into}}})"
        ));
        assert!(ran.run().retry().starts_with(text), "{into}");
    }
    for (into, text) in [
        (
            "n.x",
            "TypeError: there is no place `n.x` in the data: `n` is a number",
        ),
        (
            "list.5",
            "RangeError: there is no place `list.5` in the data: `5` is no position in a list of 1",
        ),
        (
            "list.a.b",
            "RangeError: there is no place `list.a.b` in the data: `a` is no position in a list of 1",
        ),
    ] {
        let ran = content(&format!("await connectors.x.op({{into: '{into}'}})"));
        let text_ = ran.data(json!({"n": 1, "list": [0]})).run().retry();
        assert!(text_.starts_with(text), "{into}: {text_}");
    }
}
