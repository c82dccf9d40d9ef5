//! Processor time is shared by workspace: whatever one computes, another one's tasks go on.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use serde_json::json;
use stepwell_api::TaskCounts;

use crate::support::receiver::{Receiver, Reply};
use crate::support::{PATIENCE, Server};

/// The longest-lived run that an operator can allow: nothing but the test ends it.
const FOR_LONG: &str = "fuel=1000000000000&timeout_ms=600000";

const ONE_LINE: &str =
    "export const condition = {}; export const content = () => { data.ok = true; };";

/// Adds a workspace with a webhook and a script; gives the webhook's URL. From then on requests are about it.
async fn tenant(server: &mut Server, name: &str, source: &str, query: &str) -> String {
    server.enter(name).await;
    let package = json!({"entry": "step.js", "modules": {"step.js": source}}).to_string();
    let (status, body) = server.try_step("step", package.into_bytes(), query).await;
    assert!(status.is_success(), "{status} {body}");
    server.webhook("w").await
}

/// How many tasks of a workspace are at their end, and how many are not.
async fn counts(server: &Server, workspace: &str) -> (u64, u64) {
    let path = format!("/workspaces/{workspace}/tasks/count");
    let page = server.get::<TaskCounts>(&path).await;
    let counts = &page.counts;
    let open = counts.ready + counts.waiting;
    (counts.done + counts.error + counts.unmatched, open)
}

#[tokio::test]
async fn a_neighbours_tasks_end_while_a_workspace_computes_without_an_end() {
    let mut server = Server::start().await;
    let endless = "export const condition = {}; export const content = () => { for (;;); };";
    let loud = tenant(&mut server, "loud", endless, FOR_LONG).await;
    for _ in 0..200 {
        server.post(&loud, &json!({})).await;
    }
    let quiet = tenant(&mut server, "quiet", ONE_LINE, "").await;
    for _ in 0..20 {
        server.run(&quiet, &json!({}), "done").await;
    }
    assert_eq!(counts(&server, "loud").await, (0, 200));
}

#[tokio::test]
async fn who_comes_later_with_little_to_compute_is_done_before_who_has_much() {
    let mut server = Server::start().await;
    let computes = "export const condition = {};
        export const content = () => { let n = 0; for (let i = 0; i < 3e6; i++) n += i % 7; data.n = n; };";
    let much = tenant(&mut server, "much", computes, FOR_LONG).await;
    for _ in 0..40 {
        server.post(&much, &json!({})).await;
    }
    let little = tenant(&mut server, "little", computes, FOR_LONG).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(server.post(&little, &json!({})).await);
    }
    for id in &ids {
        server.wait(id, "done").await;
    }
    let (ended, open) = counts(&server, "much").await;
    assert!(open > ended, "{ended} of 40 had ended");
    // What is left goes on.
    let until = Instant::now() + PATIENCE * 3;
    while counts(&server, "much").await.1 > 0 {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(counts(&server, "much").await, (40, 0));
}

/// Runs that wait for an answer compute nothing; but each holds a place.
#[tokio::test]
async fn a_workspace_whose_calls_hang_leaves_places_for_others() {
    let upstream = Receiver::start().await;
    upstream.reply("/", Reply::status(200).after(PATIENCE * 5));
    let args = ["--egress-allow", "127.0.0.1/32", "--concurrency", "20"];
    let mut server = Server::with(&args).await;
    let hangs = format!(
        "export const condition = {{}}; export const content = async () => {{ await fetch('{}/'); }};",
        upstream.url
    );
    let loud = tenant(&mut server, "loud", &hangs, "timeout_ms=600000").await;
    for _ in 0..60 {
        server.post(&loud, &json!({})).await;
    }
    let until = Instant::now() + PATIENCE;
    while upstream.seen().len() < 15 {
        assert!(Instant::now() < until, "{}", upstream.seen().len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let quiet = tenant(&mut server, "quiet", ONE_LINE, "").await;
    for _ in 0..10 {
        server.run(&quiet, &json!({}), "done").await;
    }
    assert_eq!(counts(&server, "loud").await, (0, 60));
    let held = upstream.seen().len();
    assert!((15..20).contains(&held), "{held} runs have places");
}
