//! Runs a case of an example: the real server with the example's step, an upstream that answers as
//! the case says, and what came of it. `examples/README.md` says what a case is.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::Value;

use super::receiver::{Receiver, Reply, Seen};
use super::{Server, assert_includes};

/// The case files of the examples in `folder`, each with its example's name.
pub fn cases(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for step in std::fs::read_dir(folder).unwrap() {
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

pub fn read(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Runs `case` on `server`, which has the example's steps and nothing else.
pub async fn run(server: &Server, case: &Value) {
    let upstream = Receiver::start().await;
    for (number, reply) in list(&case["upstream"]).iter().enumerate() {
        let path = reply["path"].as_str().unwrap();
        let status = reply["status"].as_u64().unwrap() as u16;
        let answer = match &reply["body"] {
            Value::Null => Reply::status(status),
            body => Reply::json(status, body),
        };
        let is_repeated = list(&case["upstream"])[..number]
            .iter()
            .any(|other| other["path"] == path);
        match is_repeated {
            true => upstream.then(path, answer),
            false => upstream.reply(path, answer),
        };
    }
    let here = |text: &str| text.replace("{upstream}", &upstream.url);
    for (key, value) in case["config"].as_object().into_iter().flatten() {
        server.config(key, &here(value.as_str().unwrap())).await;
    }
    for (name, settings) in case["connectors"].as_object().into_iter().flatten() {
        let settings = serde_json::from_str(&here(&settings.to_string())).unwrap();
        let path = server.path(&format!("connectors/{name}"));
        let (status, body) = server.api(Method::PUT, &path, Some(settings)).await;
        assert!(status.is_success(), "{body}");
    }
    let webhook = server.webhook(case["webhook"].as_str().unwrap()).await;
    let expected = &case["expect"];
    let state = expected["state"].as_str().unwrap();
    let task = server.run(&webhook, &case["body"], state).await;
    if let Some(data) = expected.get("data") {
        assert_includes(&task.data, data, "");
    }
    for member in ["result", "name", "tags"] {
        if let Some(value) = expected.get(member) {
            assert_includes(&task.json()[member], value, member);
        }
    }
    let lines: Vec<&str> = (task.runs.iter())
        .flat_map(|run| &run.logs)
        .map(|line| line.text.as_str())
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

pub fn list(value: &Value) -> &[Value] {
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

/// A script as the API takes it.
pub fn package(name: &str, source: &str) -> Vec<u8> {
    let entry = format!("{name}.js");
    serde_json::json!({"entry": entry, "modules": {&entry: source}})
        .to_string()
        .into_bytes()
}
