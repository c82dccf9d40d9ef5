//! Every example of docs/bodies.md: the request is sent as it stands there, and the data are what follows it.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use super::{data, send};
use crate::support::{Server, assert_includes, repository};

/// The blocks of the document with their languages.
fn blocks() -> Vec<(String, String)> {
    let text = fs::read_to_string(repository().join("docs/bodies.md")).unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        match (line.strip_prefix("```"), is_open) {
            (Some(_), true) => is_open = false,
            (Some(language), false) => {
                found.push((language.to_owned(), String::new()));
                is_open = true;
            }
            (None, true) => found.last_mut().unwrap().1.extend([line, "\n"]),
            (None, false) => {}
        }
    }
    found
}

/// A request as it is written: method and path, header fields, an empty line, the body.
struct Example {
    method: Method,
    path: String,
    fields: Vec<(String, String)>,
    body: String,
}

fn example(text: &str) -> Example {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    });
    let fields: Vec<(String, String)> = fields.collect();
    let is_parts = fields
        .iter()
        .any(|(_, value)| value.starts_with("multipart/"));
    let is_lines = fields.iter().any(|(_, value)| value.contains("ndjson"));
    Example {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        fields,
        // The line feed at the block's end is the document's.
        body: match (is_parts, is_lines) {
            (true, _) => body.replace('\n', "\r\n"),
            (_, true) => body.to_owned(),
            _ => body.trim_end().to_owned(),
        },
    }
}

/// The data with each text cut that is cut in the document.
fn shortened(data: Value, wanted: &Value) -> Value {
    match (data, wanted) {
        (Value::String(text), Value::String(wanted)) => match wanted.strip_suffix('…') {
            Some(begin) if text.starts_with(begin) => json!(wanted),
            _ => Value::String(text),
        },
        (Value::Object(members), Value::Object(wanted)) => {
            let members = members.into_iter().map(|(name, value)| {
                let wanted = wanted.get(&name).unwrap_or(&Value::Null);
                let value = shortened(value, wanted);
                (name, value)
            });
            Value::Object(members.collect())
        }
        (data, _) => data,
    }
}

#[tokio::test]
async fn every_example_becomes_what_stands_there() {
    let server = Server::with(&["--public-url", "https://hooks.example.com"]).await;
    let webhook = server.webhook("w").await;
    let key = webhook.rsplit('/').next().unwrap();
    let blocks = blocks();
    let mut seen = 0;
    for (at, (language, text)) in blocks.iter().enumerate() {
        if language != "http" {
            assert!(
                ["json", "sh", "yaml"].contains(&language.as_str()),
                "a block in `{language}`"
            );
            continue;
        }
        let Example {
            method,
            path,
            fields,
            body,
        } = example(text);
        let (language, expected) = &blocks[at + 1];
        assert_eq!(language, "json", "behind {text}");
        let expected: Value = serde_json::from_str(expected).unwrap();
        let url = format!("{}{}", server.url, path.replace("KEY", key));
        let answer = send(&url, method, &fields, body).await;
        seen += 1;
        if expected.get("code").is_some() {
            assert_includes(&answer.body, &expected, text);
            continue;
        }
        let tasks = answer.tasks();
        let wanted = match (&expected, answer.body.get("tasks")) {
            (Value::Array(all), Some(_)) => all.clone(),
            _ => vec![expected.clone()],
        };
        assert_eq!(tasks.len(), wanted.len(), "{text}");
        for (task, mut wanted) in tasks.iter().zip(wanted) {
            let (data, via) = data(&server, task).await;
            let wanted_via = wanted.as_object_mut().unwrap().shift_remove("$via");
            assert_eq!(shortened(data, &wanted), wanted, "{text}");
            assert_includes(&via, &wanted_via.unwrap_or_else(|| json!({})), text);
        }
    }
    assert!(seen >= 14, "{seen} examples");
}
