//! A server on PostgreSQL, and one whose tasks go on elsewhere. `database_kills.rs` has a database that goes away.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;

use crate::support::cluster::is_ready;
use crate::support::cluster::postgres::PostgresServer;
use crate::support::cluster::proxy::Proxy;
use crate::support::receiver::Reply;
use crate::support::{
    Cluster, PATIENCE, Receiver, Server, asked, only_on_sled, refusal, stepwell, texts,
};

/// A lease, and how much later tasks may go on.
const TAKE_OVER: Duration = Duration::from_secs(9);
/// A script that calls the upstream once.
const CALLS: &str = "export const condition = {call: true};
    export const content = async () => { await fetch(data.url); data.called = true; };";
/// A script that makes no call.
const COUNTS: &str = "export const condition = {n: {$type: 'number'}};
    export const content = async () => { data.twice = data.n * 2; };";

async fn serve(database: &PostgresServer) -> Server {
    let url = database.url();
    Server::with(&["--store", &url, "--egress-allow", "127.0.0.1/32"]).await
}

async fn until_ready(server: &Server) -> Duration {
    let began = Instant::now();
    while !is_ready(server).await {
        assert!(began.elapsed() < PATIENCE, "the server is not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_runs_and_all_is_there_after_a_restart() {
    let database = PostgresServer::start();
    let mut server = serve(&database).await;
    server.config("TOKEN", "sealed").await;
    let webhook = server.webhook("Orders").await;
    server.script("counts", COUNTS).await;
    let task = server.run(&webhook, &json!({"n": 21}), "done").await;
    assert_eq!(task.data["twice"], 42);
    let found = server.tasks("webhook=Orders&state=done").await;
    assert_eq!(found.len(), 1);
    for graceful in [true, false] {
        match graceful {
            true => assert!(server.stop().success()),
            false => server.kill(),
        }
        server.launch().await;
        until_ready(&server).await;
        let again = server.task(&task.id.to_string()).await;
        assert_eq!((&again.data, again.runs.len()), (&task.data, 1));
        let more = server.run(&webhook, &json!({"n": 4}), "done").await;
        assert_eq!(more.data["twice"], 8);
    }
    server.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tasks_of_a_server_that_is_killed_go_on_elsewhere() {
    let mut cluster = Cluster::start(2).await;
    let upstream = Receiver::start().await;
    upstream.reply("/slow", Reply::status(200).after(Duration::from_secs(3600)));
    let webhook = cluster.servers[0].webhook("Orders").await;
    cluster.servers[0].script("calls", CALLS).await;
    cluster.servers[0].script("counts", COUNTS).await;
    let url = format!("{}/slow", upstream.url);
    let body = json!({"call": true, "url": url});
    let id = cluster.servers[0].post(&webhook, &body).await;
    asked(&upstream, 1).await;
    upstream.reply("/slow", Reply::status(204));
    let killed = Instant::now();
    cluster.servers[0].kill();
    let other = &cluster.servers[1];
    let task = other.wait(&id, "done").await;
    assert!(killed.elapsed() < TAKE_OVER, "{:?}", killed.elapsed());
    assert_eq!(task.data["called"], true);
    let seen = upstream.seen();
    let key = |place: usize| seen[place].header("idempotency-key").to_owned();
    assert_eq!(
        (seen.len(), key(0)),
        (2, key(1)),
        "the same call, made again"
    );
    let task = other.run(&webhook, &json!({"n": 3}), "done").await;
    assert_eq!(task.data["twice"], 6);
    // The first one comes back and gets its share.
    cluster.servers[0].launch().await;
    cluster.balanced().await;
    cluster.servers[0].is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_will_not_do_is_refused_with_a_reason() {
    let database = PostgresServer::with(&["max_connections=20"]);
    let server = serve(&database).await;
    let refused = |args: &[&str], reason: &str| {
        let directory = TempDir::new().unwrap();
        let output = stepwell()
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path())
            .args(args)
            .output()
            .unwrap();
        let (out, err) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {out}{err}");
        assert!(err.contains(reason), "{args:?}: {err}");
        assert!(!err.contains("hunter2"), "{err}");
    };
    let url = database.url();
    refused(
        &["--store", "mysql://h/d"],
        "must be the URL of a PostgreSQL",
    );
    refused(&["--store", "postgres://h:x/d"], "cannot be read");
    let tls = format!("{url}&sslmode=encrypted");
    refused(&["--store", &tls], "its sslmode is none of disable, prefer");
    let nobody = "postgres://u:hunter2@127.0.0.1:1/d";
    refused(&["--store", nobody], "PostgreSQL cannot be reached");
    let missing = url.replace("/postgres?", "/missing?");
    refused(
        &["--store", &missing],
        "database \"missing\" does not exist",
    );
    // There is no room for a second one.
    refused(&["--store", &url], "has too few connections free");
    drop(server);
    let other = PostgresServer::start();
    let server = serve(&other).await;
    refused(&["--store", &other.url()], "vault key is not the one");
    drop(server);
    let read_only = PostgresServer::with(&["default_transaction_read_only=on"]);
    refused(&["--store", &read_only.url()], "takes no writes there");
}

#[tokio::test]
async fn a_data_directory_with_a_store_of_its_own_is_not_left_behind() {
    let database = PostgresServer::start();
    let mut server = Server::on_sled(TempDir::new().unwrap(), &[]).await;
    assert!(server.stop().success());
    let directory = server.data_dir().to_str().unwrap();
    let output = stepwell()
        .args(["serve", "--data-dir", directory, "--store", &database.url()])
        .output()
        .unwrap();
    let (_, err) = texts(&output);
    assert!(err.contains("has a store of its own"), "{err}");
}

/// Modules of this suite that go through much of what a store does: journals, timers, subtasks, keys, files, schedules, lists.
const PART: [&str; 10] = [
    "actions::",
    "blobs::",
    "dedup::",
    "erasure::",
    "listing::",
    "pauses::",
    "redeliveries::",
    "schedules::",
    "subtasks::",
    "task_api::",
];

#[test]
fn a_part_of_the_suite_passes_on_postgres() {
    only_on_sled!("it would run a part of this suite once more");
    let run = Command::new(std::env::current_exe().unwrap())
        .args(PART)
        .arg("--test-threads=4")
        .env("STEPWELL_TEST_STORE", "postgres")
        .output()
        .unwrap();
    let (out, err) = texts(&run);
    assert!(run.status.success(), "{out}{err}");
    let passed = out.matches(" ... ok\n").count();
    assert!(passed > 40, "{passed}: {out}");
}

/// A server on the database behind a proxy, whose connections stall when it says so.
async fn serve_behind_proxy(database: &PostgresServer, folder: &TempDir) -> (Server, Arc<Proxy>) {
    let proxy = Proxy::start(database.socket(), folder.path());
    let url = Proxy::url(folder.path());
    let server = Server::with(&["--store", &url, "--egress-allow", "127.0.0.1/32"]).await;
    until_ready(&server).await;
    (server, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_connections_stall_goes_on_over_new_ones() {
    let database = PostgresServer::start();
    let folder = TempDir::new().unwrap();
    let (server, proxy) = serve_behind_proxy(&database, &folder).await;
    let webhook = server.webhook("Orders").await;
    server.script("counts", COUNTS).await;
    let before = server.run(&webhook, &json!({"n": 1}), "done").await;
    proxy.stall_old();
    let stalled = Instant::now();
    let mut is_always_ready = true;
    while stalled.elapsed() < Duration::from_secs(7) {
        is_always_ready &= is_ready(&server).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(is_always_ready, "its lease was renewed in time");
    let after = server.run(&webhook, &json!({"n": 2}), "done").await;
    assert_eq!(
        (&before.data["twice"], &after.data["twice"]),
        (&json!(2), &json!(4))
    );
    server.config("TOKEN", "sealed").await;
    server.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nothing_comes_through_a_server_says_so_and_a_change_of_the_setup_is_answered() {
    let database = PostgresServer::start();
    let folder = TempDir::new().unwrap();
    let (server, proxy) = serve_behind_proxy(&database, &folder).await;
    let webhook = server.webhook("Orders").await;
    server.script("counts", COUNTS).await;
    proxy.stall_all(true);
    let began = Instant::now();
    let body = Some(json!({"name": "more"}));
    let changed = server.api(Method::POST, "/workspaces", body);
    // As long as one statement could have waited before.
    let changed = tokio::time::timeout(Duration::from_secs(34), changed).await;
    let (status, answer) = changed.expect("it waits for a connection that stalls");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert_eq!(refusal(&answer).code, "storage-unavailable");
    while is_ready(&server).await {
        assert!(began.elapsed() < PATIENCE, "it takes itself for ready");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proxy.stall_all(false);
    until_ready(&server).await;
    let task = server.run(&webhook, &json!({"n": 3}), "done").await;
    assert_eq!(task.data["twice"], 6);
    let body = Some(json!({"name": "more"}));
    let (status, answer) = server.api(Method::POST, "/workspaces", body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    server.is_well().await;
}
