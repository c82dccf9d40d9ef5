//! Waiting tasks are taken up by their time: as many as one workspace has that are due, and however long their runs take,
//! another one's are taken up when they are due.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Server;
use crate::support::receiver::{Receiver, Reply};

/// More than the server takes up at once.
const DUE: usize = 1_500;
/// Parks its task, and then makes a call if it is told an address.
const PARKS: &str = "export const condition = {}; export const content = async () => {
    if (!data.parked) { data.parked = true; task.park(1_000); step.redo(); return; }
    if (data.url) await fetch(data.url);
};";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_with_many_due_tasks_stops_no_others_timers() {
    let upstream = Receiver::start().await;
    let never = Reply::status(200).after(Duration::from_secs(3600));
    upstream.reply("/hang", never);
    let mut server = Server::with(&["--egress-allow", "127.0.0.1/32"]).await;
    server.enter("quiet").await;
    let quiet = server.webhook("w").await;
    server.script("parks", PARKS).await;
    server.enter("loud").await;
    let loud = server.webhook("w").await;
    server.script("parks", PARKS).await;
    let url = format!("{}/hang", upstream.url);
    let lines = format!("{}\n", json!({"url": url})).repeat(DUE / 2);
    for _ in 0..2 {
        let (status, answer) = server
            .send(&loud, "application/x-ndjson", lines.clone())
            .await;
        assert!(status.is_success(), "{answer}");
    }
    // All of them are due.
    let until = Instant::now() + Duration::from_secs(60);
    while upstream.seen().is_empty() {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    server.enter("quiet").await;
    let begun = Instant::now();
    let id = server.post(&quiet, &json!({})).await;
    server.wait(&id, "done").await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}
