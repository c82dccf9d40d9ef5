//! Half a surrogate pair, which a string that was cut may end with, is U+FFFD wherever a step gives a
//! string to the server, as Web IDL has it; it never fails a run.

#![allow(missing_docs)]

use crate::common::content;
use serde_json::Value;

/// A string that ends with half a pair.
const CUT: &str = "'x\\ud83d'";

fn eval(expression: &str) -> Value {
    content(&format!("data.x = {expression}")).run().data()["x"].clone()
}

#[test]
fn the_task_takes_names_tags_and_subtasks() {
    let ran = content(&format!(
        "task.name({CUT}); task.tags([{CUT}, '\\udc00y']);\n\
         task.subtask({CUT}, {{ a: {CUT} }})"
    ))
    .run();
    assert_eq!(ran.ended, Ok(()));
    let asked = ran.host.asked.borrow().join("\n");
    for said in [
        "name x\u{fffd}\n",
        "tags [\"x\u{fffd}\", \"\u{fffd}y\"]",
        "x\u{fffd}",
    ] {
        assert!(asked.contains(said), "{said} in {asked}");
    }
}

#[test]
fn results_settings_and_lines_take_it() {
    let ran = content(&format!(
        "console.log({CUT}); audit.log('a', {CUT}); console.error('%s', {CUT});\n\
         try {{ data.config = task.config({CUT}) ?? 'none' }} catch (error) {{ data.config = error.message }}\n\
         task.complete({{ r: {CUT} }})"
    ))
    .run();
    let printed = ran.printed();
    for line in ["x\u{fffd}", "Audit: a x\u{fffd}", "Error: x\u{fffd}"] {
        assert!(printed.iter().any(|own| own == line), "{printed:?}");
    }
    assert!(ran.data()["config"].is_string());
}

#[test]
fn requests_take_it_in_url_headers_method_and_body() {
    let ran = content(&format!(
        "await fetch('https://a.example/' + {CUT}, {{ method: 'POST', headers: {{ 'x-a': 'v' }}, body: {CUT} }})"
    ))
    .run();
    assert_eq!(ran.ended, Ok(()), "{:?}", ran.logs());
    let requests = ran.host.requests.borrow();
    assert!(
        requests[0].url.ends_with("/x\u{fffd}") || requests[0].url.ends_with("/x%EF%BF%BD"),
        "{}",
        requests[0].url
    );
    assert_eq!(requests[0].body, "x\u{fffd}".as_bytes());
    // A header's value is Latin-1, so this is refused, with a sentence about the header.
    let text = content(&format!(
        "await fetch('https://a.example/', {{ headers: {{ 'x-a': {CUT} }} }})"
    ))
    .run();
    if let Err(failure) = &text.ended {
        assert!(!format!("{failure:?}").contains("utf-8"), "{failure:?}");
    }
    let ran = content(&format!(
        "await connectors.call({CUT}, {CUT}, {{ a: {CUT} }})"
    ))
    .run();
    let calls = ran.host.calls.borrow();
    if let Some((connector, operation, _)) = calls.first() {
        assert_eq!((&**connector, &**operation), ("x\u{fffd}", "x\u{fffd}"));
    }
}

#[test]
fn urls_and_queries_take_it() {
    for (expression, value) in [
        (
            format!("new URL('https://a.example/' + {CUT}).href"),
            "https://a.example/x%EF%BF%BD",
        ),
        (
            format!("new URL('https://a.example/?q=' + {CUT}).search"),
            "?q=x%EF%BF%BD",
        ),
        (
            format!("new URL({CUT}, 'https://a.example/b/').href"),
            "https://a.example/b/x%EF%BF%BD",
        ),
        (
            format!("new URLSearchParams({{ q: {CUT} }}).toString()"),
            "q=x%EF%BF%BD",
        ),
        (
            format!("new URLSearchParams('q=' + {CUT}).get('q')"),
            "x\u{fffd}",
        ),
        (
            format!("new URLSearchParams([[{CUT}, '1']]).get('x\\ufffd')"),
            "1",
        ),
    ] {
        assert_eq!(eval(&expression), value, "{expression}");
    }
    let data = content(&format!(
        "const u = new URL('https://a.example/'); u.hash = {CUT}; u.username = {CUT}; u.searchParams.append({CUT}, {CUT}); data.h = u.href"
    ))
    .run()
    .data();
    assert_eq!(
        data["h"],
        "https://x%EF%BF%BD@a.example/?x%EF%BF%BD=x%EF%BF%BD#x%EF%BF%BD"
    );
}

#[test]
fn bytes_and_digests_take_it() {
    let digest = eval("crypto.createHash('sha256').update('x\u{fffd}').digest('hex')");
    assert_eq!(
        eval(&format!(
            "crypto.createHash('sha256').update({CUT}).digest('hex')"
        )),
        digest
    );
    assert_eq!(
        eval(&format!("Buffer.from({CUT}).toString('hex')")),
        "78efbfbd"
    );
    assert_eq!(
        eval(&format!(
            "Buffer.from(new TextEncoder().encode({CUT})).toString('hex')"
        )),
        "78efbfbd"
    );
    assert_eq!(
        eval(&format!(
            "crypto.createHmac('sha1', {CUT}).update({CUT}).digest('hex')"
        )),
        eval("crypto.createHmac('sha1', 'x\u{fffd}').update('x\u{fffd}').digest('hex')")
    );
    // What is not decoded as UTF-8 keeps its code units, as in Node.
    assert_eq!(
        eval(&format!("Buffer.from({CUT}, 'utf16le').toString('hex')")),
        "78003dd8"
    );
}

#[test]
fn what_a_step_throws_says_it() {
    let text = content(&format!("throw new Error({CUT})")).run().retry();
    assert!(text.starts_with("Error: x\u{fffd}"), "{text}");
    let text = content(&format!("throw {CUT}")).run().retry();
    assert!(text.starts_with("x\u{fffd}"), "{text}");
    let text = content(&format!("require({CUT})")).run().retry();
    assert!(
        text.contains("`x\u{fffd}` is not available in a step"),
        "{text}"
    );
}

#[test]
fn a_step_that_replaces_the_strings_methods_changes_nothing() {
    let ran = content(&format!(
        "String.prototype.toWellFormed = () => 'mine'; String.prototype.isWellFormed = () => true;\n\
         task.name({CUT}); data.q = new URLSearchParams({{ q: {CUT} }}).get('q')"
    ))
    .run();
    assert_eq!(ran.host.asked.borrow()[0], "name x\u{fffd}");
    assert_eq!(ran.data()["q"], "x\u{fffd}");
}
