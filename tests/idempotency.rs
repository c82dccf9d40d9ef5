//! An idempotency key belongs to one request: attempts that ask for the same send the same key, and one that
//! asks for something else at the same place sends another.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::cases::package;
use crate::support::receiver::{Receiver, Reply, Seen};
use crate::support::{Server, asked};
use serde_json::json;

/// A policy with three quick attempts.
const QUICK: &str = "attempts=3&first_ms=1&factor=1&cap_ms=1";

/// Adds a step that sends `request` (an expression) and fails unless the answer is 2xx.
async fn add(server: &Server, request: &str) {
    let source = format!(
        "export const condition = {{}};
         export const content = async () => {{
           const answer = await fetch(task.config('URL') + '/', {request});
           if (!answer.ok) throw new Error(`the upstream says ${{answer.status}}`);
         }};"
    );
    let (status, answer) = server.try_step("s", package("s", &source), QUICK).await;
    assert!(status.is_success(), "{answer}");
}

async fn prepared() -> (Server, Receiver, String) {
    let (server, upstream) = (Server::start().await, Receiver::start().await);
    server.config("URL", &upstream.url).await;
    let webhook = server.webhook("w").await;
    (server, upstream, webhook)
}

fn keys(seen: &[Seen]) -> Vec<String> {
    let keys = seen.iter().map(|seen| seen.header("idempotency-key"));
    keys.map(str::to_owned).collect()
}

#[tokio::test]
async fn attempts_that_ask_for_the_same_share_a_key() {
    let (server, upstream, webhook) = prepared().await;
    upstream
        .reply("/", Reply::status(503))
        .then("/", Reply::status(503))
        .then("/", Reply::status(200));
    add(
        &server,
        "{method: 'POST', body: 'the same', headers: {'x-a': 'b'}}",
    )
    .await;
    let task = server.run(&webhook, &json!({}), "done").await;
    let keys = keys(&upstream.seen());
    assert_eq!(keys.len(), 3);
    let place = format!("{}-1-0-", task.id.as_str());
    assert!(keys.iter().all(|key| key.starts_with(&place)), "{keys:?}");
    assert_eq!(keys[1..], [keys[0].clone(), keys[0].clone()]);
}

#[tokio::test]
async fn an_attempt_that_asks_for_something_else_sends_another_key() {
    // Each differs from attempt to attempt in one thing: an attempt's clock is its own.
    for request in [
        "{method: 'POST', body: `at ${Date.now()}`}",
        "{method: 'POST', body: 'x', headers: {'x-at': `${Date.now()}`}}",
    ] {
        let (server, upstream, webhook) = prepared().await;
        upstream
            .reply("/", Reply::status(503))
            .then("/", Reply::status(200));
        add(&server, request).await;
        server.run(&webhook, &json!({}), "done").await;
        let seen = upstream.seen();
        assert_eq!(seen.len(), 2);
        let is_same =
            seen[0].body == seen[1].body && seen[0].header("x-at") == seen[1].header("x-at");
        assert!(!is_same, "the test asks twice for the same: {seen:?}");
        let keys = keys(&seen);
        assert_ne!(keys[0], keys[1], "{request}");
    }
}

#[tokio::test]
async fn a_version_that_takes_over_between_attempts_sends_keys_of_its_own() {
    let (server, upstream, webhook) = prepared().await;
    upstream.reply("/", Reply::status(503));
    let source = |body: &str| {
        format!(
            "export const condition = {{}};
             export const content = async () => {{
               const answer = await fetch(task.config('URL') + '/', {{method: 'POST', body: '{body}'}});
               // Time for the other version to come.
               if (!answer.ok) {{ task.retryAfter(3000); throw new Error('no'); }}
             }};"
        )
    };
    let put = async |body: &str| {
        let (status, answer) = server
            .try_step("s", package("s", &source(body)), "attempts=2")
            .await;
        assert!(status.is_success(), "{answer}");
    };
    put("charge 10").await;
    let id = server.post(&webhook, &json!({})).await;
    asked(&upstream, 1).await;
    put("refund 10").await;
    upstream.reply("/", Reply::status(200));
    server.wait(&id, "done").await;
    let seen = upstream.seen();
    let bodies: Vec<&[u8]> = seen.iter().map(|seen| &*seen.body).collect();
    assert_eq!(bodies, [&b"charge 10"[..], b"refund 10"]);
    let keys = keys(&seen);
    assert_ne!(keys[0], keys[1]);
}
