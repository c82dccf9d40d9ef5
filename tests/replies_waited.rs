//! Senders that wait for what comes of their tasks, and links by which they read it later.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::replies::{send, set};
use crate::support::deliveries::list;
use crate::support::senders::{add, url_of};
use crate::support::{Answer, PATIENCE, Server, accepted_task, refusal, typed};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{AcceptedTasks, EndedTask, PendingReply, Webhook};

/// Does as it is told.
const STEP: &str = "export const condition = {todo: {$exists: true}};
export const content = async () => {
  const todo = data.todo;
  if (todo === 'complete') return task.complete({ sum: data.n + 1 });
  if (todo === 'data') { data.seen = true; delete data.todo; return; }
  if (todo === 'ignore') return task.ignore();
  if (todo === 'fail') throw Object.assign(new Error('the secret-of-the-step'), { final: true });
  if (todo === 'pause') { await new Promise((done) => setTimeout(done, 300)); return task.complete('late'); }
  if (todo === 'park') return task.park(600_000);
};
";

async fn with_step(args: &[&str], seconds: u32) -> (Server, Answer<Webhook>) {
    let server = Server::with(args).await;
    server.script("s", STEP).await;
    let settings = json!({"wait_seconds": seconds, "dedup": {"header": "x-id"}});
    let webhook = add(&server, "W", settings).await;
    (server, webhook)
}

async fn post(server: &Server, webhook: &Webhook, body: Value) -> (StatusCode, Value) {
    parts(send(server, webhook, Method::POST, &[], &body.to_string()).await).await
}

async fn post_as(server: &Server, webhook: &Webhook, id: &str, body: Value) -> (StatusCode, Value) {
    let headers = [("x-id", id)];
    parts(send(server, webhook, Method::POST, &headers, &body.to_string()).await).await
}

async fn parts(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

/// What a link shows.
async fn read(server: &Server, link: &str) -> (StatusCode, Value) {
    let path = &link[link.find("/reply/").unwrap()..];
    let response = reqwest::get(format!("{}{path}", server.url)).await.unwrap();
    parts(response).await
}

fn link_of(answer: &Value) -> String {
    typed::<PendingReply>(answer).status_url
}

#[tokio::test]
async fn a_sender_gets_what_came_of_its_task() {
    let (server, webhook) = with_step(&[], 60).await;
    let ask = |body: Value| post(&server, &webhook, body);
    let (status, result) = ask(json!({"todo": "complete", "n": 41})).await;
    assert_eq!((status, result), (StatusCode::OK, json!({"sum": 42})));
    let text = "{\"total\":100.10,\"todo\":\"data\",\"a\":[]}";
    let sent = send(&server, &webhook, Method::POST, &[], text).await;
    assert_eq!(sent.headers()["cache-control"], "no-store");
    let text = sent.text().await.unwrap();
    assert_eq!(text, "{\"total\":100.10,\"a\":[],\"seen\":true}");
    let (status, late) = ask(json!({"todo": "pause"})).await;
    assert_eq!((status, late), (StatusCode::OK, json!("late")));
    for (body, state) in [
        (json!({"todo": "ignore"}), "ignored"),
        (json!({"other": 1}), "unmatched"),
    ] {
        let (status, answer) = ask(body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(typed::<EndedTask>(&answer).state.as_str(), state);
    }
    let (status, problem) = ask(json!({"todo": "fail"})).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (500, "task-failed")
    );
    assert!(
        !problem.to_string().contains("secret-of-the-step"),
        "{problem}"
    );
    // Nothing of it is a refusal.
    let all = list(&server, "").await;
    assert!(
        all.len() == 6 && all.iter().all(|one| one.verdict == "accepted"),
        "{all:?}"
    );
    // Several documents have no one result.
    let ndjson = [("content-type", "application/x-ndjson")];
    let many = send(&server, &webhook, Method::POST, &ndjson, "{}\n{}").await;
    let AcceptedTasks { tasks } = typed(&parts(many).await.1);
    assert_eq!(tasks.len(), 2);
}

#[tokio::test]
async fn when_its_time_is_over_it_gets_a_link_that_shows_the_reply_later() {
    let (mut server, webhook) = with_step(&[], 1).await;
    let origins = json!({"allow_origins": ["https://a.example"]});
    set(&server, "W", origins).await;
    let sent = send(&server, &webhook, Method::POST, &[], "{\"todo\":\"park\"}").await;
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    let location = sent.headers()["location"].to_str().unwrap().to_owned();
    let (_, answer) = parts(sent).await;
    let link = link_of(&answer);
    assert_eq!(location, link);
    let id = &accepted_task(&answer);
    assert!(!link.contains(id) && !link.contains("default"), "{link}");
    let (status, pending) = read(&server, &link).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{pending}");
    assert_eq!(typed::<PendingReply>(&pending).task, *id);

    server.kill();
    server.launch().await;
    assert_eq!(read(&server, &link).await.0, StatusCode::ACCEPTED);
    let (status, _) = server
        .act(
            id,
            "update",
            Some(json!({"patch": {"todo": "complete", "n": 1}})),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    server.wait(id, "done").await;
    let path = &link[link.find("/reply/").unwrap()..];
    let request = reqwest::Client::new().get(format!("{}{path}", server.url));
    let shown = request
        .header("origin", "https://a.example")
        .send()
        .await
        .unwrap();
    assert_eq!(
        shown.headers()["access-control-allow-origin"],
        "https://a.example"
    );
    assert_eq!(parts(shown).await, (StatusCode::OK, json!({"sum": 2})));

    let last = link.chars().last().unwrap();
    let other = if last == 'A' { 'B' } else { 'A' };
    let altered = format!("{}{other}", &link[..link.len() - 1]);
    for wrong in [
        altered.as_str(),
        "/reply/x",
        "/reply/%00",
        &format!("/reply/{}", "A".repeat(3_000)),
    ] {
        let (status, problem) = read(&server, wrong).await;
        assert_eq!(
            (status.as_u16(), refusal(&problem).code.as_str()),
            (404, "no-such-reply"),
            "{wrong}"
        );
    }
    let (_, answer) = post(&server, &webhook, json!({"todo": "park"})).await;
    server.act(&accepted_task(&answer), "cancel", None).await;
    let (status, problem) = read(&server, &link_of(&answer)).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (409, "task-cancelled")
    );
}

#[tokio::test]
async fn a_repeat_gets_the_first_tasks_reply_also_after_a_crash() {
    let (mut server, webhook) = with_step(&[], 60).await;
    let body = json!({"todo": "complete", "n": 1});
    let first = post_as(&server, &webhook, "1", body.clone()).await;
    assert_eq!(first, (StatusCode::OK, json!({"sum": 2})));
    assert_eq!(
        post_as(&server, &webhook, "1", json!({"todo": "fail"})).await,
        first
    );
    server.kill();
    server.launch().await;
    assert_eq!(post_as(&server, &webhook, "1", body).await, first);
    assert_eq!(server.tasks("").await.len(), 1);

    // A repeat that comes while the first one waits, waits with it.
    let park = || post_as(&server, &webhook, "2", json!({"todo": "park"}));
    let ended = async {
        let until = Instant::now() + PATIENCE;
        let id = loop {
            let tasks = server.tasks("state=waiting").await;
            if let Some(task) = tasks.first() {
                break task.id.clone();
            }
            assert!(Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let update = json!({"patch": {"todo": "complete", "n": 7}});
        server.act(&id, "update", Some(update)).await;
    };
    let (one, other, ()) = tokio::join!(park(), park(), ended);
    assert_eq!(one, (StatusCode::OK, json!({"sum": 8})));
    assert_eq!(other, one);
}

/// A request over a raw socket.
fn raw(server: &Server, webhook: &Webhook, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(100)))
        .unwrap();
    let key = url_of(webhook).rsplit('/').next().unwrap();
    let length = body.len();
    let head = format!("POST /event/{key} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .unwrap();
    stream
}

/// Waits until so many tasks wait.
async fn parked(server: &Server, count: usize) {
    let until = Instant::now() + PATIENCE;
    while server.tasks("state=waiting&limit=50").await.len() < count {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn places_are_bounded_for_all_and_by_workspace_and_given_back() {
    // Four may wait at once, three of one workspace.
    let (server, webhook) = with_step(&["--connections", "8"], 60).await;
    let park = "{\"todo\":\"park\"}";
    let mut waiting: Vec<TcpStream> = (0..3).map(|_| raw(&server, &webhook, park)).collect();
    parked(&server, 3).await;
    let began = Instant::now();
    let (status, _) = post(&server, &webhook, json!({"todo": "park"})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(began.elapsed() < Duration::from_secs(50));
    let elsewhere = json!({"name": "other"});
    let (status, _) = server
        .api(Method::POST, "/workspaces", Some(elsewhere))
        .await;
    assert_eq!(status, StatusCode::CREATED);
    let body = json!({"name": "W", "wait_seconds": 60});
    let (_, elsewhere) = server
        .api(Method::POST, "/workspaces/other/webhooks", Some(body))
        .await;
    let step = json!({"entry": "s.js", "modules": {"s.js": STEP}});
    let (status, _) = server
        .api(Method::PUT, "/workspaces/other/steps/s", Some(step))
        .await;
    assert!(status.is_success());
    let (status, result) = post(&server, &typed(&elsewhere), json!({"todo": "pause"})).await;
    assert_eq!((status, result), (StatusCode::OK, json!("late")));

    // One that shuts down its side is answered at once, as it may be gone.
    let mut left = waiting.pop().unwrap();
    left.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    left.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(50));
    // Its place is free: another one waits, and hears of its task.
    let (status, result) = post(&server, &webhook, json!({"todo": "pause"})).await;
    assert_eq!((status, result), (StatusCode::OK, json!("late")));
    for task in server.tasks("state=waiting&limit=50").await {
        server.act(&task.id, "cancel", None).await;
    }
    for mut stream in waiting {
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 409");
    }
}

#[tokio::test]
async fn a_server_that_goes_down_answers_with_the_link() {
    let (mut server, webhook) = with_step(&[], 60).await;
    let mut waiting = raw(&server, &webhook, "{\"todo\":\"park\"}");
    parked(&server, 1).await;
    let began = Instant::now();
    assert!(server.stop().success());
    assert!(began.elapsed() < Duration::from_secs(50));
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    server.launch().await;
    let (status, pending) = read(&server, &link_of(&body)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{pending}");
    let task = |answer| typed::<PendingReply>(answer).task;
    assert_eq!(task(&pending), task(&body));
}

#[tokio::test]
async fn a_sender_hears_when_its_workspace_is_erased() {
    let mut server = Server::start().await;
    server.enter("acme").await;
    server.script("s", STEP).await;
    let webhook = add(&server, "W", json!({"wait_seconds": 60})).await;
    set(&server, "W", json!({"wait_seconds": 1})).await;
    let (_, answer) = post(&server, &webhook, json!({"todo": "park"})).await;
    set(&server, "W", json!({"wait_seconds": 60})).await;
    let began = Instant::now();
    let erased = async {
        parked(&server, 2).await;
        let (status, _) = server.api(Method::DELETE, "/workspaces/acme", None).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    };
    let (waited, ()) = tokio::join!(post(&server, &webhook, json!({"todo": "park"})), erased);
    let (status, problem) = waited;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (404, "unknown-webhook")
    );
    assert!(began.elapsed() < Duration::from_secs(50));
    let (status, problem) = read(&server, &link_of(&answer)).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (404, "no-such-reply")
    );
}
