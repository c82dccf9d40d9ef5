//! Subtasks that make subtasks: how many one request can make is bounded, whatever the steps do.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use stepwell_api::{StateCounts, TaskCounts};

use crate::support::{PATIENCE, Server};

/// A hundred branches of a hundred leaves each would be 10,100 tasks.
const STEPS: [(&str, &str); 3] = [
    (
        "root",
        "export const condition = {grow: true};
        export const content = () => { for (let n = 0; n < 100; n++) task.subtask('branch', {}); };",
    ),
    (
        "branch",
        "export const condition = {$via: {name: 'branch'}};
        export const content = () => {
          data.made = 0;
          for (; data.made < 100; data.made++) {
            try { task.subtask('leaf', {}); } catch (error) { data.refused = error.message; break; }
          }
        };",
    ),
    (
        "more",
        "export const condition = {more: true};
        export const content = () => { task.subtask('leaf', {}); };",
    ),
];

async fn counts(server: &Server) -> StateCounts {
    let counts = server.get::<TaskCounts>(&server.path("tasks/count")).await;
    counts.counts
}

/// Waits until no task is ready, as long as they become fewer: ten thousand take their time, more with some stores.
async fn all_settled(server: &Server) {
    let (mut before, mut end) = (u64::MAX, Instant::now() + PATIENCE);
    loop {
        let ready = counts(server).await.ready;
        if ready == 0 {
            return;
        }
        if ready != before {
            (before, end) = (ready, Instant::now() + PATIENCE);
        }
        assert!(Instant::now() < end, "{ready} tasks stay ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_one_request_makes_is_bounded() {
    let mut server = Server::start().await;
    for (name, source) in STEPS {
        server.script(name, source).await;
    }
    let webhook = server.webhook("w").await;
    let root = server.post(&webhook, &json!({"grow": true})).await;
    server.wait(&root, "done").await;
    all_settled(&server).await;
    let counts = counts(&server).await;
    assert_eq!(counts.total(), 1 + 10_000, "{counts:?}");
    let branches = server.tasks("state=done&limit=500").await;
    let mut refused = 0;
    for branch in &branches {
        if let Some(text) = server.task(&branch.id).await.data["refused"].as_str() {
            assert!(text.contains("make at most 10000 subtasks"), "{text}");
            refused += 1;
        }
    }
    assert!(refused >= 1, "of {} tasks that are done", branches.len());

    // It is counted durably, and in the task that all come from.
    server.restart().await;
    let more = json!({"patch": {"more": true}});
    assert_eq!(
        server.act(&root, "update", Some(more)).await.0,
        StatusCode::OK
    );
    let task = server.wait(&root, "error").await;
    assert!(
        task.fault
            .as_deref()
            .unwrap()
            .contains("make at most 10000 subtasks"),
        "{task:#}"
    );
    // Another request has a count of its own.
    server.run(&webhook, &json!({"more": true}), "done").await;
}
