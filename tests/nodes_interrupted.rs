//! A task that takes servers down one after the other, none of them twice.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::support::receiver::Reply;
use crate::support::{Cluster, PATIENCE, Receiver, asked};

const CALLS: &str = "export const condition = {url: {$type: 'string'}, called: null};
    export const content = async () => { await fetch(data.url); data.called = true; };";

/// The server that has the run.
async fn runs(cluster: &Cluster) -> usize {
    let began = Instant::now();
    let seen = (0..cluster.servers.len()).find(|place| cluster.servers[*place].is_running());
    loop {
        let nodes = cluster.nodes(seen.unwrap()).await;
        if let Some(node) = nodes.iter().find(|node| node.running == 1) {
            let place = cluster
                .servers
                .iter()
                .position(|server| server.url == node.url);
            return place.unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "{nodes:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_takes_two_servers_down_is_set_aside() {
    let mut cluster = Cluster::start(3).await;
    let upstream = Receiver::start().await;
    upstream.reply("/slow", Reply::status(200).after(Duration::from_secs(3600)));
    let webhook = cluster.servers[0].webhook("Orders").await;
    cluster.servers[0].script("calls", CALLS).await;
    let url = format!("{}/slow", upstream.url);
    let id = cluster.servers[0]
        .post(&webhook, &json!({"url": url}))
        .await;
    for round in 1..=2 {
        asked(&upstream, round).await;
        // It is noted after it has lasted for two looks.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let place = runs(&cluster).await;
        cluster.servers[place].kill();
    }
    let left = (0..3).find(|place| cluster.servers[*place].is_running());
    let left = left.unwrap();
    let aside = cluster.servers[left].wait(&id, "error").await;
    assert_eq!(
        aside.fault.as_deref(),
        Some("the server ended during this run twice")
    );
    assert_eq!(upstream.seen().len(), 2, "it was not begun a third time");
    // A person has it run again, and that is its first run.
    upstream.reply("/slow", Reply::status(204));
    let (status, answer) = cluster.servers[left].act(&id, "retry", None).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let done = cluster.servers[left].wait(&id, "done").await;
    assert_eq!(done.data["called"], true);
    cluster.servers[left].is_well().await;
}
