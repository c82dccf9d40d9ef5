//! The timeline as `task show` and `task log` print it tells of every call, and counts runs as `task list` does.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use crate::support::ran::cli;
use crate::support::receiver::Reply;
use crate::support::{Receiver, Server, asked};
use serde_json::json;
use stepwell_api::TaskPage;

/// A step that calls `/first` and then does `then`.
async fn calls_and(server: &Server, then: &str) {
    let source = format!(
        "export const condition = {{}};
         export const content = async () => {{ await fetch(task.config('URL') + '/first'); {then} }};"
    );
    server.script("it", &source).await;
}

/// The lines of a task's timeline without their times.
fn lines(server: &Server, id: &str) -> Vec<String> {
    let ran = cli(server, &["task", "log", id]);
    let lines = ran.ok().lines().map(|line| line[14..].to_owned());
    lines.collect()
}

fn has(lines: &[String], parts: &[&str]) {
    let found = lines
        .iter()
        .any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(found, "{parts:?} in {lines:#?}");
}

/// RUNS of the task's line in `task list`.
fn listed_runs(server: &Server) -> u64 {
    let listed: TaskPage = server.cli_json(&["task", "list"]);
    listed.tasks[0].runs.into()
}

#[tokio::test]
async fn a_cancelled_run_and_its_successor_are_shown_with_their_calls() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    upstream.reply(
        "/second",
        Reply::status(200).after(Duration::from_secs(3600)),
    );
    server.config("URL", &upstream.url).await;
    calls_and(&server, "await fetch(task.config('URL') + '/second');").await;
    let webhook = server.webhook("w").await;
    let id = server.post(&webhook, &json!({})).await;
    asked(&upstream, 2).await;
    let before = lines(&server, &id);
    has(&before, &["run 1  it  under way"]);
    has(&before, &["call  GET", "/first  200"]);
    cli(&server, &["task", "cancel", &id]).ok();
    let cancelled = lines(&server, &id);
    has(&cancelled, &["run 1  it  given up"]);
    has(&cancelled, &["call  GET", "/first  200"]);
    has(&cancelled, &["cancelled: cancelled by admin", "  1 run, "]);
    assert_eq!(listed_runs(&server), 1);
    upstream.reply("/second", Reply::status(204));
    cli(&server, &["task", "retry", &id]).ok();
    let task = server.wait(&id, "done").await;
    assert_eq!(task.run_count, 2);
    let done = lines(&server, &id);
    has(&done, &["run 1  it  given up"]);
    has(&done, &["run 2  it  finished"]);
    has(&done, &["done  2 runs, "]);
    assert_eq!(listed_runs(&server), 2);
    // `task show` has the same lines.
    let shown = cli(&server, &["task", "show", &id]).ok().to_owned();
    assert!(shown.contains("run 1  it  given up"), "{shown}");
    let calls = |line: &&String| line.contains("call  GET");
    assert_eq!(done.iter().filter(calls).count(), 3, "{done:#?}");
}

#[tokio::test]
async fn a_run_that_pauses_shows_what_it_has_called_and_until_when() {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    server.config("URL", &upstream.url).await;
    calls_and(
        &server,
        "await connectors.utils.sleep({milliseconds: 3600000});",
    )
    .await;
    let webhook = server.webhook("w").await;
    let id = server.post(&webhook, &json!({})).await;
    let task = server.waiting(&id).await;
    let at = task.wake_at.as_deref().unwrap();
    let time = &at[at.find('T').unwrap() + 1..at.len() - 1];
    let lines = lines(&server, &id);
    has(&lines, &["run 1  it  paused until ", time]);
    has(&lines, &["call  GET", "/first  200"]);
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_its_first_call_counts_in_both() {
    let server = Server::start().await;
    let source = "export const condition = {}; export const content = () => { for (;;) {} };";
    let package = json!({"entry": "it.js", "modules": {"it.js": source}}).to_string();
    // Nothing but the command ends it.
    let bounds = "fuel=1000000000000&timeout_ms=600000";
    let (status, answer) = server.try_step("it", package.into_bytes(), bounds).await;
    assert!(status.is_success(), "{answer}");
    let webhook = server.webhook("w").await;
    let id = server.post(&webhook, &json!({})).await;
    cli(&server, &["task", "cancel", &id]).ok();
    let task = server.wait(&id, "cancelled").await;
    let runs = u64::from(task.run_count);
    assert_eq!(listed_runs(&server), runs);
    let plural = if runs == 1 { "run" } else { "runs" };
    has(
        &lines(&server, &id),
        &["cancelled", &format!("  {runs} {plural}, ")],
    );
}
