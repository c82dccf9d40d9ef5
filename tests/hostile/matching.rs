//! Conditions and data that make finding the steps costly: the work is bounded for a task, ends in an error
//! that names the step, and keeps no task of another workspace waiting.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use stepwell_api::{Explained, Task, TaskState};

use crate::support::{PATIENCE, Server};

fn script(condition: &str) -> String {
    format!(
        "export const condition = {condition};\nexport const content = () => {{ data.seen = true; }};"
    )
}

/// As many empty texts as a body of the most bytes holds.
fn texts() -> Value {
    json!(vec![""; 349_000])
}

/// Each takes more than a task's matching may: the condition and the data.
fn rows() -> Vec<(&'static str, &'static str, Value)> {
    let long = "x".repeat(1 << 16);
    vec![
        (
            "array patterns",
            "{items: {$or: Array.from({length: 100}, (_, n) => [{a: n}])}}",
            json!({"items": texts()}),
        ),
        (
            "whole values",
            "{items: {$in: Array.from({length: 900}, (_, n) => ({a: n}))}}",
            json!({"items": vec![json!({}); 300_000]}),
        ),
        (
            "logic",
            "{items: {$not: {$elemMatch: {$and: [...Array.from({length: 200}, () => ({$or: [{a: null}, {a: 1}]})), {c: 1}]}}}, x: null}",
            json!({"items": vec![json!({"b": 1}); 100_000], "x": 1}),
        ),
        (
            "expressions",
            "{items: {$in: Array.from({length: 16}, (_, n) => new RegExp('a.{0,40}b' + n))}}",
            json!({"items": vec![&long[..4_000]; 240]}),
        ),
        (
            "names",
            "{items: [{['x'.repeat(60000)]: 1}]}",
            json!({"items": vec![json!({"a": 1, "b": 2}); 60_000]}),
        ),
    ]
}

#[tokio::test]
async fn a_condition_that_takes_too_much_is_an_error_of_the_task() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    server.script("other", &script("{other: 1}")).await;
    for (name, condition, body) in rows() {
        server.script("costly", &script(condition)).await;
        let id = server.post(&webhook, &body).await;
        let task = server.wait(&id, "error").await;
        let fault = task.fault.as_deref().unwrap();
        assert!(
            fault.starts_with("condition too costly: ") && fault.contains("step `costly`"),
            "{name}: {fault}"
        );
        assert!(task.runs.is_empty(), "{name}: {task:#}");
        assert_eq!(
            task.history.last().unwrap().reason.as_deref(),
            Some(fault),
            "{name}"
        );
    }
}

#[tokio::test]
async fn it_is_tried_again_after_a_change_of_the_step_or_the_data() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let (_, condition, body) = rows().swap_remove(0);
    server.script("costly", &script(condition)).await;
    let id = server.post(&webhook, &body).await;
    server.wait(&id, "error").await;

    // It is told as it is.
    let path = server.path(&format!("tasks/{id}/explain"));
    let explained = server.get::<Explained>(&path).await;
    let step = &explained.steps[0];
    assert_eq!((step.step.as_str(), step.matches), ("costly", None));
    let warning = &step.warnings[0];
    assert!(warning.starts_with("condition too costly: "), "{explained}");

    // Nothing has changed.
    assert_eq!(server.act(&id, "retry", None).await.0, StatusCode::OK);
    assert_eq!(server.wait(&id, "error").await.state, TaskState::Error);
    // The data.
    let smaller = json!({"patch": {"items": [{"a": 1000}]}});
    assert_eq!(
        server.act(&id, "update", Some(smaller)).await.0,
        StatusCode::OK
    );
    server.wait(&id, "unmatched").await;
    // The step.
    let id = server.post(&webhook, &body).await;
    server.wait(&id, "error").await;
    server.script("costly", &script("{items: Array}")).await;
    assert_eq!(server.act(&id, "retry", None).await.0, StatusCode::OK);
    let task = server.wait(&id, "done").await;
    assert_eq!((task.runs.len(), &task.data["seen"]), (1, &json!(true)));
}

/// A run whose changes make the next look too costly is kept.
#[tokio::test]
async fn a_run_before_it_counts() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let (_, condition, _) = rows().swap_remove(0);
    let makes = "export const condition = {many: Number};
        export const content = () => { data.items = Array(data.many).fill(''); };";
    server.script("makes", makes).await;
    server.script("costly", &script(condition)).await;
    let task = server
        .run(&webhook, &json!({"many": 349_000}), "error")
        .await;
    assert!(
        task.fault.as_deref().unwrap().contains("step `costly`"),
        "{:?}",
        task.fault
    );
    assert_eq!(task.runs.len(), 1);
    assert_eq!(task.data["items"].as_array().unwrap().len(), 349_000);
    assert!(
        task.history
            .last()
            .unwrap()
            .reason
            .as_deref()
            .unwrap()
            .starts_with("condition too costly")
    );
}

/// Ten thousand alternatives against 349,000 elements: the list is looked up.
#[tokio::test]
async fn a_long_list_against_a_long_array_is_cheap() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let condition = "{items: {$in: Array.from({length: 9990}, (_, n) => n)}}";
    server.script("list", &script(condition)).await;
    let body = json!({"items": texts()});
    let task = server.run(&webhook, &body, "unmatched").await;
    assert_eq!(task.fault, None);
    let mut found = body;
    found["items"][348_999] = json!(9_989);
    server.run(&webhook, &found, "done").await;
}

/// Ten times as much matching as a task may take is under way; a task of another workspace is done before the
/// last of it has ended.
#[tokio::test]
async fn a_neighbour_does_not_wait_for_it() {
    let mut server = Server::start().await;
    let webhook = server.webhook("w").await;
    let (_, condition, body) = rows().swap_remove(0);
    server.script("costly", &script(condition)).await;
    server.enter("neighbour").await;
    let own = server.webhook("own").await;
    server.script("one", &script("{a: 1}")).await;
    server.run(&own, &json!({"a": 1}), "done").await;
    let mut posted = Vec::new();
    for _ in 0..10 {
        posted.push(server.post(&webhook, &body).await);
    }
    server.run(&own, &json!({"a": 1}), "done").await;
    let of_attacker = |id: &str| format!("/workspaces/default/tasks/{id}");
    let last = server
        .get::<Task>(&of_attacker(posted.last().unwrap()))
        .await;
    assert_eq!(
        last.state,
        TaskState::Ready,
        "the neighbour's task came after all of it"
    );
    let until = Instant::now() + PATIENCE;
    for id in posted {
        let mut task = server.get::<Task>(&of_attacker(&id)).await;
        while task.state == TaskState::Ready {
            assert!(Instant::now() < until, "{task:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
            task = server.get::<Task>(&of_attacker(&id)).await;
        }
        assert_eq!(task.state, TaskState::Error, "{task:#}");
    }
}
