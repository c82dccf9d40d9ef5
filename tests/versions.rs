//! Versions of a step against the real server: going back, and a run that ends on the version it
//! began with, over kill -9, replacement and deletion.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use crate::support::cases::package;
use crate::support::ran::cli;
use crate::support::receiver::Reply;
use crate::support::{Receiver, Server, asked, only_on_sled, typed};
use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_api::{Step, StepVersions};

/// Adds a script as the step `s` and gives its digest.
async fn add(server: &Server, source: &str) -> String {
    let (status, step) = server.try_step("s", package("s", source), "").await;
    assert!(status.is_success(), "{step}");
    typed::<Step>(&step).digest
}

/// A script that matches everything, with this body.
fn script(body: &str) -> String {
    format!("export const condition = {{}};\nexport const content = async () => {{ {body} }};\n")
}

/// A script that says which version it is.
fn says(version: u32) -> String {
    script(&format!("data.version = {version};"))
}

/// A script that asks for these paths, one after another.
fn asks(paths: &[&str]) -> String {
    let calls = paths.iter().map(|path| {
        format!("await connectors.fetch({{url: task.config('URL') + '{path}', options: {{method: 'POST'}}}});")
    });
    script(&calls.collect::<String>())
}

fn paths(upstream: &Receiver) -> Vec<String> {
    upstream.seen().into_iter().map(|seen| seen.path).collect()
}

fn never() -> Reply {
    Reply::status(200).after(Duration::from_secs(3600))
}

#[tokio::test]
async fn one_command_goes_back_and_another_one_forth() {
    let mut server = Server::start().await;
    let webhook = server.webhook("w").await;
    let first = add(&server, &says(1)).await;
    let none = cli(&server, &["step", "rollback", "s", "--json"]).refusal(1);
    assert_eq!(none.0, "no-version");
    cli(&server, &["step", "set", "s", "--attempts", "7"]).ok();
    let second = add(&server, &says(2)).await;
    let listed = |server: &Server| {
        let found = cli(server, &["step", "versions", "s", "--json"]).json();
        let StepVersions { versions } = typed(&found);
        let current: Vec<_> = versions.iter().map(|one| one.current).collect();
        assert!(current[0] && !current[1..].contains(&true), "{found}");
        let digests = versions.into_iter().map(|one| one.digest);
        digests.collect::<Vec<_>>()
    };
    assert_eq!(listed(&server), [&*second, &first]);
    let ran = async |server: &Server| {
        let task = server.run(&webhook, &json!({}), "done").await;
        let digest = task.runs[0].digest.clone();
        (task.data["version"].clone(), digest)
    };
    assert_eq!(ran(&server).await, (json!(2), second.clone()));

    let back = cli(&server, &["step", "rollback", "s"]);
    let shown = back.ok();
    assert!(
        shown.contains(&first) && shown.contains("7 attempts in all"),
        "{back:?}"
    );
    assert!(
        back.stderr
            .contains(&format!("step s is version {} again", &first[..12])),
        "{back:?}"
    );
    assert_eq!(ran(&server).await, (json!(1), first.clone()));
    server.restart().await;
    assert_eq!(listed(&server), [&*first, &second]);
    assert_eq!(ran(&server).await, (json!(1), first.clone()));
    cli(&server, &["step", "rollback", "s"]).ok();
    assert_eq!(ran(&server).await, (json!(2), second.clone()));
    cli(
        &server,
        &["step", "rollback", "s", "--to", &first[..10].to_uppercase()],
    )
    .ok();
    assert_eq!(ran(&server).await, (json!(1), first.clone()));
    let unknown = cli(
        &server,
        &["step", "rollback", "s", "--to", "nothex", "--json"],
    )
    .refusal(3);
    assert!(
        unknown
            .1
            .contains("no version whose digest begins with `nothex`; `stepwell step versions"),
        "{unknown:?}"
    );
    let table = cli(&server, &["step", "versions", "s"]);
    assert!(
        table.ok().contains(&second[..12]) && table.ok().contains("in place"),
        "{table:?}"
    );
    let log = server.run(&webhook, &json!({}), "done").await;
    let log = cli(&server, &["task", "log", log.id.as_str()]);
    assert!(
        log.ok().contains(&format!(", version {}", &first[..12])),
        "{log:?}"
    );
}

#[tokio::test]
async fn the_last_ten_versions_are_kept_with_their_bytes() {
    only_on_sled!("it counts the store's files");
    let server = Server::start().await;
    let mut digests = Vec::new();
    for version in 1..=12 {
        digests.push(add(&server, &says(version)).await);
    }
    let files = || {
        let folder = std::fs::read_dir(server.data_dir().join("store/components")).unwrap();
        folder.count()
    };
    assert_eq!(files(), 10);
    let path = server.path("steps/s/rollback");
    let go_to = async |digest: &str| {
        let body = json!({"to": digest});
        server.api(Method::POST, &path, Some(body)).await
    };
    assert_eq!(go_to(&digests[1]).await.0, StatusCode::NOT_FOUND);
    let (status, step) = go_to(&digests[2]).await;
    assert_eq!(status, StatusCode::OK, "{step}");
    assert_eq!(typed::<Step>(&step).digest, digests[2]);
    // Some two of ten digests begin alike, or else none does by one digit.
    let (status, answer) = go_to("").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
    for digit in "0123456789abcdef".chars().map(String::from) {
        let alike = digests[2..]
            .iter()
            .filter(|digest| digest.starts_with(&digit));
        let expected = match alike.count() {
            0 => StatusCode::NOT_FOUND,
            1 => StatusCode::OK,
            _ => StatusCode::BAD_REQUEST,
        };
        let (status, answer) = go_to(&digit).await;
        assert_eq!(status, expected, "{digit}: {answer}");
    }
    let deleted = server
        .api(Method::DELETE, &server.path("steps/s"), None)
        .await;
    assert_eq!(deleted.0, StatusCode::NO_CONTENT);
    assert_eq!(files(), 0);
}

#[tokio::test]
async fn a_run_that_a_kill_cut_short_ends_on_the_version_that_began_it() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    server.config("URL", &upstream.url).await;
    let webhook = server.webhook("w").await;
    upstream.reply("/second", never());
    let old = add(&server, &asks(&["/first", "/second"])).await;
    let id = server.post(&webhook, &json!({})).await;
    asked(&upstream, 2).await;
    // Replaced before the kill by one that asks for something else …
    add(&server, &asks(&["/other"])).await;
    server.restart().await;
    asked(&upstream, 3).await;
    // … and right after the restart by one that does not even match the task any more.
    let elsewhere = asks(&["/third"]).replace("condition = {}", "condition = {other: true}");
    let new = add(&server, &elsewhere).await;
    upstream.reply("/second", Reply::status(204));
    server.restart().await;
    let task = server.wait(&id, "done").await;
    assert_eq!(
        paths(&upstream),
        ["/first", "/second", "/second", "/second"]
    );
    let runs = &task.runs;
    assert_eq!((runs.len(), &runs[0].digest), (1, &old), "{task:#}");
    assert_eq!(runs[0].calls.len(), 2);
    let keys: Vec<_> = upstream
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").to_owned())
        .collect();
    assert_eq!(keys[1..], [&*keys[1]; 3]);
    // The next task has the new one.
    let task = server.run(&webhook, &json!({"other": true}), "done").await;
    assert_eq!(task.runs[0].digest, new);
    assert_eq!(paths(&upstream)[4..], ["/third"]);
}

#[tokio::test]
async fn a_run_whose_version_is_gone_ends_with_what_it_did_and_repeats_nothing() {
    let mut server = Server::start().await;
    let upstream = Receiver::start().await;
    server.config("URL", &upstream.url).await;
    let webhook = server.webhook("w").await;
    upstream.reply("/second", never());
    let digest = add(&server, &asks(&["/first", "/second"])).await;
    let id = server.post(&webhook, &json!({"kept": 7})).await;
    asked(&upstream, 2).await;
    let under_way = server.task(&id).await.calls_under_way[0].clone();
    assert_eq!(
        (under_way.digest, under_way.step.as_str()),
        (digest.clone(), "s")
    );
    cli(&server, &["step", "delete", "s"]).ok();
    server.restart().await;
    let task = server.wait(&id, "error").await;
    let run = &task.runs[0];
    assert_eq!(
        (run.outcome.as_str(), &run.digest),
        ("gone", &digest),
        "{task:#}"
    );
    assert_eq!(run.calls[0].status, Some(200));
    assert_eq!(task.data["kept"], 7);
    let fault = task.fault.as_deref().unwrap();
    for part in [
        "step `s`",
        &digest[..12],
        "no longer there",
        "were not made again",
    ] {
        assert!(fault.contains(part), "{part} in {fault}");
    }
    assert_eq!(paths(&upstream), ["/first", "/second"]);
    server.is_well().await;
}

#[tokio::test]
async fn the_next_attempt_has_the_new_version() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let old = add(&server, &script("throw new Error('not yet');")).await;
    cli(
        &server,
        &[
            "step",
            "set",
            "s",
            "--first-delay",
            "2s",
            "--factor",
            "1",
            "--attempts",
            "100",
        ],
    )
    .ok();
    let id = server.post(&webhook, &json!({})).await;
    server.waiting(&id).await;
    let new = add(&server, &says(2)).await;
    let task = server.wait(&id, "done").await;
    let runs = &task.runs;
    let (first, last) = (runs.first().unwrap(), runs.last().unwrap());
    assert_eq!((&first.digest, &last.digest), (&old, &new));
    assert_eq!((last.run, last.attempt as usize), (1, runs.len()));
}

#[tokio::test]
async fn a_task_whose_step_is_deleted_while_it_waits_comes_to_a_clear_end() {
    let mut server = Server::start().await;
    let webhook = server.webhook("w").await;
    // One that waits for another attempt.
    add(&server, &script("throw new Error('not yet');")).await;
    cli(
        &server,
        &[
            "step",
            "set",
            "s",
            "--first-delay",
            "3s",
            "--factor",
            "1",
            "--attempts",
            "100",
        ],
    )
    .ok();
    let failed = server.post(&webhook, &json!({"kept": 1})).await;
    server.waiting(&failed).await;
    cli(&server, &["step", "delete", "s"]).ok();
    let task = server.wait(&failed, "error").await;
    let fault = task.fault.as_deref().unwrap();
    assert!(
        fault.starts_with("step `s` failed ")
            && fault.ends_with("it was deleted before it was tried again"),
        "{fault}"
    );
    assert_eq!(task.history.last().unwrap().reason.as_deref(), Some(fault));
    assert_eq!(task.data["kept"], 1);
    // One that is parked, over a restart.
    add(
        &server,
        &script("data.looked = true; task.park(1500); step.redo();"),
    )
    .await;
    let parked = server.post(&webhook, &json!({"kept": 2})).await;
    server.waiting(&parked).await;
    cli(&server, &["step", "delete", "s"]).ok();
    server.restart().await;
    let task = server.wait(&parked, "done").await;
    assert_eq!(
        task.data,
        json!({"kept": 2, "looked": true, "$via": task.data["$via"]})
    );
    let reason = task.history.last().unwrap().reason.as_deref();
    assert_eq!(
        reason.unwrap(),
        "no step is eligible any more; step `s`, which ran before, has been deleted"
    );
}
