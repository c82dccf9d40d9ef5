//! Senders that wait for their tasks.

use std::pin::pin;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::server::Server;
use crate::domain::clock::Clock;

/// The longest that a sender can wait.
const WAIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_sender_waits_for_as_long_as_its_webhook_says() {
    let server = Server::start().await;
    let body = json!({"name": "w", "wait_seconds": WAIT.as_secs()});
    let (status, hook) = server.call(Method::POST, "/default/webhooks", body).await;
    assert_eq!(status, 201, "{hook}");
    let url = hook["url"].as_str().unwrap();
    let (begun, before) = (Instant::now(), server.clock.now());
    // The engine runs no task.
    let mut sent = pin!(server.send(url, "{}"));
    let (status, answer) = loop {
        tokio::select! {
            answered = &mut sent => break answered,
            () = tokio::time::sleep(Duration::from_millis(1)) => server.clock.advance(1_000),
        }
    };
    assert_eq!(status, 202, "{answer}");
    assert!(answer["status_url"].is_string(), "{answer}");
    let waited = Duration::from_millis(server.clock.now() - before);
    assert!(waited >= WAIT, "{waited:?} by the server's clock");
    assert!(
        begun.elapsed() < WAIT,
        "it is the server's clock that counts"
    );
}
