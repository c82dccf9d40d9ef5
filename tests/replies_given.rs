//! Replies that steps give by `task.respond`: at once, the first one, whatever becomes of the run and of the server.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use crate::replies::send;
use crate::support::receiver::Reply;
use crate::support::senders::add;
use crate::support::{Answer, Receiver, Server, asked, typed};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use stepwell_api::{Task, Webhook};

/// Does as it is told, and keeps what `task.respond` gave it.
const STEP: &str = "export const condition = {todo: {$exists: true}};
export const content = async () => {
  const todo = data.todo;
  const reply = { status: 202, headers: { 'X-Reason': todo }, body: { order: data.order } };
  if (todo === 'late') await fetch(task.config('UPSTREAM') + '/before');
  const first = task.respond(reply);
  if (todo === 'park') return task.park(600_000);
  if (todo === 'fail') throw Object.assign(new Error('no'), { final: true });
  if (todo === 'call' || todo === 'late') await fetch(task.config('UPSTREAM') + '/after');
  const same = task.respond(reply);
  const other = task.respond({ status: 500, body: 'another' });
  data.gave = [first, same, other];
  if (todo === 'next') { data.todo = 'more'; data.order++; return step.redo(); }
  delete data.todo;
};
";

async fn with_step() -> (Server, Receiver, Answer<Webhook>) {
    let upstream = Receiver::start().await;
    let server = Server::start().await;
    server.config("UPSTREAM", &upstream.url).await;
    server.script("s", STEP).await;
    let settings = json!({"wait_seconds": 60, "dedup": {"header": "x-id"}});
    let webhook = add(&server, "W", settings).await;
    (server, upstream, webhook)
}

async fn post(server: &Server, webhook: &Webhook, todo: &str, id: &str) -> Response {
    let body = json!({"todo": todo, "order": 7}).to_string();
    send(server, webhook, Method::POST, &[("x-id", id)], &body).await
}

/// The status, the header of the step's own and the body of an answer.
async fn parts(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let reason = response.headers().get("x-reason");
    let reason = reason
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    (status, reason, response.text().await.unwrap())
}

fn replied(todo: &str) -> (u16, String, String) {
    (202, todo.to_owned(), "{\"order\":7}".to_owned())
}

/// The only task there is, once it is in `state`.
async fn only(server: &Server, state: &str) -> Answer<Task> {
    let id = server.tasks("").await[0].id.clone();
    server.wait(&id, state).await
}

#[tokio::test]
async fn the_sender_is_answered_while_the_task_goes_on() {
    let (server, upstream, webhook) = with_step().await;
    let answer = post(&server, &webhook, "call", "1").await;
    assert_eq!(answer.headers()["content-security-policy"], "sandbox");
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(parts(answer).await, replied("call"));
    let id = server.tasks("").await[0].id.clone();
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["gave"], json!([true, true, false]));
    assert_eq!(task.runs.len(), 1);
    let logs = serde_json::to_string(&task.runs[0].logs).unwrap();
    assert!(logs.contains("replied 202 to the sender"), "{logs}");
    // Its result is another matter, and a repeat has nothing else than the reply.
    assert_eq!(
        parts(post(&server, &webhook, "fail", "1").await).await,
        replied("call")
    );
    // A task that waits for ten minutes.
    let answer = post(&server, &webhook, "park", "2").await;
    assert_eq!(parts(answer).await, replied("park"));
    let id = server.tasks("limit=1").await[0].id.clone();
    server.waiting(&id).await;
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn the_first_reply_counts_over_runs_failures_and_actions() {
    let (server, _upstream, webhook) = with_step().await;
    assert_eq!(
        parts(post(&server, &webhook, "fail", "1").await).await,
        replied("fail")
    );
    let failed = only(&server, "error").await;
    assert_eq!(
        parts(post(&server, &webhook, "fail", "1").await).await,
        replied("fail")
    );
    assert_eq!(failed.runs.len(), 1);
    // Two runs: the second one's reply is none.
    assert_eq!(
        parts(post(&server, &webhook, "next", "2").await).await,
        replied("next")
    );
    let id = server.tasks("limit=1").await[0].id.clone();
    let task = server.wait(&id, "done").await;
    assert_eq!(task.data["gave"], json!([false, false, false]));
    assert_eq!(
        parts(post(&server, &webhook, "next", "2").await).await,
        replied("next")
    );
    assert_eq!(
        parts(post(&server, &webhook, "park", "3").await).await,
        replied("park")
    );
    let parked = server.tasks("limit=1").await[0].id.clone();
    server.waiting(&parked).await;
    server.act(&parked, "cancel", None).await;
    assert_eq!(
        parts(post(&server, &webhook, "park", "3").await).await,
        replied("park")
    );
}

#[tokio::test]
async fn a_dry_replay_sends_nothing_and_sees_what_the_run_saw() {
    let (server, upstream, webhook) = with_step().await;
    post(&server, &webhook, "call", "1").await;
    let task = only(&server, "done").await;
    let id = task.id.as_str();
    let (status, replay) = server.act(id, "replay", Some(json!({"from": 1}))).await;
    assert_eq!(status, 200, "{replay}");
    let came_to = typed::<Task>(&replay).replay.unwrap();
    assert!(
        came_to.changes.is_empty() && came_to.stopped.is_none(),
        "{replay}"
    );
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_run_that_begins_again_after_a_crash_does_not_reply_otherwise() {
    let (mut server, upstream, webhook) = with_step().await;
    for (todo, calls, id) in [("call", 1, "1"), ("late", 4, "2")] {
        // The run makes a call after its reply, and is killed while it waits.
        upstream.reply("/after", Reply::status(200).after(Duration::from_secs(100)));
        assert_eq!(
            parts(post(&server, &webhook, todo, id).await).await,
            replied(todo)
        );
        asked(&upstream, calls).await;
        upstream.reply("/after", Reply::status(200));
        server.kill();
        server.launch().await;
        let again = parts(post(&server, &webhook, todo, id).await).await;
        assert_eq!(again, replied(todo));
        let id = server.tasks("limit=1").await[0].id.clone();
        let task = server.wait(&id, "done").await;
        assert_eq!(task.data["gave"], json!([true, true, false]), "{todo}");
        assert_eq!(task.runs.len(), 1);
        let again = parts(post(&server, &webhook, todo, id_of(todo)).await).await;
        assert_eq!(again, replied(todo));
    }
    assert_eq!(server.tasks("").await.len(), 2);
}

fn id_of(todo: &str) -> &'static str {
    if todo == "call" { "1" } else { "2" }
}

#[tokio::test]
async fn a_reply_that_cannot_be_is_an_exception_and_the_sender_waits_on() {
    let server = Server::start().await;
    let step = "export const condition = {replies: Array};
export const content = async () => {
  data.errors = data.replies.map((reply) => {
    try { return task.respond(reply); } catch (error) { return error.message; }
  });
  delete data.replies;
};";
    server.script("s", step).await;
    let webhook = add(&server, "W", json!({"wait_seconds": 60})).await;
    let replies = json!([
        {"status": 304},
        {"status": 302},
        {"headers": {"X-A": "a\r\nSet-Cookie: b=c"}},
        {"headers": {"X-A": "größer"}},
        {"headers": {"Set-Cookie": "a=b"}},
        {"body": "x".repeat(70_000)},
        "ok",
    ]);
    let body = json!({"replies": replies}).to_string();
    let answer = send(&server, &webhook, Method::POST, &[], &body).await;
    let data: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    for (error, part) in data["errors"].as_array().unwrap().iter().zip([
        "no status of a reply",
        "`location`",
        "line break",
        "printable ASCII",
        "`set-cookie` is the server's",
        "65536",
        "task.respond takes",
    ]) {
        let error = error.as_str().unwrap();
        assert!(error.contains(part), "{error}");
    }
}
