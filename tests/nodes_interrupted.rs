//! A task that takes servers down one after the other, none of them twice.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::Node;

use crate::support::receiver::Reply;
use crate::support::storm::{Calls, judge, set_up};
use crate::support::{Cluster, PATIENCE, Receiver, Server, asked};

const CALLS: &str = "export const condition = {url: {$type: 'string'}, called: null};
    export const content = async () => { await fetch(data.url); data.called = true; };";

/// Starts a run that lasts, and gives its task.
async fn begin(server: &Server, upstream: &Receiver) -> String {
    upstream.reply("/slow", Reply::status(200).after(Duration::from_secs(3600)));
    let webhook = server.webhook("Orders").await;
    server.script("calls", CALLS).await;
    let url = format!("{}/slow", upstream.url);
    server.post(&webhook, &json!({"url": url})).await
}

/// Waits until the upstream has so many requests, and the run that made the last one is on the list of a node that lives.
async fn noted(cluster: &Cluster, upstream: &Receiver, requests: usize) {
    asked(upstream, requests).await;
    let url = cluster.database.url();
    let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.unwrap();
    let driver = tokio::spawn(connection);
    let noted = "select exists (select from stepwell.lasting l join stepwell.nodes n on n.id = l.node \
        where n.lease_until > clock_timestamp() \
        and exists (select from stepwell.partitions p where p.owner = n.id))";
    let began = Instant::now();
    while !client
        .query_one(noted, &[])
        .await
        .unwrap()
        .get::<_, bool>(0)
    {
        assert!(began.elapsed() < PATIENCE, "the run is not noted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    driver.abort();
}

/// The server that has the run.
async fn runs(cluster: &Cluster) -> usize {
    let began = Instant::now();
    let seen = (0..cluster.servers.len()).find(|place| cluster.servers[*place].is_running());
    loop {
        let nodes = cluster.nodes(seen.unwrap()).await;
        if let Some(node) = nodes.iter().find(|node| node.running > 0) {
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
    let id = begin(&cluster.servers[0], &upstream).await;
    for round in 1..=2 {
        noted(&cluster, &upstream, round).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_gives_the_task_away_does_not_forget_which_it_took_down() {
    let mut cluster = Cluster::start(3).await;
    let upstream = Receiver::start().await;
    let id = begin(&cluster.servers[0], &upstream).await;
    noted(&cluster, &upstream, 1).await;
    let first = runs(&cluster).await;
    cluster.servers[first].kill();
    noted(&cluster, &upstream, 2).await;
    let second = runs(&cluster).await;
    let third = 3 - first - second;
    let nodes = cluster.nodes(second).await;
    let own = nodes.iter().find(|node| node.this).unwrap().id.to_string();
    // The run does not end, and goes to the other one.
    cluster.servers[third].cli_json::<Node>(&["node", "drain", &own]);
    noted(&cluster, &upstream, 3).await;
    // What nodes say of themselves is older than the list.
    let began = Instant::now();
    while runs(&cluster).await != third {
        assert!(began.elapsed() < PATIENCE, "it did not go there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.servers[third].kill();
    let aside = cluster.servers[second].wait(&id, "error").await;
    assert_eq!(
        aside.fault.as_deref(),
        Some("the server ended during this run twice")
    );
    assert_eq!(upstream.seen().len(), 3, "it was not begun once more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_ended_while_the_database_is_down_blames_no_task() {
    let mut cluster = Cluster::start(1).await;
    let upstream = Receiver::start().await;
    let id = begin(&cluster.servers[0], &upstream).await;
    // Twice a shutdown, and once a kill.
    for round in 1..=2 {
        noted(&cluster, &upstream, round).await;
        cluster.database.kill();
        assert!(cluster.servers[0].stop().success());
        cluster.database.resume();
        cluster.servers[0].launch().await;
    }
    noted(&cluster, &upstream, 3).await;
    cluster.servers[0].kill();
    cluster.servers[0].launch().await;
    noted(&cluster, &upstream, 4).await;
    upstream.reply("/slow", Reply::status(204));
    cluster.servers[0].kill();
    cluster.servers[0].launch().await;
    // The second kill: that one counts.
    cluster.servers[0].wait(&id, "error").await;
    assert_eq!(upstream.seen().len(), 4);
}

/// The tests that kill servers at random meet such tasks, and take them for what they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_goes_on_when_its_subtask_was_set_aside() {
    let mut cluster = Cluster::start(3).await;
    let upstream = Receiver::start().await;
    upstream.reply("/slow", Reply::status(204).after(Duration::from_secs(3600)));
    let webhook = set_up(&cluster.servers[0]).await;
    let schedule = cluster.servers[0].path("schedules/Ticks");
    let (status, _) = cluster.servers[0]
        .api(Method::DELETE, &schedule, None)
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let url = format!("{}/slow", upstream.url);
    let sent = json!({"id": 0, "kind": "parts", "url": url});
    let id = cluster.servers[0].post(&webhook, &sent).await;
    // The three calls of its subtasks, and one at least that is made again.
    for requests in [3, 4] {
        noted(&cluster, &upstream, requests).await;
        let place = runs(&cluster).await;
        cluster.servers[place].kill();
    }
    upstream.reply("/slow", Reply::status(204));
    let left = (0..3).find(|place| cluster.servers[*place].is_running());
    let left = &cluster.servers[left.unwrap()];
    let task = left.wait(&id, "done").await;
    assert!(task.data["sum"].is_null(), "{task:#}");
    let mut calls = Calls::default();
    judge(left, &task, &sent, &mut calls).await;
    calls.compare(&upstream);
}
