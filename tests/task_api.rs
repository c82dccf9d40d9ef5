//! What a step says of its task, on the real server: when it is to go on, how much time it has, what is
//! missing, what is to be drawn.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use crate::support::receiver::Reply;
use crate::support::{Receiver, Server, asked};
use serde_json::{Value, json};
use stepwell_api::{LogLevel, Task, TaskState};

/// Adds a script step with this condition and body.
async fn add(server: &Server, name: &str, condition: &str, body: &str) {
    let source = format!(
        "export const condition = {condition};\nexport const content = async () => {{\n{body}\n}};\n"
    );
    server.script(name, &source).await;
}

fn runs(task: &Task) -> usize {
    task.runs.len()
}

fn millis(time: &str) -> i64 {
    let time: jiff::Timestamp = time.parse().unwrap();
    time.as_millisecond()
}

/// The last reason for which the task went where it is.
fn reason(task: &Task) -> String {
    let reasons = task.history.iter().rev();
    let mut reasons = reasons.filter_map(|entry| entry.reason.clone());
    reasons.next().unwrap_or_default()
}

/// Sets `nextRetryAt` to what the body brings, or to what an expression gives, until it has run three times.
const RETRIES: &str = "data.tries = (data.tries ?? 0) + 1;
    data.nextRetryAt = data.at ?? eval(data.code);";

#[tokio::test]
async fn next_retry_at_is_taken_where_it_cannot_be_mistaken() {
    let server = Server::start().await;
    let again = "{$or: [{tries: null}, {tries: {$lt: 3}}]}";
    add(&server, "again", again, RETRIES).await;
    let webhook = server.webhook("W").await;
    for code in [
        "Date.now() + 3600000",
        "new Date(Date.now() + 3600000)",
        "new Date(Date.now() + 3600000).toISOString().replace('T', ' ')",
        "new Date(Date.now() + 3600000).toUTCString()",
        "String(new Date(Date.now() + 3600000))",
        "new Date(Date.now() + 3600000).toISOString().replace('Z', '+00:00')",
    ] {
        let task = server
            .run(&webhook, &json!({"code": code}), "waiting")
            .await;
        assert_eq!(runs(&task), 1, "{code}");
        let waits = millis(task.wake_at.as_deref().unwrap()) - millis(&task.created);
        assert!((3_590_000..3_660_000).contains(&waits), "{code}: {waits}");
    }
    // Null says that there is none, and what is past is over.
    for code in ["null", "Date.now() - 1", "new Date(0)"] {
        let task = server.run(&webhook, &json!({"code": code}), "done").await;
        assert_eq!(runs(&task), 3, "{code}");
    }
}

#[tokio::test]
async fn next_retry_at_that_is_no_time_ends_the_task_and_is_named() {
    let server = Server::start().await;
    let again = "{odd: null, $or: [{tries: null}, {tries: {$lt: 5}}]}";
    add(&server, "again", again, RETRIES).await;
    add(&server, "odd", "{odd: true}", "data.seen = true").await;
    let webhook = server.webhook("W").await;
    for (at, why) in [
        (json!("2026-11-28 23:00:00"), "which names no zone"),
        (json!("2026-11-28T23:00:00"), "which names no zone"),
        (json!("tomorrow"), "which names no time"),
        (json!("60"), "a number as text"),
        (
            json!(60_000),
            "which as milliseconds since 1970 is long past",
        ),
        (
            json!(1_795_906_800),
            "which as milliseconds since 1970 is long past",
        ),
        (
            json!(1_795_906_800_000_000_u64),
            "more than ten years from now",
        ),
        (json!(true), "which is no time"),
        (json!({"in": 5}), "which is no time"),
    ] {
        let task = server.run(&webhook, &json!({"at": at}), "error").await;
        assert_eq!(runs(&task), 1, "{at}");
        assert_eq!(task.runs[0].outcome.as_str(), "data", "{at}");
        let fault = task.fault.as_deref().unwrap();
        assert!(
            fault.contains(&format!("`data.nextRetryAt` is {at}")) && fault.contains(why),
            "{fault}"
        );
        assert!(fault.contains("write a time with its zone"), "{fault}");
        assert_eq!(task.data.get("tries"), None, "its changes are dropped");
    }
    // Data that a sender brings is not the step's fault; data that a step writes is, also if it is not to run again.
    let body = json!({"odd": true, "nextRetryAt": "whenever"});
    let task = server.run(&webhook, &body, "done").await;
    assert_eq!(task.data["nextRetryAt"], "whenever");
    add(
        &server,
        "once",
        "{once: true}",
        "data.nextRetryAt = 'later'",
    )
    .await;
    let body = json!({"once": true, "odd": false});
    let task = server.run(&webhook, &body, "error").await;
    let fault = task.fault.as_deref().unwrap();
    assert!(fault.contains("`data.nextRetryAt` is \"later\""), "{fault}");
    // A time that can be read is no fault of a step that is not to run again.
    let soon = "data.nextRetryAt = Date.now() + 3600000";
    add(&server, "once", "{once: true}", soon).await;
    server.run(&webhook, &body, "done").await;
}

#[tokio::test]
async fn a_retry_after_header_is_waited_for_as_it_came() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    let body = "const r = await connectors.fetch(data.url);
        task.retryAfter(r.headers['retry-after']); throw new Error('busy')";
    add(&server, "s", "{}", body).await;
    let webhook = server.webhook("W").await;
    for (number, (lines, seconds)) in [
        (vec!["120"], 120),
        (vec!["3600"], 3_600),
        (vec!["120", "120"], 120),
        (vec!["5, 10"], 5),
        (vec!["soon", "7"], 7),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{number}");
        let reply = Reply::status(429);
        let reply = lines
            .iter()
            .fold(reply, |reply, line| reply.header("retry-after", line));
        upstream.reply(&path, reply);
        let url = format!("{}{path}", upstream.url);
        let task = server.run(&webhook, &json!({"url": url}), "waiting").await;
        assert_eq!(runs(&task), 1, "{lines:?}");
        let waits = millis(task.wake_at.as_deref().unwrap()) - millis(&task.created);
        let expected = seconds * 1_000;
        assert!(
            (expected..expected + 20_000).contains(&waits),
            "{lines:?}: {waits}"
        );
    }
}

#[tokio::test]
async fn a_missing_config_key_is_named_and_not_tried_again() {
    let server = Server::start().await;
    let body = "await connectors.fetch({url: `${task.config('SHOP_URL')}/x`})";
    add(&server, "s", "{}", body).await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({}), "error").await;
    assert_eq!(runs(&task), 1);
    let fault = task.fault.as_deref().unwrap();
    assert!(
        fault.contains(
            "the config has no `SHOP_URL`; set it with `stepwell config set SHOP_URL VALUE`"
        ),
        "{fault}"
    );
    // The command is one that there is, and then the task goes on.
    let upstream = Receiver::start().await;
    upstream.reply("/x", Reply::status(200));
    let set = server.cli(&["config", "set", "SHOP_URL", &upstream.url]);
    assert!(set.status.success(), "{set:?}");
    let id = task.id.as_str();
    server.act(id, "retry", None).await;
    server.wait(id, "done").await;
    asked(&upstream, 1).await;
}

#[tokio::test]
async fn a_calls_result_lands_in_the_data_of_the_same_run() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply("/lead", Reply::json(200, &json!({"id": 7})));
    let body = "connectors.fetch({url: data.url, bodyOnly: true, into: 'crm.lead'})";
    add(&server, "s", "{url: String}", body).await;
    add(
        &server,
        "next",
        "{crm: {lead: {id: Number}}}",
        "data.found = data.crm.lead.id",
    )
    .await;
    let webhook = server.webhook("W").await;
    let url = format!("{}/lead", upstream.url);
    let task = server.run(&webhook, &json!({"url": url}), "done").await;
    assert_eq!(task.data["found"], 7);
}

/// A step that gives its task a time and then does what the body asks for.
const TIMED: &str = "task.timeout(data.time);
    if (data.complete) task.completeOnExpire();
    if (data.park) { task.park(data.park); step.redo(); }
    if (data.part) task.subtask('part', {}, {into: 'part', waitFor: data.part === 'wait'});
    data.begun = (data.begun ?? 0) + 1";

async fn timed(server: &Server) -> String {
    add(server, "timed", "{time: Number, begun: null}", TIMED).await;
    add(
        server,
        "fails",
        "{fails: true, begun: 1}",
        "task.retryAfter(60000); throw new Error('busy')",
    )
    .await;
    let pauses = "await connectors.utils.sleep({milliseconds: 3600000}); data.pauses = false";
    add(server, "pauses", "{pauses: true, begun: 1}", pauses).await;
    add(
        server,
        "part",
        "{$via: {name: 'part'}}",
        "task.park(3600000); step.redo()",
    )
    .await;
    server.webhook("W").await
}

#[tokio::test]
async fn a_task_ends_when_its_time_is_over_whatever_it_waits_for() {
    let server = Server::start().await;
    let webhook = timed(&server).await;
    for (body, state) in [
        (json!({"time": 300, "park": 3_600_000}), "error"),
        (
            json!({"time": 300, "park": 3_600_000, "complete": true}),
            "done",
        ),
        (json!({"time": 300, "part": "wait"}), "error"),
        (json!({"time": 300, "part": "later"}), "error"),
        (
            json!({"time": 300, "part": "later", "complete": true}),
            "done",
        ),
        (json!({"time": 300, "fails": true}), "error"),
        (json!({"time": 300, "pauses": true}), "error"),
    ] {
        let begun = Instant::now();
        let task = server.run(&webhook, &body, state).await;
        assert!(begun.elapsed() >= Duration::from_millis(250), "{body}");
        let reason = reason(&task);
        assert!(
            reason.contains("time was over at") && reason.contains("`task.timeout`"),
            "{body}: {reason}"
        );
        assert_eq!(task.fault.is_some(), state == "error", "{body}");
        assert_eq!(task.expires_at, None, "{body}");
    }
    // One that ends in time, and one that has none, are as ever.
    let task = server.run(&webhook, &json!({"time": 60_000}), "done").await;
    assert_eq!(runs(&task), 1);
    server.is_well().await;
}

#[tokio::test]
async fn a_time_outlives_the_server_and_a_person_may_lift_it() {
    let mut server = Server::start().await;
    let webhook = timed(&server).await;
    let body = json!({"time": 3_000, "park": 3_600_000});
    let id = server.post(&webhook, &body).await;
    let other = server
        .post(&webhook, &json!({"time": 600_000, "park": 3_600_000}))
        .await;
    let before = server.wait(&id, "waiting").await;
    server.wait(&other, "waiting").await;
    assert_eq!(before.wake_at, before.expires_at);
    server.kill();
    server.launch().await;
    let task = server.wait(&id, "error").await;
    assert!(millis(&task.updated) >= millis(before.expires_at.as_deref().unwrap()));
    let task = server.task(&other).await;
    assert_eq!(task.state, TaskState::Waiting);
    let left = millis(task.expires_at.as_deref().unwrap()) - millis(&task.created);
    assert!((600_000..630_000).contains(&left), "{left}");
    // Tried again, it is not ended again at once.
    server.act(&id, "retry", None).await;
    let task = server.wait(&id, "done").await;
    assert_eq!(task.expires_at, None);
}

#[tokio::test]
async fn what_is_to_be_drawn_is_kept_with_the_run() {
    let server = Server::start().await;
    let body = "task.visualize({type: 'bar', name: 'Orders', data: [1, 2], options: {}});
        try { task.visualize({type: 'bar', data: 'x'.repeat(70000)}) } catch (error) { console.log(error.message) }";
    add(&server, "s", "{}", body).await;
    let webhook = server.webhook("W").await;
    let task = server.run(&webhook, &json!({}), "done").await;
    let logs = &task.runs[0].logs;
    assert_eq!(logs[0].level, LogLevel::Visual);
    let drawn: Value = serde_json::from_str(&logs[0].text).unwrap();
    let expected = json!({"type": "bar", "name": "Orders", "data": [1, 2], "options": {}});
    assert_eq!(drawn, expected);
    assert!(logs[1].text.contains("has room for"));
    let shown = server.cli(&["task", "log", task.id.as_str()]);
    let (out, _) = crate::support::texts(&shown);
    assert!(
        out.contains("visual") && out.contains("\"Orders\""),
        "{out}"
    );
}
