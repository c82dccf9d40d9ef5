//! Runs a case of an example: the real server with the example's step, an upstream that answers as
//! the case says, and what came of it. `examples/README.md` says what a case is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

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

/// See `examples/README.md` and `examples/js/README.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Steps of the script's file.
    #[serde(default = "one")]
    pub parts: usize,
    webhook: String,
    #[serde(default)]
    config: BTreeMap<String, String>,
    /// Settings of connectors, by their names.
    #[serde(default)]
    connectors: Map<String, Value>,
    body: Value,
    #[serde(default)]
    upstream: Vec<Answer>,
    expect: Expected,
}

fn one() -> usize {
    1
}

/// How a call is answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// For the reader: every method is answered.
    #[serde(rename = "method")]
    _method: Option<String>,
    path: String,
    status: u16,
    body: Option<Value>,
}

/// What is to come of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    state: String,
    data: Option<Value>,
    result: Option<Value>,
    name: Option<Value>,
    tags: Option<Value>,
    #[serde(default)]
    logs: Vec<String>,
    calls: Option<Vec<Call>>,
}

/// A call that the upstream is to get.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

pub fn read(file: &Path) -> Case {
    serde_json::from_slice(&std::fs::read(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Runs `case` on `server`, which has the example's steps and nothing else.
pub async fn run(server: &Server, case: &Case) {
    let upstream = Receiver::start().await;
    for (number, answer) in case.upstream.iter().enumerate() {
        let reply = match &answer.body {
            None => Reply::status(answer.status),
            Some(body) => Reply::json(answer.status, body),
        };
        let before = &case.upstream[..number];
        match before.iter().any(|other| other.path == answer.path) {
            true => upstream.then(&answer.path, reply),
            false => upstream.reply(&answer.path, reply),
        };
    }
    let here = |text: &str| text.replace("{upstream}", &upstream.url);
    for (key, value) in &case.config {
        server.config(key, &here(value)).await;
    }
    for (name, settings) in &case.connectors {
        let settings = serde_json::from_str(&here(&settings.to_string())).unwrap();
        let path = server.path(&format!("connectors/{name}"));
        let (status, body) = server.api(Method::PUT, &path, Some(settings)).await;
        assert!(status.is_success(), "{body}");
    }
    let webhook = server.webhook(&case.webhook).await;
    let expected = &case.expect;
    let task = server.run(&webhook, &case.body, &expected.state).await;
    for (member, actual, value) in [
        ("data", &task.data, &expected.data),
        ("result", &json!(task.result), &expected.result),
        ("name", &json!(task.name), &expected.name),
        ("tags", &json!(task.tags), &expected.tags),
    ] {
        if let Some(value) = value {
            assert_includes(actual, value, member);
        }
    }
    let lines: Vec<&str> = (task.runs.iter())
        .flat_map(|run| &run.logs)
        .map(|line| line.text.as_str())
        .collect();
    for text in &expected.logs {
        assert!(
            lines.iter().any(|line| line.contains(text)),
            "no `{text}` in {lines:#?}"
        );
    }
    if let Some(calls) = &expected.calls {
        let seen = upstream.seen();
        assert_eq!(seen.len(), calls.len(), "{seen:#?}");
        for call in calls {
            assert!(
                seen.iter().any(|seen| is(seen, call)),
                "no {call:?} in {seen:#?}"
            );
        }
    }
}

fn is(seen: &Seen, call: &Call) -> bool {
    let mut headers = call.headers.iter();
    let same_headers = headers.all(|(name, value)| seen.header(name) == value);
    let same_body = call.body.as_ref().is_none_or(|body| {
        std::panic::catch_unwind(|| assert_includes(&seen.json(), body, "")).is_ok()
    });
    seen.method == call.method.as_str() && seen.path == call.path && same_headers && same_body
}

/// A script as the API takes it.
pub fn package(name: &str, source: &str) -> Vec<u8> {
    let entry = format!("{name}.js");
    json!({"entry": entry, "modules": {&entry: source}})
        .to_string()
        .into_bytes()
}
