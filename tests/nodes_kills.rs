//! kill -9 of a random one of three servers that share the work, again and again: no acknowledged event is lost, each is one
//! task whose history is one chain, and every call has one key. And a server that stands still while others take its place.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::cluster::is_ready;
use crate::support::receiver::Reply;
use crate::support::storm::{Calls, Storm, judge, set_up};
use crate::support::{Cluster, Receiver, Server, asked, until};

/// For how long servers are killed, unless the variable says how often.
const TIME: Duration = Duration::from_secs(25);
const VARIABLE: &str = "STEPWELL_NODE_KILLS";

fn wanted() -> Option<u32> {
    std::env::var(VARIABLE)
        .ok()
        .map(|text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_killed_at_random_lose_nothing_and_repeat_nothing() {
    let wanted = wanted();
    let mut cluster = Cluster::start(3).await;
    let storm = Storm::begin(&cluster).await;
    let began = Instant::now();
    let mut kills = 0;
    while wanted.map_or(began.elapsed() < TIME, |wanted| kills < wanted) {
        let pause = rand::random_range(200..2_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let victim = rand::random_range(0..3);
        cluster.servers[victim].kill();
        kills += 1;
        // Sometimes it stays away, so that others take its place.
        if rand::random_range(0..3) == 0 {
            cluster.shared_by(2, (victim + 1) % 3).await;
        }
        cluster.servers[victim].launch().await;
        storm.go_on_at(&cluster);
    }
    let events = storm.end(&cluster.servers[0]).await;
    assert!(kills >= 3, "{kills} in {TIME:?}");
    println!("{events} events, {kills} kills, 0 lost, 0 repeated");
}

/// A server is stopped for longer than its lease, and goes on as if nothing had been.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stood_still_writes_nothing_of_what_others_took_over() {
    let cluster = Cluster::start(2).await;
    let upstream = Receiver::start().await;
    let key = set_up(&cluster.servers[0]).await;
    let (zombie, other) = (&cluster.servers[1], &cluster.servers[0]);
    let url = format!("{}/slow", upstream.url);
    let slow = Reply::status(204).after(Duration::from_millis(1_500));
    upstream.reply("/slow", slow);
    let mut tasks = Vec::new();
    for number in 0..10 {
        let body = json!({"id": number, "kind": "call", "url": url});
        tasks.push((zombie.post(&key, &body).await, body));
    }
    asked(&upstream, 10).await;
    // The answers come while it stands still.
    zombie.signal(Signal::STOP);
    let stopped = Instant::now();
    for (id, _) in &tasks {
        other.wait(id, "done").await;
    }
    let waited = stopped.elapsed();
    // The lease is five of them, and machines are slow.
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    cluster.shared_by(1, 0).await;
    let before = all(other, &tasks).await;
    if wanted().is_some() {
        let still = Duration::from_secs(20);
        tokio::time::sleep(still.saturating_sub(stopped.elapsed())).await;
    }
    zombie.signal(Signal::CONT);
    let mut calls = Calls::default();
    until("it takes its share again", async || is_ready(zombie).await).await;
    cluster.balanced().await;
    assert_eq!(all(other, &tasks).await, before, "it has written something");
    for (id, sent) in &tasks {
        let task = zombie.task(id).await;
        judge(zombie, &task, sent, &mut calls).await;
    }
    calls.compare(&upstream);
    for server in &cluster.servers {
        server.is_well().await;
    }
}

/// The tasks with their versions, data and journals.
async fn all(server: &Server, tasks: &[(String, Value)]) -> Vec<Value> {
    let mut all = Vec::new();
    for (id, _) in tasks {
        all.push(server.task(id).await.json().clone());
    }
    all
}
