//! Names and data that PostgreSQL has its own ideas about.
#![allow(clippy::unwrap_used, reason = "a test")]

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::cluster::postgres::PostgresServer;
use crate::support::{Server, accepted_task};

/// A column of type text takes no NUL, and sorts as its collation says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nul_is_kept_in_data_and_refused_in_names() {
    let database = PostgresServer::start();
    let server = Server::with(&["--store", &database.url()]).await;
    let webhook = server.webhook("Orders").await;
    let body = r#"{"a\u0000b":"\u0000","n":1.50,"text":"\ud83d\ude00 \u202e"}"#;
    let (status, answer) = server.send(&webhook, "application/json", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let task = server.wait(&accepted_task(&answer), "unmatched").await;
    assert_eq!(task.data["a\u{0}b"], "\u{0}");
    assert_eq!(task.data["n"].to_string(), "1.50");
    let (status, answer) = server.send(&webhook, "text/plain", "a\u{0}b").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    server.wait(&accepted_task(&answer), "unmatched").await;
    for (method, path, body) in [
        (Method::PUT, "config/A%00B", Some(json!({"value": "x"}))),
        (Method::POST, "webhooks", Some(json!({"name": "a\u{0}b"}))),
        (
            Method::PUT,
            "schedules/a%00b",
            Some(json!({"cron": "0 8 * * *"})),
        ),
        (
            Method::POST,
            "tokens",
            Some(json!({"name": "a\u{0}b", "scopes": ["read"]})),
        ),
        (Method::GET, "tasks?name=a%00b", None),
        (Method::GET, "tasks?tag=a%00b&webhook=a%00b", None),
        (Method::GET, "deliveries?webhook=a%00b", None),
        (Method::GET, "audit?who=a%00b&what=a%00b", None),
    ] {
        let (status, answer) = server.api(method, &server.path(path), body).await;
        assert!(!status.is_server_error(), "{path}: {status} {answer}");
    }
    let name = json!({"name": "a\u{0}b"});
    let (status, answer) = server.api(Method::POST, "/workspaces", Some(name)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    server.is_well().await;
}
