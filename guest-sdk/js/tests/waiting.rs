//! How long to wait: what `task.park`, `task.retryAfter`, a response's `Retry-After` and
//! `connectors.utils.sleep` take, and what they refuse. The mock's clock reads 2023-11-14T22:13:20Z.
#![allow(clippy::unwrap_used)]

use crate::common::{content, response};
use serde_json::json;
use stepwell_js::Outcome;

fn asked(code: &str) -> Vec<String> {
    let ran = content(code).run();
    assert_eq!(ran.ended, Ok(()), "{code}");
    ran.host.asked.borrow().clone()
}

/// Texts with the seconds from the mock's clock that they mean.
const MEANT: [(&str, u64); 21] = [
    ("120", 120),
    (" 3600 ", 3600),
    ("5", 5),
    ("120, 120", 120),
    ("5, 10", 5),
    ("soon, 7", 7),
    ("-1, 7", 7),
    ("2023-11-14T22:13:30Z", 10),
    ("2023-11-14T23:13:30.000+01:00", 10),
    ("2023-11-14 22:13:30Z", 10),
    ("2023-11-14t17:13:30-0500", 10),
    ("2023-11-14T22:14Z", 40),
    ("Tue, 14 Nov 2023 22:13:30 GMT", 10),
    ("Tue, 14 Nov 2023 22:13:30 GMT, 90", 10),
    ("90, Tue, 14 Nov 2023 22:13:30 GMT", 90),
    ("soon, Tue, 14 Nov 2023 22:13:30 GMT", 10),
    ("Tuesday, 14-Nov-23 22:13:30 GMT", 10),
    ("Tue Nov 14 22:13:30 2023", 10),
    ("Tue, 14 Nov 2023 23:13:30 +0100", 10),
    ("Tue Nov 14 2023 23:13:30 GMT+0100 (CET)", 10),
    ("2023-11-14T22:13:30Z, 2023-11-15T00:00:00Z", 10),
];

const NOTHING: [&str; 14] = [
    "soon",
    "",
    "-1",
    "1e3",
    "0x10",
    "Infinity",
    "5 s",
    "5m",
    "soon, later",
    "2023-11-14T22:13:30",
    "2023-11-14 22:13:30",
    "2023-11-14",
    "2023-02-31T00:00:00Z",
    "Sun, 06 Nov 1994 24:49:37 GMT",
];

#[test]
fn a_text_is_seconds_as_in_http_or_a_time() {
    for (text, seconds) in MEANT {
        let millis = seconds * 1_000;
        let code =
            format!("task.park({text:?}); task.retryAfter({text:?}); task.retryAfter([{text:?}])");
        let expected = [
            format!("park {millis}"),
            format!("retryAfter {millis}"),
            format!("retryAfter {millis}"),
        ];
        assert_eq!(asked(&code), expected, "{text}");
    }
    assert_eq!(asked("task.park('0.5')"), ["park 500"]);
    assert_eq!(asked("task.park('0')"), ["park 1"]);
}

#[test]
fn a_number_is_milliseconds_and_a_date_is_a_time() {
    for (code, expected) in [
        ("task.park(0)", "park 1"),
        ("task.park(1500.2)", "park 1501"),
        ("task.park(new Date(1700000060000))", "park 60000"),
        ("task.park(new Date(0))", "park 1"),
        ("task.retryAfter([NaN, 'soon', 250])", "retryAfter 250"),
        (
            "task.retryAfter([new Date(1700000060000), 1])",
            "retryAfter 60000",
        ),
    ] {
        assert_eq!(asked(code), [expected], "{code}");
    }
    assert_eq!(
        asked("task.retryAfter(undefined); task.retryAfter(null)"),
        [""; 0]
    );
}

#[test]
fn anything_else_is_an_error_that_says_what_is_taken() {
    for name in ["task.park", "task.retryAfter", "task.timeout"] {
        let refused = |argument: &str, kind: &str, got: &str| {
            let text = content(&format!("{name}({argument})")).run().retry();
            let takes = format!(
                "{kind}: {name} takes milliseconds from 0 on as a number, seconds as text such as \"120\", a Date, \
                 or a time with its zone such as \"2026-11-24T10:00:00Z\", and got {got}"
            );
            assert_eq!(text.lines().next().unwrap(), takes, "{argument}");
        };
        refused("NaN", "RangeError", "NaN");
        refused("-5", "RangeError", "-5");
        refused("{}", "TypeError", "an object");
        refused("true", "TypeError", "a boolean");
        refused("[]", "TypeError", "an array");
        refused("['soon', -1]", "TypeError", "an array");
        refused("5n", "TypeError", "a bigint");
        refused("new Date('x')", "TypeError", "an invalid Date");
        for text in NOTHING {
            let zone = if text.starts_with("2023-11-14") {
                "; this text has no zone: end it with Z or an offset such as +01:00"
            } else {
                ""
            };
            refused(
                &format!("{text:?}"),
                "TypeError",
                &format!("{text:?}{zone}"),
            );
        }
    }
    let text = content("task.park(undefined)").run().retry();
    assert!(text.contains("and got undefined"), "{text}");
}

#[test]
fn a_response_is_read_in_the_same_way() {
    for (lines, expected) in [
        (vec!["120", "120"], json!(120_000)),
        (vec!["5, 10"], json!(5_000)),
        (vec!["soon", "7"], json!(7_000)),
        // The call takes 100 ms by the mock's clock.
        (vec!["Tue, 14 Nov 2023 22:13:30 GMT", "90"], json!(9_900)),
        (vec!["Tue, 14 Nov 2023 22:00:00 GMT"], json!(0)),
        (vec!["2023-11-14 22:13:30"], json!("none")),
        (vec!["-1"], json!("none")),
        (vec!["120 seconds"], json!("none")),
    ] {
        let Outcome::Response(mut answer) = response(429, "text/plain", b"") else {
            unreachable!();
        };
        for line in &lines {
            answer.headers.push(("retry-after".into(), (*line).into()));
        }
        let answer = Outcome::Response(answer);
        for code in [
            "data.x = (await connectors.fetch('https://a.example/')).retryAfter ?? 'none'",
            "data.x = (await fetch('https://a.example/')).retryAfter ?? 'none'",
        ] {
            let ran = content(code).answer(answer.clone()).run();
            assert_eq!(ran.data()["x"], expected, "{lines:?} {code}");
        }
    }
}

#[test]
fn sleep_takes_milliseconds_and_refuses_what_is_none() {
    for milliseconds in ["250", "'250'", "249.5 + 0.5"] {
        let code = format!("await connectors.utils.sleep({{milliseconds: {milliseconds}}})");
        assert_eq!(asked(&code), ["pause 250"], "{code}");
    }
    for (argument, got) in [
        ("", "undefined"),
        ("5000", "5000"),
        ("{}", "{milliseconds: undefined}"),
        ("{seconds: 5}", "{milliseconds: undefined}"),
        ("{milliseconds: NaN}", "{milliseconds: NaN}"),
        ("{milliseconds: -1}", "{milliseconds: -1}"),
        ("{milliseconds: '5 s'}", "{milliseconds: \"5 s\"}"),
    ] {
        let text = content(&format!("await connectors.utils.sleep({argument})"));
        let text = text.run().retry();
        let first = format!(
            "TypeError: connectors.utils.sleep takes {{milliseconds: a number from 0 on}}, and got {got}"
        );
        assert_eq!(text.lines().next().unwrap(), first, "{argument}");
    }
}

#[test]
fn a_task_is_given_time_and_something_to_draw() {
    let code = "task.timeout(60_000); task.timeout('90'); task.timeout(new Date(1700000060000)); task.completeOnExpire();
        task.visualize({type: 'bar', name: 'Orders', data: [{x: 1}], options: {stacked: true}})";
    assert_eq!(
        asked(code),
        [
            "timeout 60000",
            "timeout 90000",
            "timeout 60000",
            "completeOnExpire",
            r#"visualize {"type":"bar","name":"Orders","data":[{"x":1}],"options":{"stacked":true}}"#,
        ]
    );
    for (argument, text) in [
        (
            "",
            "TypeError: task.visualize takes {type, name, data, options}, and got undefined",
        ),
        (
            "'bar'",
            "TypeError: task.visualize takes {type, name, data, options}, and got a string",
        ),
        (
            "[1]",
            "TypeError: task.visualize takes {type, name, data, options}, and got an array",
        ),
        (
            "{name: 'x'}",
            "TypeError: task.visualize takes {type, name, data, options}, and got an object whose `type` is undefined",
        ),
        (
            "{type: 'bar', data: 'x'.repeat(2000)}",
            "TypeError: there is no room",
        ),
    ] {
        let retry = content(&format!("task.visualize({argument})"))
            .run()
            .retry();
        assert_eq!(retry.lines().next(), Some(text));
    }
}

#[test]
fn a_sender_is_replied_to() {
    let code = "task.respond({}); task.respond({status: 201, body: {a: 1}});
        task.respond({headers: {'Content-Type': 'text/xml'}, body: '<a/>'});
        task.respond({headers: new Headers({'x-a': 'b'}), body: new Uint8Array([104, 105])});
        if (task.respond({body: 'text'}) !== true) throw new Error('it is the reply');";
    assert_eq!(
        asked(code),
        [
            "respond 200 [] ",
            r#"respond 201 [("content-type", "application/json")] {"a":1}"#,
            r#"respond 200 [("Content-Type", "text/xml")] <a/>"#,
            r#"respond 200 [("x-a", "b")] hi"#,
            r#"respond 200 [("content-type", "text/plain;charset=UTF-8")] text"#,
        ]
    );
    for (argument, text) in [
        (
            "",
            "TypeError: task.respond takes {status, headers, body}, and got undefined",
        ),
        (
            "'ok'",
            "TypeError: task.respond takes {status, headers, body}, and got a string",
        ),
        (
            "{status: 200.5}",
            "TypeError: `status` must be a number such as 200, and it is 200.5",
        ),
        ("{status: 418}", "TypeError: 418 is no status of a reply"),
        (
            "{body: 'no', stauts: 404}",
            r#"TypeError: task.respond takes {status, headers, body}, and got the member "stauts""#,
        ),
    ] {
        let retry = content(&format!("task.respond({argument})")).run().retry();
        assert_eq!(retry.lines().next(), Some(text));
    }
}

#[test]
fn a_next_retry_at_that_is_no_number_is_not_written_as_null() {
    for (value, shown) in [
        ("Date.now() + data.delay", "NaN"),
        ("Infinity", "infinite"),
        ("new Date(undefined + 5)", "an invalid Date"),
    ] {
        let text = content(&format!("data.nextRetryAt = {value}")).run().stop();
        let begins = format!("`data.nextRetryAt` is {shown}; write a time with its zone");
        assert!(text.starts_with(&begins), "{text}");
    }
    for (value, written) in [
        ("null", json!(null)),
        ("new Date(0)", json!("1970-01-01T00:00:00.000Z")),
        ("1.7e12", json!(1_700_000_000_000_u64)),
        ("{a: NaN}", json!({"a": null})),
    ] {
        let ran = content(&format!("data.nextRetryAt = {value}")).run();
        assert_eq!(ran.data()["nextRetryAt"], written);
    }
}
