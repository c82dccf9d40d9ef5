//! `task replay`: what today's steps would make of a task, and nothing goes out.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Receiver, Server, guest, texts};

async fn replay(server: &Server, id: &str, body: Value) -> (StatusCode, Value) {
    let path = server.path(&format!("tasks/{id}/replay"));
    server.api(Method::POST, &path, Some(body)).await
}

#[tokio::test]
async fn recorded_calls_answer_and_nothing_is_sent_or_stored() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    // Kept outside the journal, and found again.
    let mut large = support::receiver::Reply::status(201);
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
