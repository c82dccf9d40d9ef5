//! Repeated deliveries: what recognises them, what they are answered, and that they make nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::sync::Arc;

use crate::support::{
    Server, accepted_task, correlating, only_on_sled, refusal, texts, typed, until,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{Accepted, Dedup, Webhook};

/// Adds a webhook with that dedup rule, and gives its URL.
async fn webhook(server: &Server, name: &str, dedup: Value) -> String {
    let body = json!({"name": name, "dedup": dedup});
    let (status, answer) = server
        .api(Method::POST, &server.path("webhooks"), Some(body))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    typed::<Webhook>(&answer).url
}

/// Sends a delivery with these headers; gives the task's id, and whether it is a repeat.
async fn send(
    server: &Server,
    webhook: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (String, bool) {
    let key = webhook.rsplit('/').next().unwrap();
    let url = format!("{}/event/{key}", server.url);
    let mut request = reqwest::Client::new().post(url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    let is_repeat = typed::<Accepted>(&answer).duplicate;
    let expected: &[&str] = if is_repeat {
        &["task", "duplicate"]
    } else {
        &["task"]
    };
    assert_eq!(members, expected, "{answer}");
    (accepted_task(&answer), is_repeat)
}

async fn count(server: &Server) -> usize {
    server.tasks("limit=500").await.len()
}

#[tokio::test]
async fn a_header_makes_a_repeat_known() {
    let server = Server::start().await;
    let rule = json!({"header": "Idempotency-Key"});
    let (one, other) = (
        webhook(&server, "one", rule.clone()).await,
        webhook(&server, "other", rule).await,
    );
    let plain = server.webhook("plain").await;
    let key = [("idempotency-key", "evt_1")];
    let (first, is_repeat) = send(&server, &one, &key, r#"{"n":1}"#).await;
    assert!(!is_repeat);
    // Whatever its body is: the sender says that it is the same.
    for body in [r#"{"n":1}"#, "{}", r#"{"n":2}"#] {
        assert_eq!(send(&server, &one, &key, body).await, (first.clone(), true));
    }
    assert_eq!(count(&server).await, 1);
    assert_eq!(server.task(&first).await.data["n"], 1);
    let mut ids = HashSet::from([first.clone()]);
    for (webhook, headers) in [
        (&one, &[("idempotency-key", "evt_2")][..]),
        (&one, &[("idempotency-key", "")]),
        (&one, &[("idempotency-key", "")]),
        (&one, &[]),
        (&one, &[]),
        (&one, &[("x-key", "evt_1")]),
        (&other, &key),
        (&plain, &key),
        (&plain, &key),
    ] {
        let (id, is_repeat) = send(&server, webhook, headers, r#"{"n":1}"#).await;
        assert!(!is_repeat && ids.insert(id), "{webhook} {headers:?}");
    }
    assert_eq!(count(&server).await, ids.len());
    let long = "k".repeat(8_000);
    let (id, _) = send(&server, &one, &[("idempotency-key", &long)], "{}").await;
    let longer = format!("{long}k");
    assert!(
        !send(&server, &one, &[("idempotency-key", &longer)], "{}")
            .await
            .1
    );
    assert_eq!(
        send(&server, &one, &[("idempotency-key", &long)], "{}").await,
        (id, true)
    );
}

#[tokio::test]
async fn a_member_of_the_body_makes_a_repeat_known() {
    let server = Server::start().await;
    let hook = webhook(&server, "w", json!({"pointer": "/event/id"})).await;
    let (first, _) = send(&server, &hook, &[], r#"{"event":{"id":"e1"},"n":1}"#).await;
    let repeat = send(&server, &hook, &[], r#"{"n":2,"event":{"x":0,"id":"e1"}}"#).await;
    assert_eq!(repeat, (first, true));
    let mut ids = HashSet::new();
    for body in [
        r#"{"event":{"id":"e2"}}"#,
        r#"{"event":{"id":7}}"#,
        r#"{"event":{"id":"7"}}"#,
        r#"{"event":{"id":""}}"#,
        r#"{"event":{"id":""}}"#,
        r#"{"event":{"id":null}}"#,
        r#"{"event":{"id":null}}"#,
        r#"{"event":{"id":{"a":1}}}"#,
        r#"{"event":{"id":{"a":1}}}"#,
        "{}",
        "{}",
        "[]",
    ] {
        let (id, is_repeat) = send(&server, &hook, &[], body).await;
        assert!(!is_repeat && ids.insert(id), "{body}");
    }
    assert!(send(&server, &hook, &[], r#"{"event":{"id":7}}"#).await.1);
    let items = webhook(&server, "items", json!({"pointer": "/items/0/id"})).await;
    let (first, _) = send(&server, &items, &[], r#"[{"id":1}]"#).await;
    assert_eq!(
        send(&server, &items, &[], r#"[{"id":1},2]"#).await,
        (first, true)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_repeats_at_once_one_makes_a_task() {
    let server = Arc::new(Server::start().await);
    server.step("noop").await;
    let hook = webhook(&server, "w", json!({"header": "x-id"})).await;
    for round in 0..15 {
        let sent = (0..16).map(|_| {
            let (server, hook) = (server.clone(), hook.clone());
            tokio::spawn(async move {
                send(&server, &hook, &[("x-id", &format!("evt_{round}"))], "{}").await
            })
        });
        let (mut ids, mut first) = (HashSet::new(), 0);
        for answer in sent.collect::<Vec<_>>() {
            let (id, is_repeat) = answer.await.unwrap();
            ids.insert(id);
            first += usize::from(!is_repeat);
        }
        assert_eq!((ids.len(), first), (1, 1), "round {round}");
        let id = ids.into_iter().next().unwrap();
        let task = server.wait(&id, "done").await;
        assert_eq!(task.runs.len(), 1, "{task:#}");
    }
    assert_eq!(count(&server).await, 15);
}

#[tokio::test]
async fn a_repeat_is_known_after_kills_and_when_its_task_is_put_away() {
    only_on_sled!("it looks into the store's archive");
    let mut server = Server::start().await;
    let hook = webhook(&server, "w", json!({"header": "x-id"})).await;
    let (unmatched, _) = send(&server, &hook, &[("x-id", "a")], "{}").await;
    server.step("noop").await;
    let (done, _) = send(&server, &hook, &[("x-id", "b")], "{}").await;
    server.wait(&done, "done").await;
    // Tasks that are done go to the archive, which has a file as soon as one has.
    let archive = server.data_dir().join("store/archive");
    let has_file = || std::fs::read_dir(&archive).is_ok_and(|mut files| files.next().is_some());
    until("a file of the archive", async || has_file()).await;
    for _ in 0..3 {
        server.restart().await;
        for (key, id) in [("a", &unmatched), ("b", &done)] {
            let repeat = send(&server, &hook, &[("x-id", key)], "{}").await;
            assert_eq!(repeat, (id.clone(), true));
        }
    }
    assert_eq!(count(&server).await, 2);
}

#[tokio::test]
async fn a_refused_delivery_takes_no_key() {
    let server = Server::start().await;
    let hook = webhook(&server, "w", json!({"header": "x-id"})).await;
    let key = hook.rsplit('/').next().unwrap();
    let url = format!("{}/event/{key}", server.url);
    let bad = reqwest::Client::new()
        .post(url)
        .header("x-id", "a")
        .body("{");
    assert_eq!(bad.send().await.unwrap().status(), 400);
    let (id, is_repeat) = send(&server, &hook, &[("x-id", "a")], "{}").await;
    assert!(!is_repeat);
    assert_eq!(
        send(&server, &hook, &[("x-id", "a")], "{}").await,
        (id, true)
    );
}

/// Waits an hour after each change of what was paid.
const WAITS: &str = "export const condition = {open: true, paid: Number};
export const content = async () => { task.park(3600000); step.redo(); };
";

#[tokio::test]
async fn a_repeat_changes_an_open_task_once() {
    let server = Server::start().await;
    let orders = server.webhook("Orders").await;
    server.script("waits", WAITS).await;
    let callback = correlating(&server, "Paid", "/task").await;
    let path = server.path("webhooks/Paid");
    let rules = json!({"correlate": "/task", "dedup": {"header": "x-id"}});
    let (status, changed) = server.api(Method::PUT, &path, Some(rules)).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    let id = server
        .post(&orders, &json!({"open": true, "paid": 0}))
        .await;
    server.wait(&id, "waiting").await;
    let sent = |key: &'static str, amount: u32| {
        let body = json!({"task": id, "paid": amount}).to_string();
        let (server, callback) = (&server, &callback);
        async move { send(server, callback, &[("x-id", key)], &body).await }
    };
    for (key, amount, is_repeat) in [
        ("a", 1, false),
        ("b", 2, false),
        ("a", 1, true),
        ("b", 1, true),
    ] {
        assert_eq!(sent(key, amount).await, (id.clone(), is_repeat));
    }
    let task = server.wait(&id, "waiting").await;
    assert_eq!(task.data["paid"], 2);
    let reasons = task
        .history
        .iter()
        .filter_map(|entry| entry.reason.as_deref());
    let changes = reasons.filter(|reason| reason.contains("webhook `Paid`"));
    assert_eq!(changes.count(), 2, "{task:#}");
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a_rule_is_set_shown_and_taken_away() {
    let server = Server::start().await;
    let add = [
        "webhook",
        "add",
        "Paid",
        "--dedup-header",
        "Idempotency-Key",
        "--correlate",
        "/task",
    ];
    let added: Webhook = server.cli_json(&add);
    let rule = |header: Option<&str>, pointer: Option<&str>, hours: u64| {
        Some(Dedup {
            header: header.map(str::to_owned),
            pointer: pointer.map(str::to_owned),
            window_ms: hours * 3_600_000,
        })
    };
    assert_eq!(added.dedup, rule(Some("idempotency-key"), None, 72));
    let shown = |args: &[&str]| {
        let output = server.cli(args);
        assert!(output.status.success(), "{:?}", texts(&output));
        texts(&output).0
    };
    let sheet = shown(&["webhook", "show", "Paid"]);
    assert!(sheet.contains("header idempotency-key, for 3d"), "{sheet}");
    let update = |args: &[&str]| -> Webhook {
        server.cli_json(&[&["webhook", "update", "Paid"], args].concat())
    };
    let changed = update(&["--dedup-window", "12h"]);
    assert_eq!(changed.dedup, rule(Some("idempotency-key"), None, 12));
    let changed = update(&["--dedup-pointer", "/event/id", "--no-correlate"]);
    let by_pointer = rule(None, Some("/event/id"), 12);
    assert_eq!(
        (changed.dedup, changed.correlate),
        (by_pointer.clone(), None)
    );
    let changed = update(&["--correlate", "/task"]);
    assert_eq!(changed.dedup, by_pointer);
    let changed = update(&["--no-dedup"]);
    assert_eq!((changed.dedup, changed.url), (None, added.url));
    assert_eq!(changed.correlate.as_deref(), Some("/task"));
    let refused = server.cli(&["webhook", "update", "Paid", "--dedup-window", "1h"]);
    let (_, error) = texts(&refused);
    assert!(
        !refused.status.success() && error.contains("--dedup-header"),
        "{error}"
    );
    for (rule, part) in [
        (json!({}), "either a header"),
        (json!({"header": "a", "pointer": "/a"}), "either a header"),
        (json!({"header": "a b"}), "not the name of a header"),
        (json!({"pointer": "id"}), "RFC 6901"),
        (json!({"pointer": ""}), "never the whole"),
        (json!({"header": "a", "window_ms": 59_999}), "a minute"),
        (
            json!({"header": "a", "window_ms": 2_592_000_001_u64}),
            "30 days",
        ),
    ] {
        let body = json!({"name": "x", "dedup": rule});
        let (status, problem) = server
            .api(Method::POST, &server.path("webhooks"), Some(body))
            .await;
        assert_eq!(
            (status, refusal(&problem).code.as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "bad-dedup"),
            "{problem}"
        );
        assert!(refusal(&problem).detail.contains(part), "{problem}");
    }
    let body = json!({"name": "x", "dedup": {"headers": "a"}});
    let (status, _) = server
        .api(Method::POST, &server.path("webhooks"), Some(body))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
