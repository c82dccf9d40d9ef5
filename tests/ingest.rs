//! What a webhook takes, what it refuses, and that a refusal leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use crate::support::{PATIENCE, Server, accepted_task, refusal};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_json_object_becomes_a_task_with_via() {
    let server = Server::start().await;
    let webhook = server.webhook("Contact Form").await;
    let task = server
        .run(
            &webhook,
            &json!({"email": "ada@example.com", "$via": "forged"}),
            "unmatched",
        )
        .await;
    let data = &task.data;
    assert_eq!(data["email"], "ada@example.com");
    assert_eq!(data["$via"]["type"], "webhook");
    assert_eq!(data["$via"]["name"], "Contact Form");
    assert_eq!(data["$via"]["method"], "POST");
    assert!(data["$via"]["received"].as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(task.webhook.as_deref(), Some("Contact Form"));
}

#[tokio::test]
async fn arrays_and_scalars_become_objects_and_numbers_keep_their_text() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    for (body, expected) in [
        ("[1,2]", r#"{"items":[1,2],"#),
        ("\"text\"", r#"{"value":"text","#),
        (
            r#"{"total":100.10,"big":12345678901234567890123,"z":1,"a":2}"#,
            r#"{"total":100.10,"big":12345678901234567890123,"z":1,"a":2,"#,
        ),
    ] {
        let (status, answer) = server.send(&webhook, "application/json", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let id = &accepted_task(&answer);
        server.wait(id, "unmatched").await;
        let task = server.task(id).await;
        let data = task.data.to_string();
        assert!(data.starts_with(expected), "{data}");
    }
}

#[tokio::test]
async fn refusals_say_what_was_wrong_and_leave_nothing() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(1024 * 1024));
    let cases: [(&str, &str, u16, &str); 6] = [
        ("application/json", "{\"a\": 1,\n \"b\": }", 400, "bad-json"),
        ("application/json", "", 400, "bad-json"),
        ("application/json", "{} {}", 400, "bad-json"),
        ("application/json", &deep, 400, "too-deep"),
        ("application/json", &large, 413, "body-too-large"),
        ("application/x-ndjson", "{}\n{", 400, "bad-json"),
    ];
    for (content_type, body, status, code) in cases {
        let (got, problem) = server.send(&webhook, content_type, body.to_owned()).await;
        let wrong = refusal(&problem);
        assert_eq!(
            (got.as_u16(), wrong.code.as_str()),
            (status, code),
            "{problem}"
        );
        assert_eq!(wrong.status, status);
        assert!(wrong.detail.len() > 20, "{problem}");
    }
    let (_, problem) = server
        .send(&webhook, "application/json", "{\"a\": 1,\n \"b\": }")
        .await;
    let wrong = refusal(&problem);
    assert_eq!((wrong.line, wrong.column), (Some(2), Some(7)), "{problem}");
    let (status, problem) = server
        .send("http://x/event/nope", "application/json", "{}")
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(refusal(&problem).code, "unknown-webhook");
    assert!(server.tasks("").await.is_empty());
    server.is_well().await;
}

#[tokio::test]
async fn a_deleted_webhook_takes_nothing() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    server.post(&webhook, &json!({})).await;
    let (status, _) = server
        .api(Method::DELETE, "/workspaces/default/webhooks/w", None)
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = server.send(&webhook, "application/json", "{}").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

/// What was sent to the one of before is not for the other one, which may be another tenant's.
#[tokio::test]
async fn a_body_that_comes_late_does_not_come_into_another_workspace_of_the_same_name() {
    let mut server = Server::start().await;
    server.enter("acme").await;
    let webhook = server.webhook("w").await;
    let (address, key) = webhook
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let mut sender = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /{key} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n"
    );
    sender.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let count = sender.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..count]);
    assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
    let (status, _) = server.api(Method::DELETE, "/workspaces/acme", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let again = async {
        let body = json!({"name": "acme"});
        while server
            .api(Method::POST, "/workspaces", Some(body.clone()))
            .await
            .0
            != StatusCode::CREATED
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    server.webhook("w").await;
    sender.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    sender.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(answer.contains("unknown-webhook"), "{answer}");
    assert!(server.tasks("").await.is_empty());
}

#[tokio::test]
async fn the_api_wants_a_token() {
    let server = Server::start().await;
    let http = reqwest::Client::new();
    let url = format!("{}/api/v1/workspaces/default/tasks", server.url);
    for request in [http.get(&url), http.get(&url).bearer_auth("wrong")] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(response.headers().contains_key("www-authenticate"));
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(refusal(&problem).code, "unauthorized");
    }
}
