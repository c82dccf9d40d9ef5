use serde_json::{Value, json};

use super::*;

fn task(extra: Value) -> Task {
    let mut task = json!({
        "id": "0190c0de-0000-7000-8000-000000000000", "state": "done", "name": null, "tags": [],
        "webhook": "Contact Form", "created": "2026-11-23T14:00:00.000Z",
        "updated": "2026-11-23T14:00:00.003Z", "fault": null, "result": null, "data": {},
        "runs": [], "history": [],
    });
    for (key, value) in extra.as_object().unwrap() {
        task[key] = value.clone();
    }
    serde_json::from_value(task).unwrap()
}

fn run(extra: Value) -> Value {
    let mut run = json!({
        "run": 1, "attempt": 1, "step": "contact-form", "digest": "ab12cd34ef5678", "at": "2026-11-23T14:00:00.000Z",
        "outcome": "finished", "error": null, "fuel": 31204, "duration_us": 412, "changes": [],
        "logs": [], "alternatives": [], "retry_at": null, "calls": [],
    });
    for (key, value) in extra.as_object().unwrap() {
        run[key] = value.clone();
    }
    run
}

fn shown(task: &Task) -> String {
    Timeline::default().news(task, Output::plain()).join("\n")
}

#[test]
fn a_whole_timeline() {
    let task = task(json!({
        "history": [
            {"at": "2026-11-23T14:00:00.000Z", "state": "ready", "reason": "accepted"},
            {"at": "2026-11-23T14:00:00.003Z", "state": "done", "reason": null},
        ],
        "runs": [
            run(json!({
                "logs": [{"level": "log", "text": "hello"}, {"level": "warn", "text": "\u{1b}[2J"}],
                "changes": [
                    {"op": "add", "path": "/contact", "value": {"name": "Sarah Chen", "email": "sarah@example.com", "of": "a company"}},
                    {"op": "replace", "path": "/total", "old": 100.10, "value": null},
                    {"op": "remove", "path": "/tmp", "old": [1, 2]},
                ],
                "alternatives": ["lead-routing"],
            })),
            run(json!({
                "run": 2, "step": "crm", "at": "2026-11-23T14:00:00.001Z", "fuel": 1000,
                "calls": [
                    {"call": 0, "request": "POST https://crm.example.com/c", "status": 201, "duration_us": 35200, "at": "x"},
                    {"call": 1, "request": "GET http://127.0.0.1/", "error": "refused by the egress policy", "duration_us": 9, "at": "x"},
                ],
            })),
        ],
    }));
    assert_eq!(
        shown(&task),
        "\
14:00:00.000  accepted by webhook Contact Form
14:00:00.000  run 1  contact-form  finished  31,204 fuel, 412 us, version ab12cd34ef56
              log  hello
              warn  \\u001b[2J
              + /contact/name \"Sarah Chen\"
              + /contact/email \"sarah@example.com\"
              + /contact/of \"a company\"
              - /total 100.1
              + /total null
              - /tmp [1,2]
              also matched  lead-routing
14:00:00.001  run 2  crm  finished  1,000 fuel, 412 us, version ab12cd34ef56
              call  POST https://crm.example.com/c  201  35.2 ms
              call  GET http://127.0.0.1/  refused by the egress policy  9 us
14:00:00.003  done  2 runs, 32,204 fuel, 3 ms after it came in"
    );
}

#[test]
fn failures_name_their_cause() {
    let task = task(json!({
        "state": "error", "fault": "contact-form: out of fuel",
        "runs": [
            run(json!({"outcome": "retry", "error": "upstream is down", "retry_at": "2026-11-23T14:00:01.500Z"})),
            run(json!({"run": 2, "outcome": "retry", "retry_at": "2026-11-24T02:00:00.000Z"})),
            run(json!({"attempt": 2, "at": "2026-11-23T14:00:01.500Z", "outcome": "fuel", "error": "out of fuel"})),
        ],
    }));
    let text = shown(&task);
    for line in [
        "run 1  contact-form  retry",
        "failed  upstream is down",
        "next attempt at 14:00:01.500",
        "next attempt at 2026-11-24 02:00:00.000",
        "run 1 (attempt 2)  contact-form  fuel",
        "error: contact-form: out of fuel  2 runs, 93,612 fuel, 3 ms after it came in",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn a_scripts_error_keeps_its_lines_and_a_parked_run_says_until_when() {
    let error = "TypeError: no\n  at a.js:3:9\n  3 | x.y\n    | ^\u{1b}";
    let task = task(json!({
        "state": "error", "fault": format!("step `a`: {error}"),
        "runs": [
            run(json!({"parked_until": "2026-11-23T15:00:00.000Z", "calls": [{"request": "pause 5 ms", "duration_us": 9}]})),
            run(json!({"run": 2, "outcome": "retry", "error": error})),
        ],
    }));
    let text = shown(&task);
    let caret = "              failed  TypeError: no
                        at a.js:3:9
                        3 | x.y
                          | ^\\u001b\n";
    assert!(text.contains(caret), "{text}");
    for line in [
        "call  pause 5 ms  done  9 us",
        "parked until ",
        "error: step `a`: TypeError: no  2 runs",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn following_gives_only_what_is_new() {
    let mut timeline = Timeline::default();
    let mut news = |extra| timeline.news(&task(extra), Output::plain()).join("\n");
    let waiting = json!({"at": "2026-11-23T14:00:00.001Z", "state": "waiting", "reason": "parked"});
    let first = news(json!({"state": "ready", "runs": [run(json!({}))]}));
    assert!(
        first.contains("accepted") && first.contains("run 1"),
        "{first}"
    );
    assert_eq!(
        news(json!({"state": "ready", "runs": [run(json!({}))]})),
        ""
    );
    let parked = news(json!({"state": "waiting", "history": [waiting], "runs": [run(json!({}))]}));
    assert_eq!(parked, "14:00:00.001  waiting: parked");
    let last =
        news(json!({"history": [waiting], "runs": [run(json!({})), run(json!({"run": 2}))]}));
    assert_eq!(last.lines().count(), 2, "{last}");
    assert!(
        last.contains("run 2") && last.contains("done  2 runs"),
        "{last}"
    );
    assert_eq!(
        news(json!({"history": [waiting], "runs": [run(json!({})), run(json!({"run": 2}))]})),
        ""
    );
}

#[test]
fn a_terminal_gets_lines_that_fit_and_a_pipe_gets_everything() {
    let changes: Vec<Value> = (0..100)
        .map(|n| json!({"op": "add", "path": format!("/{n}"), "value": "x".repeat(500)}))
        .collect();
    let logged = format!("first\n{}\n\u{1b}[2J", "y".repeat(300));
    let many = "line\n".repeat(30);
    let flood = task(json!({"fault": "z".repeat(200), "runs": [run(json!({
        "changes": changes,
        "logs": [{"level": "log", "text": logged}, {"level": "warn", "text": many}],
        "calls": [
            {"call": 0, "request": format!("GET https://example.com/{}", "q".repeat(300)), "status": 204, "duration_us": 9},
            {"call": 1, "request": "GET https://example.com/", "error": "e".repeat(300), "duration_us": 9},
        ],
        "error": "f".repeat(300), "alternatives": ["a".repeat(300)],
    }))]}));
    let whole = shown(&flood);
    for all in [
        "x".repeat(500),
        "y".repeat(300),
        "z".repeat(200),
        "e".repeat(300),
        "f".repeat(300),
    ] {
        assert!(whole.contains(&all), "a pipe gets all of it");
    }
    assert!(
        whole.contains("log  first\n                   yyy"),
        "{whole}"
    );
    assert_eq!(whole.matches("line\n").count(), 30);
    assert_eq!(whole.matches(" + /").count(), 100);
    for columns in [60, 80, 120] {
        let output = Output::plain().of_width(columns);
        let lines = Timeline::default().news(&flood, output);
        assert!(
            lines.iter().all(|line| line.chars().count() <= columns),
            "{lines:#?}"
        );
        let text = lines.join("\n");
        for part in [
            "… and 60 lines more; `--full` has them all",
            "… and 11 lines; `--full` has them all",
            "…  204  9 us",
            "\\u001b[2J",
        ] {
            assert!(text.contains(part), "{columns}: {part} in\n{text}");
        }
        assert_eq!(
            Timeline::default().news(&flood, output.whole()).join("\n"),
            whole
        );
    }
}

#[test]
fn a_cause_stands_before_its_effect_though_both_have_one_time() {
    let at = "2026-11-23T14:00:00.000Z";
    let text = shown(&task(json!({
        "history": [
            {"seq": 0, "at": at, "state": "ready", "reason": "accepted"},
            {"seq": 2, "at": at, "state": "ready", "reason": "tried again from step `a` on"},
            {"seq": 4, "at": at, "state": "ready", "reason": "changed by the API", "changes": []},
        ],
        // A run that began before what happened while it ran.
        "runs": [
            run(json!({"seq": 1, "outcome": "stop", "at": at})),
            run(json!({"seq": 3, "run": 2, "at": at})),
            run(json!({"seq": 6, "run": 3, "at": "2026-11-23T13:59:59.000Z"})),
        ],
        "ended_subtasks": [{"seq": 5, "task": "t", "at": at}],
    })));
    let order: Vec<_> = [
        "run 1",
        "tried again",
        "run 2",
        "changed by",
        "subtask t",
        "run 3",
    ]
    .map(|part| text.find(part).unwrap())
    .to_vec();
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn what_people_did_has_its_line_and_its_changes() {
    let at = "2026-11-23T14:00:00.001Z";
    let text = shown(&task(json!({
        "state": "waiting",
        "history": [
            {"at": "2026-11-23T14:00:00.000Z", "state": "ready", "reason": "accepted"},
            {"at": at, "state": "ready", "reason": "changed by admin (192.0.2.7)",
             "changes": [{"op": "add", "path": "/approved", "value": true}]},
            {"at": "2026-11-23T14:00:00.002Z", "state": "ready", "reason": "tried again\u{1b}[2J"},
        ],
    })));
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "14:00:00.001  changed by admin (192.0.2.7)",
            "              + /approved true",
            "14:00:00.002  tried again\\u001b[2J",
        ]
    );
}

#[test]
fn a_failed_task_says_who_was_told() {
    for (notice, line) in [
        (
            json!({"state": "delivered", "attempts": 1, "at": "2026-11-23T14:00:05.000Z"}),
            "14:00:05.000  failure notice delivered after 1 attempt",
        ),
        (
            json!({"state": "given-up", "attempts": 12, "error": "the receiver answered 500", "at": "2026-11-24T14:00:05.000Z"}),
            "14:00:05.000  failure notice given-up after 12 attempts: the receiver answered 500",
        ),
        (
            json!({"state": "pending", "attempts": 2, "error": "timed out", "next_at": "2026-11-23T14:00:09.000Z"}),
            "              failure notice due at 14:00:09.000 after 2 attempts: timed out",
        ),
    ] {
        let text = shown(&task(
            json!({"state": "error", "fault": "no", "notice": notice}),
        ));
        assert_eq!(text.lines().last(), Some(line));
    }
}

fn open_call(extra: Value) -> Value {
    let mut call = json!({
        "seq": 1, "run": 1, "attempt": 1, "step": "crm", "digest": "ab12cd34ef5678", "call": 0,
        "request": "POST https://crm.example.com/c", "status": 201, "duration_us": 35200,
        "at": "2026-11-23T14:00:00.001Z",
    });
    for (key, value) in extra.as_object().unwrap() {
        call[key] = value.clone();
    }
    call
}

#[test]
fn calls_of_a_run_that_has_not_ended_are_shown_with_what_became_of_it() {
    let cancelled = json!({"seq": 4, "at": "2026-11-23T14:00:00.002Z", "state": "cancelled", "reason": "cancelled by admin"});
    let again = json!({"seq": 5, "at": "2026-11-23T14:00:00.003Z", "state": "ready", "reason": "taken up again"});
    let given_up = [
        open_call(json!({})),
        open_call(json!({"seq": 2, "call": 1, "status": null, "error": "timed out"})),
    ];
    let ended = shown(&task(json!({
        "state": "cancelled", "run_count": 1, "history": [cancelled], "calls_under_way": given_up,
    })));
    assert_eq!(
        ended,
        "\
14:00:00.000  accepted by webhook Contact Form
14:00:00.001  run 1  crm  given up  version ab12cd34ef56
              call  POST https://crm.example.com/c  201  35.2 ms
              call  POST https://crm.example.com/c  timed out  35.2 ms
14:00:00.003  cancelled: cancelled by admin  1 run, 3 ms after it came in"
    );
    // Taken up again: the second run is under way, and the first one is not.
    let two = [
        given_up[0].clone(),
        open_call(json!({"seq": 6, "run": 2, "attempt": 2})),
    ];
    let goes_on = shown(&task(json!({
        "state": "ready", "run_count": 1, "history": [cancelled, again], "calls_under_way": two,
    })));
    let heads: Vec<&str> = goes_on
        .lines()
        .filter(|line| line.contains("crm  "))
        .collect();
    assert_eq!(
        heads,
        [
            "14:00:00.001  run 1  crm  given up  version ab12cd34ef56",
            "14:00:00.001  run 2 (attempt 2)  crm  under way  version ab12cd34ef56",
        ]
    );
    let paused = shown(&task(json!({
        "state": "waiting", "wake_at": "2026-11-23T15:00:00.000Z", "calls_under_way": [open_call(json!({}))],
    })));
    assert!(
        paused.contains("run 1  crm  paused until 15:00:00.000"),
        "{paused}"
    );
}

#[test]
fn a_followed_call_is_shown_once() {
    let mut timeline = Timeline::default();
    let mut news = |extra| timeline.news(&task(extra), Output::plain()).join("\n");
    let one = open_call(json!({}));
    let two = open_call(json!({"seq": 2, "call": 1}));
    let first = news(json!({"state": "ready", "calls_under_way": [one]}));
    assert!(
        first.contains("under way") && first.contains("call  POST"),
        "{first}"
    );
    assert_eq!(
        news(json!({"state": "ready", "calls_under_way": [one]})),
        ""
    );
    let second = news(json!({"state": "ready", "calls_under_way": [one, two]}));
    assert_eq!(
        second,
        "              call  POST https://crm.example.com/c  201  35.2 ms"
    );
    let third = json!({"call": 2, "request": "GET https://crm.example.com/last", "status": 200, "duration_us": 9, "at": "x"});
    let last = news(
        json!({"run_count": 1, "runs": [run(json!({"seq": 4, "step": "crm", "calls": [one, two, third]}))]}),
    );
    assert_eq!(last.matches("call  ").count(), 1, "{last}");
    assert!(
        last.contains("/last") && last.contains("done  1 run"),
        "{last}"
    );
}

#[test]
fn a_run_that_was_given_up_without_a_call_counts() {
    let text = shown(&task(json!({"state": "cancelled", "run_count": 1})));
    assert!(
        text.ends_with("cancelled  1 run, 3 ms after it came in"),
        "{text}"
    );
}
