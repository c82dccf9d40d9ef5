//! Payloads that providers publish, sent by their own libraries to the real server. Ignored unless asked for, since the
//! libraries must be installed: `.ci/run` installs them and runs this.
//!
//! `STEPWELL_OCTOKIT` names a folder with `node_modules/@octokit/webhooks-examples` and `webhooks-methods`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::senders::{SECRET, add};
use crate::support::{Server, accepted_task, repository};
use serde::Deserialize;
use serde_json::{Value, json};

/// A line of `payloads/github.mjs`: what was sent, and what was answered.
#[derive(Deserialize)]
struct Sent {
    r#type: String,
    id: String,
    event: String,
    status: u16,
    answer: Value,
    payload: String,
}

/// Every example becomes a task whose data are the payload, with its numbers and the order of its members as they were
/// sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes npm packages"]
async fn githubs_examples_become_tasks_with_nothing_changed() {
    let folder = std::env::var("STEPWELL_OCTOKIT").expect("STEPWELL_OCTOKIT names a folder");
    let server = Server::start().await;
    let settings = json!({"provider": "github", "secret": SECRET});
    let webhook = add(&server, "GitHub", settings).await;
    let script = repository().join("tests/payloads/github.mjs");
    let ran = Command::new("node")
        .arg(script)
        .args([&folder, &webhook.url, SECRET])
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let (mut requests, mut events) = (0, BTreeSet::new());
    for line in String::from_utf8(ran.stdout).unwrap().lines() {
        let sent: Sent = serde_json::from_str(line).unwrap();
        let what = format!("{} {} as {}", sent.event, sent.id, sent.r#type);
        assert_eq!(sent.status, 200, "{what}: {}", sent.answer);
        let id = accepted_task(&sent.answer);
        let task = server.wait(&id, "unmatched").await;
        let mut data = task.data.clone();
        let via = data.as_object_mut().unwrap().shift_remove("$via").unwrap();
        for (header, value) in [
            ("x-github-event", &sent.event),
            ("x-github-delivery", &sent.id),
        ] {
            assert_eq!(via["headers"][header], **value, "{what}");
        }
        let payload: Value = serde_json::from_str(&sent.payload).unwrap();
        let expected = match sent.r#type == "application/json" {
            true => payload,
            false => json!({ "payload": payload }),
        };
        // As texts: equal values may be of other digits and another order.
        assert_eq!(data.to_string(), expected.to_string(), "{what}");
        events.insert(sent.event);
        requests += 1;
    }
    println!("{requests} requests of {} events", events.len());
    assert!(requests >= 600 && events.len() >= 50);
}
