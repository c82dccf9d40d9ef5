//! Steps run on the mock host, seen from outside: what a step author may rely on.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use stepwell_sdk::connectors::{FetchError, Redirect, Request};
use stepwell_sdk::mock::{CLOCK, Mock, Reply};
use stepwell_sdk::prelude::*;

const A: &str = "https://a.example/";
const B: &str = "https://b.example/";

mod plain {
    use super::*;

    #[step(condition = { n: Number })]
    pub fn step() -> Result {
        let n: i64 = data::require("/n")?;
        console::log!("n is {n}");
        data::set("/n", n + 1)?;
        task::set_name("changed")?;
        task::complete()?;
        if n < 0 {
            return Err(Failure::stop("below zero"));
        }
        Ok(())
    }
}

#[test]
fn a_run_that_finishes_changes_the_task() {
    let outcome = Mock::new()
        .data(json!({"n": 1}))
        .name("before")
        .run(plain::step);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.data, json!({"n": 2}));
    assert_eq!(outcome.name.as_deref(), Some("changed"));
    assert_eq!(outcome.completed, Some(Value::Null));
}

#[test]
fn a_run_that_fails_changes_nothing_but_its_logs_are_kept() {
    let outcome = Mock::new()
        .data(json!({"n": -1}))
        .name("before")
        .run(plain::step);
    assert_eq!(outcome.result, Err(Failure::stop("below zero")));
    assert_eq!(outcome.data, json!({"n": -1}));
    assert_eq!(outcome.name.as_deref(), Some("before"));
    assert_eq!(outcome.completed, None);
    assert_eq!(outcome.logs, ["n is -1"]);
}

#[test]
#[should_panic(expected = "the server would not run this step")]
fn a_step_is_not_run_on_data_that_it_does_not_match() {
    Mock::new().data(json!({"n": "1"})).run(plain::step);
}

mod explosive {
    use super::*;

    #[step(condition = { fuse: Boolean })]
    pub async fn step() -> Result {
        panic!("the step was run");
    }
}

#[test]
fn asking_for_a_match_runs_nothing() {
    assert!(
        Mock::new()
            .data(json!({"fuse": true}))
            .matches(explosive::step)
    );
    assert!(!Mock::new().matches(explosive::step));
}

mod errors {
    use super::*;

    #[step(condition = { text: String })]
    pub fn step() -> std::result::Result<(), std::num::ParseIntError> {
        let text = data::require::<String>("/text").unwrap_or_default();
        let number: i32 = text.parse()?;
        console::log!("{number}");
        Ok(())
    }
}

#[test]
fn a_step_may_return_any_standard_error_and_it_is_retried() {
    let failure = Mock::new()
        .data(json!({"text": "x"}))
        .run(errors::step)
        .failure();
    assert_eq!(failure, Failure::retry("invalid digit found in string"));
}

mod access {
    use super::*;

    #[step(condition = {})]
    pub fn step() -> Result {
        let mut notes: Vec<String> = Vec::new();
        let mut note = |result: std::result::Result<String, data::DataError>| {
            notes.push(match result {
                Ok(value) => value,
                Err(error) => Failure::from(error).to_string(),
            });
        };
        note(data::get::<String>("/null").map(|value| format!("{value:?}")));
        note(data::get::<Option<u8>>("/null").map(|value| format!("{value:?}")));
        note(data::get_json("/null").map(|value| format!("{value:?}")));
        note(data::require::<String>("/null"));
        note(data::require::<u8>("/text").map(|n| n.to_string()));
        note(data::get::<u8>("text").map(|n| format!("{n:?}")));
        note(data::set("/text/x", 1).map(|()| String::new()));
        note(data::set_json("/x", "{nope").map(|()| String::new()));
        note(data::get_json("/price").map(|json| json.unwrap_or_default()));
        note(data::read::<Value>().map(|all| all["text"].to_string()));
        data::set("/notes", &notes)?;
        data::remove("/text")?;
        data::remove("/nothing/there")?;
        Ok(())
    }
}

#[test]
fn data_is_typed_and_every_error_names_the_pointer() {
    let outcome = Mock::new()
        .data(json!({"null": null, "text": "x", "price": 1.5}))
        .run(access::step);
    let notes: Vec<String> =
        stepwell_sdk::serde_json::from_value(outcome.data["notes"].clone()).unwrap();
    let expected = [
        "None",
        "None",
        "Some(\"null\")",
        "the data has nothing at `/null`, and the step needs it",
        "the value at `/text` is not what the step expects: invalid type: string \"x\", expected u8 at line 1 column 3",
        "`text` is not a JSON pointer: it must be empty or begin with `/`",
        "`/text/x` cannot be set: `/text` is a string, not an object or array",
        "the value for `/x` is not JSON: key must be a string at line 1 column 2",
        "1.5",
        "\"x\"",
    ];
    assert_eq!(notes, expected);
    assert_eq!(outcome.data.get("text"), None);
}

mod calls {
    use super::*;

    #[step(condition = { urls: Array })]
    pub async fn step() -> Result {
        let urls: Vec<String> = data::require("/urls")?;
        let calls: Vec<_> = urls
            .iter()
            .map(|url| {
                let request = Request::get(url).timeout(Duration::from_millis(500));
                connectors::fetch(request.redirect(Redirect::Manual))
            })
            .collect();
        let mut lines = Vec::new();
        for result in join_all(calls).await {
            lines.push(match result {
                Ok(response) => format!("{} {}", response.status, response.text()),
                Err(error) => error.to_string(),
            });
        }
        data::set("/lines", lines)?;
        data::set("/at", time::now_millis())?;
        Ok(())
    }
}

#[test]
fn calls_overlap_and_the_clock_moves_with_them() {
    let after = |millis, text: &str| Reply::text(200, text).after(Duration::from_millis(millis));
    let outcome = Mock::new()
        .data(json!({"urls": [A, B, A]}))
        .reply("GET", A, after(300, "slow"))
        .reply("GET", A, after(100, "quick"))
        .reply("GET", B, after(200, "middle"))
        .run(calls::step);
    assert_eq!(
        outcome.data["lines"],
        json!(["200 slow", "200 middle", "200 quick"])
    );
    assert_eq!(outcome.data["at"], CLOCK + 300);
    assert_eq!(outcome.calls[0].redirect, Redirect::Manual);
    assert_eq!(outcome.calls[0].timeout, Some(Duration::from_millis(500)));
}

#[test]
fn calls_that_bring_nothing_are_errors() {
    let outcome = Mock::new()
        .data(json!({"urls": [A, B, "ftp://c.example/"]}))
        .reply("GET", A, Reply::status(200).after(Duration::from_secs(9)))
        .reply(
            "GET",
            B,
            Reply::error(FetchError::Denied("b.example".into())),
        )
        .run(calls::step);
    assert_eq!(
        outcome.data["lines"],
        json!([
            "timed out after 500 ms",
            "refused by the egress policy: b.example",
            "invalid request: `ftp://c.example/` is not an absolute http or https URL"
        ])
    );
    assert_eq!(outcome.data["at"], CLOCK + 500);
}

#[test]
#[should_panic(expected = r#"add `.reply("GET", "https://a.example/", Reply::…)`"#)]
fn a_call_without_a_reply_is_a_fault_of_the_test() {
    Mock::new().data(json!({"urls": [A]})).run(calls::step);
}

mod mixed {
    use super::*;

    /// Awaits in another order than the calls were begun, drops one, and waits in a plain helper.
    #[step(condition = {})]
    pub async fn step() -> Result {
        let slow = connectors::fetch(Request::get(A));
        let quick = connectors::fetch(Request::get(B));
        drop(connectors::fetch(Request::get(A)));
        let quick = quick.await?.text();
        let slow = slow.await?.text();
        data::set("/order", [quick, slow])?;
        Ok(())
    }
}

#[test]
fn calls_may_be_awaited_in_any_order_or_dropped() {
    let outcome = Mock::new()
        .reply(
            "GET",
            A,
            Reply::text(200, "a").after(Duration::from_millis(20)),
        )
        .reply(
            "GET",
            B,
            Reply::text(200, "b").after(Duration::from_millis(10)),
        )
        .run(mixed::step);
    assert_eq!(outcome.data["order"], json!(["b", "a"]));
    assert_eq!(outcome.calls.len(), 3);
}

mod waiting {
    use super::*;

    #[step(condition = {})]
    pub fn step() -> Result {
        let response = connectors::fetch(Request::get(A)).wait()?.require_ok()?;
        data::set("/status", response.status)?;
        Ok(())
    }
}

#[test]
fn a_plain_step_can_wait_for_a_call() {
    let mock = |reply: Reply| Mock::new().reply("GET", A, reply.after(Duration::from_millis(5)));
    let outcome = mock(Reply::status(200)).run(waiting::step);
    assert_eq!(outcome.data["status"], 200);
    let failure = mock(Reply::text(503, "busy")).run(waiting::step).failure();
    assert_eq!(
        failure,
        Failure::retry("the response is 503 Service Unavailable: busy")
    );
}

#[test]
fn a_step_runs_as_often_as_one_likes_and_replies_answer_in_order() {
    let mock = Mock::new()
        .reply("GET", A, Reply::status(500))
        .reply("GET", A, Reply::status(200));
    // Each run has the mock's replies from the first on.
    for _ in 0..2 {
        assert!(mock.run(waiting::step).result.is_err());
    }
}

mod task_words {
    use super::*;

    #[step(condition = { how: String })]
    pub fn step() -> Result {
        assert_eq!(task::tags(), ["a"]);
        assert_eq!(task::name(), None);
        assert_eq!(task::id().len(), 36);
        assert_eq!(task::config("NONE"), None);
        match data::require::<String>("/how")?.as_str() {
            "ignore" => {
                task::complete()?;
                task::ignore();
            }
            "complete" => {
                task::ignore();
                task::complete_with("x")?;
            }
            "tags" => task::set_tags((0..33).map(|n| n.to_string()))?,
            "name" => task::set_name("")?,
            _ => task::set_tags(["b", "c"])?,
        }
        Ok(())
    }
}

#[test]
fn the_last_word_on_the_task_counts_and_bounds_hold() {
    let run = |how: &str| {
        Mock::new()
            .data(json!({"how": how}))
            .tags(&["a"])
            .run(task_words::step)
    };
    let outcome = run("ignore");
    assert!(outcome.ignored && outcome.completed.is_none());
    let outcome = run("complete");
    assert_eq!(
        (outcome.ignored, outcome.completed),
        (false, Some(json!("x")))
    );
    assert_eq!(run("other").tags, ["b", "c"]);
    assert!(run("tags").failure().text().contains("at most 32 tags"));
    assert!(run("name").failure().text().contains("1 to 4096 bytes"));
}

#[test]
fn a_webhooks_task_says_where_it_came_from() {
    let via = json!({"$via": {"name": "Orders", "type": "webhook"}});
    let outcome = Mock::new()
        .webhook("Orders")
        .data(json!({"n": 1}))
        .clock(1_000)
        .run(plain::step);
    assert!(outcome.matches(&via));
    assert_eq!(outcome.data["$via"]["received"], 1_000);
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let panicked = std::panic::catch_unwind(|| {
        Mock::new().run(|| -> Result { panic!("the test wants it") });
    });
    assert!(panicked.is_err());
    assert_eq!(
        Mock::new().data(json!({"n": 1})).run(plain::step).data,
        json!({"n": 2})
    );
}

#[test]
#[should_panic(expected = "a step is run by `stepwell_sdk::mock::Mock::run`")]
fn outside_of_a_run_there_is_no_task() {
    task::id();
}

mod splitting {
    use super::*;

    #[step(condition = { into: String })]
    pub fn step() -> Result {
        let into: String = data::require("/into")?;
        let id = task::subtask("part", json!({ "n": 1 }))
            .result_into(&into)
            .wait()
            .create()?;
        task::subtask("aside", json!({})).create()?;
        data::set("/id", id)?;
        if data::get::<bool>("/fail")?.is_some() {
            return Err(Failure::retry("busy").retry_after(Duration::from_secs(7)));
        }
        Ok(())
    }
}

#[test]
fn subtasks_are_made_if_the_run_finishes() {
    let outcome = Mock::new().data(json!({"into": "/a"})).run(splitting::step);
    let names: Vec<_> = outcome.subtasks.iter().map(|made| &*made.name).collect();
    assert_eq!(names, ["part", "aside"]);
    let first = &outcome.subtasks[0];
    assert_eq!((first.into.as_deref(), first.wait), (Some("/a"), true));
    assert_eq!(outcome.data["id"], first.id);
    let failed = Mock::new().data(json!({"into": "/a", "fail": true}));
    let outcome = failed.run(splitting::step);
    assert!(outcome.subtasks.is_empty());
    assert_eq!(outcome.failure().after(), Some(Duration::from_secs(7)));
    for (into, text) in [
        ("a", "is not a JSON pointer"),
        ("", "the whole document"),
        ("/$via/x", "in `$via`"),
    ] {
        let outcome = Mock::new()
            .data(json!({ "into": into }))
            .run(splitting::step);
        let failure = outcome.failure();
        assert!(failure.text().contains(text), "{into}: {failure}");
    }
}

mod timed {
    use super::*;

    #[step(condition = { job: Object })]
    pub fn step() -> Result {
        task::timeout(Duration::from_secs(60))?;
        task::complete_on_expire();
        task::visualize(json!({"type": "bar", "name": "Jobs", "data": [1]}))?;
        if data::get::<bool>("/job/fails")?.is_some() {
            task::require_config("JOB_URL")?;
        }
        Ok(())
    }
}

#[test]
fn a_task_is_given_time_and_something_to_draw() {
    let outcome = Mock::new().data(json!({"job": {}})).run(timed::step);
    assert_eq!(outcome.timeout, Some(Duration::from_secs(60)));
    assert!(outcome.complete_on_expire);
    assert_eq!(outcome.visuals[0]["name"], "Jobs");
    let failed = Mock::new().data(json!({"job": {"fails": true}}));
    let failed = failed.run(timed::step);
    assert_eq!((failed.timeout, failed.complete_on_expire), (None, false));
    assert_eq!(failed.visuals.len(), 1);
    let text = "the config has no `JOB_URL`; set it with `stepwell config set JOB_URL VALUE`";
    assert_eq!(failed.failure(), Failure::stop(text));
}
