//! Every example step, on the real server, with a real upstream: each `examples/*/cases/*.json`.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use support::receiver::{Receiver, Reply, Seen};
use support::{Server, assert_includes, example, repository};

/// Every case file with the name of its step.
fn cases() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for step in std::fs::read_dir(repository().join("examples")).unwrap() {
        let step = step.unwrap().path();
        let Ok(files) = std::fs::read_dir(step.join("cases")) else {
            continue;
        };
        for file in files {
            let name = step.file_name().unwrap().to_str().unwrap().to_owned();
            found.push((name, file.unwrap().path()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn every_case_of_every_example_comes_out_as_it_says() {
    let cases = cases();
    assert!(cases.len() >= 20, "only {} cases were found", cases.len());
    for (step, file) in cases {
        println!("{step}: {}", file.file_stem().unwrap().to_str().unwrap());
        let case: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        run(&step, &case).await;
    }
}

async fn run(step: &str, case: &Value) {
    let server = Server::start().await;
    let upstream = Receiver::start().await;
    for (number, told) in list(&case["upstream"]).iter().enumerate() {
        let path = told["path"].as_str().unwrap();
        let status = told["status"].as_u64().unwrap() as u16;
        let reply = match &told["body"] {
            Value::Null => Reply::status(status),
            body => Reply::json(status, body),
        };
        let told_before = list(&case["upstream"])[..number]
            .iter()
            .any(|other| other["path"] == path);
        match told_before {
            true => upstream.then(path, reply),
            false => upstream.reply(path, reply),
        };
    }
    for (key, value) in case["config"].as_object().into_iter().flatten() {
        server
            .config(
                key,
                &value.as_str().unwrap().replace("{upstream}", &upstream.url),
            )
            .await;
    }
    server.step_with(step, &example(step), "").await;
    let webhook = server.webhook(case["webhook"].as_str().unwrap()).await;
    let expected = &case["expect"];
    let task = server
        .run(&webhook, &case["body"], expected["state"].as_str().unwrap())
        .await;
    if let Some(data) = expected.get("data") {
        assert_includes(&task["data"], data, "");
    }
    let lines: Vec<&str> = list(&task["runs"])
        .iter()
        .flat_map(|run| list(&run["logs"]))
        .map(|line| line["text"].as_str().unwrap())
        .collect();
    for text in list(&expected["logs"]) {
        let text = text.as_str().unwrap();
        assert!(
            lines.iter().any(|line| line.contains(text)),
            "no `{text}` in {lines:#?}"
        );
    }
    if let Some(calls) = expected.get("calls") {
        let seen = upstream.seen();
        assert_eq!(seen.len(), list(calls).len(), "{seen:#?}");
        for call in list(calls) {
            assert!(
                seen.iter().any(|seen| is(seen, call)),
                "no {call} in {seen:#?}"
            );
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is(seen: &Seen, call: &Value) -> bool {
    let headers = call["headers"].as_object();
    let same_headers = headers.is_none_or(|headers| {
        headers
            .iter()
            .all(|(name, value)| seen.header(name) == value.as_str().unwrap())
    });
    let same_body = call.get("body").is_none_or(|body| {
        std::panic::catch_unwind(|| assert_includes(&seen.json(), body, "")).is_ok()
    });
    seen.method == call["method"].as_str().unwrap()
        && seen.path == call["path"].as_str().unwrap()
        && same_headers
        && same_body
}

#[test]
fn the_examples_own_tests_pass_without_wasm() {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--locked", "--workspace", "--quiet"])
        .current_dir(repository().join("examples"))
        .env(
            "CARGO_TARGET_DIR",
            repository().join("target").join("examples"),
        )
        .output()
        .unwrap();
    let (out, err) = support::texts(&output);
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("test result: ok"), "{out}");
}
