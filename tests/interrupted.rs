//! A run that takes the server down does not do so at every start for ever.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::support::{PATIENCE, Server, only_on_sled};

const ENDLESS: &str = "export const condition = {}; export const content = () => { for (;;); };";
const ONE_LINE: &str =
    "export const condition = {}; export const content = () => { data.ok = true; };";

/// Adds the step `step`, whose runs may last for as long as an operator can allow.
async fn add(server: &Server, source: &str) {
    let package = json!({"entry": "step.js", "modules": {"step.js": source}}).to_string();
    let query = "fuel=1000000000000&timeout_ms=600000";
    let (status, body) = server.try_step("step", package.into_bytes(), query).await;
    assert!(status.is_success(), "{status} {body}");
}

/// What a server lists of the runs that last.
#[derive(Debug, Default, Deserialize)]
struct List {
    tasks: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    task: String,
    running: bool,
}

/// Waits until the server has noted that a run of the task lasts.
async fn lasts(server: &Server, task: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read(server.data_dir().join("running.json")).unwrap_or_default();
        let list: List = serde_json::from_slice(&text).unwrap_or_default();
        let mut listed = list.tasks.iter();
        if listed.any(|listed| listed.task == task && listed.running) {
            return;
        }
        assert!(Instant::now() < until, "{list:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_task_is_set_aside_when_the_server_ended_during_its_run_twice() {
    only_on_sled!("it reads running.json, which servers on PostgreSQL do not write");
    let mut server = Server::start().await;
    add(&server, ENDLESS).await;
    let webhook = server.webhook("w").await;
    let task = server.post(&webhook, &json!({"name": "first"})).await;
    for _ in 0..2 {
        lasts(&server, &task).await;
        server.restart().await;
    }
    let aside = server.wait(&task, "error").await;
    let fault = aside.fault.as_deref();
    assert_eq!(fault, Some("the server ended during this run twice"));
    assert!(aside.runs.is_empty(), "no run came to its end: {aside:#}");
    let log = server.cli(&["task", "log", &task]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert!(
        log.contains("the server ended during this run twice"),
        "{log}"
    );

    // It stays so, and a person can have it run again.
    server.restart().await;
    assert_eq!(server.task(&task).await.state.as_str(), "error");
    add(&server, ONE_LINE).await;
    let (status, body) = server.act(&task, "retry", None).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let done = server.wait(&task, "done").await;
    assert_eq!(done.data["ok"], true);
}

#[tokio::test]
async fn a_shutdown_is_not_held_against_the_runs_that_it_cut_off() {
    only_on_sled!("it reads running.json, which servers on PostgreSQL do not write");
    let mut server = Server::with(&["--grace", "20ms"]).await;
    add(&server, ENDLESS).await;
    let webhook = server.webhook("w").await;
    let task = server.post(&webhook, &json!({})).await;
    for _ in 0..3 {
        lasts(&server, &task).await;
        assert!(server.stop().success());
        assert!(!server.data_dir().join("running.json").exists());
        server.launch().await;
    }
    lasts(&server, &task).await;
    assert_eq!(server.task(&task).await.state.as_str(), "ready");
}
