//! Subtasks, and when a run is tried again.
#![allow(clippy::unwrap_used)]

use crate::common::{content, response};
use serde_json::json;
use stepwell_js::Outcome;

fn answered(header: &str) -> Outcome {
    match response(429, "text/plain", b"busy") {
        Outcome::Response(mut response) => {
            response.headers.push(("retry-after".into(), header.into()));
            Outcome::Response(response)
        }
        other => other,
    }
}

#[test]
fn a_subtask_is_asked_for_and_its_id_given() {
    let ran = content(
        "data.id = task.subtask('resize', {size: 3}, {into: '/thumb', wait: true});
         task.subtask('aside'); task.subtask('two', {}, {into: '/b'});",
    )
    .run();
    assert_eq!(ran.data()["id"], json!("0199-child"));
    assert_eq!(
        *ran.host.asked.borrow(),
        [
            "subtask resize {\"size\":3} Some(\"/thumb\") true",
            "subtask aside {} None false",
            "subtask two {} Some(\"/b\") false",
        ]
    );
    for (code, text) in [
        (
            "task.subtask()",
            "TypeError: task.subtask takes a name, and got undefined",
        ),
        (
            "task.subtask('x', () => 1)",
            "TypeError: the data must be JSON, and it is a function",
        ),
        (
            "task.subtask('x', {}, {into: ['a']})",
            "TypeError: `into` must be a JSON pointer",
        ),
        (
            "task.subtask('x', {}, {into: 'a..b'})",
            "TypeError: `into` is \"a..b\", which is no path",
        ),
    ] {
        let retry = content(code).run().retry();
        assert!(retry.starts_with(text), "{code}: {retry}");
    }
}

#[test]
fn a_run_says_when_it_wants_to_be_tried_again() {
    let ran = content(
        "task.retryAfter(undefined); task.retryAfter(null); task.retryAfter(1500.2);
         task.retryAfter(new Date(1700000060000)); task.retryAfter(Infinity); throw new Error('busy')",
    )
    .run();
    assert!(ran.retry().starts_with("Error: busy"));
    let most = format!("retryAfter {}", u64::MAX);
    assert_eq!(
        *ran.host.asked.borrow(),
        ["retryAfter 1501", "retryAfter 60000", &most]
    );
    let retry = content("task.retryAfter(-1)").run().retry();
    assert!(
        retry.starts_with("RangeError: task.retryAfter takes milliseconds from 0 on"),
        "{retry}"
    );
}

#[test]
fn a_response_says_how_long_to_wait() {
    // The call takes 100 ms by the mock's clock, so it is 22:13:20.1 then.
    for (header, expected) in [
        ("120", json!(120_000)),
        (" 0 ", json!(0)),
        ("Tue, 14 Nov 2023 22:13:30 GMT", json!(9_900)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", json!(0)),
        ("soon", json!("none")),
        ("", json!("none")),
    ] {
        let own = "const r = await connectors.fetch('https://a.example/');
                   data.x = r.retryAfter ?? 'none'; data.kept = r;";
        let ran = content(own).answer(answered(header)).run();
        let data = ran.data();
        assert_eq!(data["x"], expected, "{header}");
        assert!(data["kept"].get("retryAfter").is_none());
        let webs = "data.x = (await fetch('https://a.example/')).retryAfter ?? 'none'";
        let ran = content(webs).answer(answered(header)).run();
        assert_eq!(ran.data()["x"], expected, "{header}");
    }
}
