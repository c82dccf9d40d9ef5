//! `task replay`: what today's steps would make of a task, and nothing goes out.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::{Answer, Receiver, Server, guest, refusal, texts};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::Task;

/// Replays a task, which is not refused: the task as it would be, why it stopped, and the changes.
async fn replay(server: &Server, id: &str, body: Value) -> Answer<Task> {
    let (status, replayed) = server.act(id, "replay", Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{replayed}");
    Answer::of(replayed)
}

/// Asserts that a replay went to its end, and that it came to the same data.
fn comes_to_the_same(replayed: &Answer<Task>) {
    let replay = replayed.replay.as_ref().unwrap();
    assert_eq!(replay.stopped, None, "{replayed:#}");
    assert!(replay.changes.is_empty(), "{replayed:#}");
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
    assert_eq!(task.data["results"][0]["bytes"], 200_000);
    let id = task.id.as_str();
    let replayed = replay(&server, id, json!({})).await;
    assert_eq!(replayed.state.as_str(), "done");
    comes_to_the_same(&replayed);
    assert_eq!(replayed.data, task.data);
    let calls = &replayed.runs[0].calls;
    assert_eq!(calls.len(), 2, "{replayed:#}");
    assert_eq!(calls[0].status, Some(201));
    assert_eq!(upstream.seen().len(), 2, "nothing went out");
    assert_eq!(server.task(id).await, task, "nothing was stored");

    // Another version asks for something else: that is where it ends.
    let other = Receiver::start().await;
    let path = server.path(&format!("tasks/{id}/update"));
    let moved =
        json!({"set": [{"path": "/requests/1/url", "value": format!("{}/other", other.url)}]});
    server.api(Method::POST, &path, Some(moved)).await;
    server.wait(id, "done").await;
    let (status, answer) = server.act(id, "replay", Some(json!({"from": 9}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let problem = refusal(&answer);
    assert_eq!(problem.code, "no-such-run");
    assert!(problem.detail.contains("has had"), "{answer}");
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
    let (id, last) = (task.id.as_str(), task.data["link"].clone());
    assert_eq!(task.runs.len(), 2);

    let path = server.path("steps/chain-b");
    server.api(Method::DELETE, &path, None).await;
    let replayed = replay(&server, id, json!({"from": 2})).await;
    assert!(replayed.runs.is_empty(), "chain-a has run before");
    assert_eq!(replayed.data["link"], 2);
    assert_eq!(
        json!(replayed.replay.as_ref().unwrap().changes),
        json!([{"op": "replace", "path": "/link", "old": last, "value": 2}])
    );

    // A step that came since would make a call.
    server.step_with("fetcher", &guest("fetcher"), "").await;
    let replayed = replay(&server, id, json!({"from": 1})).await;
    let runs = &replayed.runs;
    let last = runs.last().unwrap();
    assert_eq!(last.step, "fetcher", "{replayed:#}");
    assert_eq!(last.outcome.as_str(), "not-replayed");
    let error = last.error.as_deref().unwrap();
    assert!(error.contains("GET http://127.0.0.1"), "{error}");
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
        let runs = server.task(&id).await.runs.len();
        let (status, _) = server.act(&id, "update", Some(json!({"set": [set]}))).await;
        assert_eq!(status, StatusCode::OK);
        until(&server, &id, |task| task.runs.len() > runs).await;
    }
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["total"], 10);
    let replayed = replay(&server, &id, json!({})).await;
    comes_to_the_same(&replayed);
    let runs = replayed.runs.len();
    assert_eq!(runs, task.runs.len());
    let reasons = replayed
        .history
        .iter()
        .filter_map(|entry| entry.reason.as_ref());
    let changes = reasons.filter(|reason| reason.contains("changed by"));
    assert_eq!(changes.count(), 2, "{replayed:#}");
    // From a later run on, only what came after it.
    let replayed = replay(&server, &id, json!({"from": 2})).await;
    comes_to_the_same(&replayed);
    assert_eq!(replayed.runs.len(), runs - 1);

    // Today's step replaces what the change was made to: the replay says where it stopped.
    server
        .script(
            "approval",
            "export const condition = {order: Object};
export const content = async () => { data.order = { ...data.order, price: [] }; data.order = 7; task.park(1000); step.redo(); };
",
        )
        .await;
    let replayed = replay(&server, &id, json!({})).await;
    let stopped = replayed
        .replay
        .as_ref()
        .unwrap()
        .stopped
        .as_deref()
        .unwrap();
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
        task.state.as_str() == "error" && task.runs.len() == 2
    })
    .await;
    let set = json!({"set": [{"path": "/ok", "value": true}]});
    server.act(&id, "update", Some(set)).await;
    let task = server.wait(&id, "done").await;
    let replayed = replay(&server, &id, json!({})).await;
    assert_eq!(replayed.state.as_str(), "done", "{replayed:#}");
    comes_to_the_same(&replayed);
    assert_eq!(replayed.runs.len(), task.runs.len());

    // A cancelled task, taken up again.
    server.script("approval", APPROVAL).await;
    let id = server.post(&webhook, &json!({"order": {"price": 3}})).await;
    server.wait(&id, "waiting").await;
    server.act(&id, "cancel", None).await;
    let replayed = replay(&server, &id, json!({})).await;
    assert_eq!(replayed.state.as_str(), "cancelled", "{replayed:#}");

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
    assert_eq!(task.data["sum"], 42);
    let id = task.id.as_str();
    let replayed = replay(&server, id, json!({})).await;
    comes_to_the_same(&replayed);
    assert_eq!(replayed.state.as_str(), "done");
}
