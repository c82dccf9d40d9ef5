//! `task replay`: what today's steps would make of a task, and nothing goes out.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::{Answer, Receiver, Server, guest, texts};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::Task;

async fn replay(server: &Server, id: &str, body: Value) -> (StatusCode, Value) {
    let path = server.path(&format!("tasks/{id}/replay"));
    server.api(Method::POST, &path, Some(body)).await
}

/// Looks at the task until it is so.
async fn until(server: &Server, id: &str, is_so: impl Fn(&Answer<Task>) -> bool) {
    for _ in 0..500 {
        if is_so(&server.task(id).await) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{:#}", server.task(id).await);
}

#[tokio::test]
async fn recorded_calls_answer_and_nothing_is_sent_or_stored() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    // Kept outside the journal, and found again.
    let mut large = crate::support::receiver::Reply::status(201);
    large.body = vec![b'x'; 200_000];
    upstream.reply("/large", large);
    let webhook = server.webhook("w").await;
    server.step("fetcher").await;
    let requests = json!({"requests": [
        {"method": "POST", "url": format!("{}/large", upstream.url)},
        {"url": format!("{}/small", upstream.url)},
    ]});
    let task = server.run(&webhook, &requests, "done").await;
    assert_eq!(task["data"]["results"][0]["bytes"], 200_000);
    let id = task["id"].as_str().unwrap();
    let (status, replayed) = replay(&server, id, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{replayed}");
    assert_eq!(replayed["state"], "done");
    assert_eq!(replayed["replay"]["changes"], json!([]));
    assert_eq!(replayed["replay"]["stopped"], Value::Null);
    assert_eq!(replayed["data"], task["data"]);
    let calls = replayed["runs"][0]["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2, "{replayed:#}");
    assert_eq!(calls[0]["status"], 201);
    assert_eq!(upstream.seen().len(), 2, "nothing went out");
    assert_eq!(server.task(id).await, task, "nothing was stored");

    // Another version asks for something else: that is where it ends.
    let other = Receiver::start().await;
    let path = server.path(&format!("tasks/{id}/update"));
    let moved =
        json!({"set": [{"path": "/requests/1/url", "value": format!("{}/other", other.url)}]});
    server.api(Method::POST, &path, Some(moved)).await;
    server.wait(id, "done").await;
    let (status, replayed) = replay(&server, id, json!({"from": 9})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{replayed}");
    assert_eq!(replayed["code"], "no-such-run");
    assert!(
        replayed["detail"].as_str().unwrap().contains("has had"),
        "{replayed}"
    );
}

#[tokio::test]
async fn a_replay_begins_with_the_data_of_its_run_and_has_todays_steps() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    let webhook = server.webhook("w").await;
    server.step("chain-a").await;
    server.step("chain-b").await;
    let posted = json!({"link": 1, "requests": [{"url": format!("{}/x", upstream.url)}]});
    let task = server.run(&webhook, &posted, "done").await;
    let (id, last) = (task["id"].as_str().unwrap(), task["data"]["link"].clone());
    assert_eq!(task["runs"].as_array().unwrap().len(), 2);

    let path = server.path("steps/chain-b");
    server.api(Method::DELETE, &path, None).await;
    let (_, replayed) = replay(&server, id, json!({"from": 2})).await;
    assert_eq!(replayed["runs"], json!([]), "chain-a has run before");
    assert_eq!(replayed["data"]["link"], 2);
    assert_eq!(
        replayed["replay"]["changes"],
        json!([{"op": "replace", "path": "/link", "old": last, "value": 2}])
    );

    // A step that came since would make a call.
    server.step_with("fetcher", &guest("fetcher"), "").await;
    let (_, replayed) = replay(&server, id, json!({"from": 1})).await;
    let runs = replayed["runs"].as_array().unwrap();
    let last = runs.last().unwrap();
    assert_eq!(last["step"], "fetcher", "{replayed:#}");
    assert_eq!(last["outcome"], "not-replayed");
    assert!(
        last["error"]
            .as_str()
            .unwrap()
            .contains("GET http://127.0.0.1"),
        "{last}"
    );
    assert!(upstream.seen().is_empty(), "nothing went out");

    let (out, err) = texts(&server.cli(&["task", "replay", id]));
    assert!(
        out.contains("dry replay from run 1; stopped: it would make a call that was not recorded"),
        "{out}{err}"
    );
    let output = server.cli(&["task", "replay", id, "--from", "7"]);
    assert!(!output.status.success());
    let (_, err) = texts(&output);
    assert!(err.contains("has had 2 runs"), "{err}");
}

/// Asks again every hour, until it has been approved; then it counts.
const APPROVAL: &str = "export const condition = {order: Object};
export const content = async () => {
    if (data.approved === undefined) { task.park(3_600_000); step.redo(); }
    else data.total = data.order.price * data.approved;
};
";

#[tokio::test]
async fn what_came_from_outside_comes_again_where_it_did() {
    let server = Server::start().await;
    server.script("approval", APPROVAL).await;
    let webhook = server.webhook("Orders").await;
    let id = server.post(&webhook, &json!({"order": {"price": 3}})).await;
    server.wait(&id, "waiting").await;
    // Two changes: one that releases nothing, and one that does.
    for set in [
        json!({"path": "/order/price", "value": 5}),
        json!({"path": "/approved", "value": 2}),
    ] {
        let runs = server.task(&id).await["runs"].as_array().unwrap().len();
        let (status, _) = server.act(&id, "update", Some(json!({"set": [set]}))).await;
        assert_eq!(status, StatusCode::OK);
        until(&server, &id, |task| {
            task["runs"].as_array().unwrap().len() > runs
        })
        .await;
    }
    let task = server.wait(&id, "done").await;
    assert_eq!(task["data"]["total"], 10);
    let (_, replayed) = replay(&server, &id, json!({})).await;
    assert_eq!(replayed["replay"]["stopped"], Value::Null, "{replayed:#}");
    assert_eq!(replayed["replay"]["changes"], json!([]));
    let runs = replayed["runs"].as_array().unwrap().len();
    assert_eq!(runs, task["runs"].as_array().unwrap().len());
    let reasons = replayed["history"].to_string();
    assert_eq!(reasons.matches("changed by").count(), 2, "{reasons}");
    // From a later run on, only what came after it.
    let (_, replayed) = replay(&server, &id, json!({"from": 2})).await;
    assert_eq!(replayed["replay"]["changes"], json!([]), "{replayed:#}");
    assert_eq!(replayed["runs"].as_array().unwrap().len(), runs - 1);

    // Today's step replaces what the change was made to: the replay says where it stopped.
    server
        .script(
            "approval",
            "export const condition = {order: Object};
export const content = async () => { data.order = { ...data.order, price: [] }; data.order = 7; task.park(1000); step.redo(); };
",
        )
        .await;
    let (_, replayed) = replay(&server, &id, json!({})).await;
    let stopped = replayed["replay"]["stopped"].as_str().unwrap();
    assert!(
        stopped.contains("a change from outside that came then does not fit"),
        "{stopped}"
    );
}

#[tokio::test]
async fn retries_cancellations_and_results_of_subtasks_come_again() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    // Fails until `ok` is there.
    server
        .script(
            "strict",
            "export const condition = {job: 1};
export const content = async () => {
    if (!data.ok) throw Object.assign(new Error('not yet'), { final: true });
    data.result = 'well';
};
",
        )
        .await;
    let id = server.post(&webhook, &json!({"job": 1})).await;
    server.wait(&id, "error").await;
    server.act(&id, "retry", None).await;
    until(&server, &id, |task| {
        task["state"] == "error" && task["runs"].as_array().unwrap().len() == 2
    })
    .await;
    let set = json!({"set": [{"path": "/ok", "value": true}]});
    server.act(&id, "update", Some(set)).await;
    let task = server.wait(&id, "done").await;
    let (_, replayed) = replay(&server, &id, json!({})).await;
    assert_eq!(replayed["state"], "done", "{replayed:#}");
    assert_eq!(replayed["replay"]["changes"], json!([]));
    assert_eq!(
        replayed["runs"].as_array().unwrap().len(),
        task["runs"].as_array().unwrap().len()
    );

    // A cancelled task, taken up again.
    server.script("approval", APPROVAL).await;
    let id = server.post(&webhook, &json!({"order": {"price": 3}})).await;
    server.wait(&id, "waiting").await;
    server.act(&id, "cancel", None).await;
    let (_, replayed) = replay(&server, &id, json!({})).await;
    assert_eq!(replayed["state"], "cancelled", "{replayed:#}");

    // A task that waits for its subtask's result.
    server
        .script(
            "parent",
            "export const condition = {family: true};
export const content = async () => { task.subtask('child', { n: 20 }, { into: '/child', wait: true }); };
",
        )
        .await;
    server
        .script(
            "child",
            "export const condition = {$via: {name: 'child'}};
export const content = async () => { task.complete(data.n + 1); };
",
        )
        .await;
    server
        .script(
            "after",
            "export const condition = {child: Number};
export const content = async () => { data.sum = data.child * 2; };
",
        )
        .await;
    let task = server.run(&webhook, &json!({"family": true}), "done").await;
    assert_eq!(task["data"]["sum"], 42);
    let id = task["id"].as_str().unwrap();
    let (_, replayed) = replay(&server, id, json!({})).await;
    assert_eq!(replayed["replay"]["stopped"], Value::Null, "{replayed:#}");
    assert_eq!(replayed["replay"]["changes"], json!([]));
    assert_eq!(replayed["state"], "done");
}
