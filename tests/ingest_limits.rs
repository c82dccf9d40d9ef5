//! Rates of webhooks and workspaces, and requests that are taken in at once.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use crate::support::deliveries::list;
use crate::support::project::{Project, marks};
use crate::support::senders::{Delivery, add, url_of};
use crate::support::{PATIENCE, Server, refusal, typed};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use stepwell_api::{Rate, Webhook, Workspace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn post(server: &Server, webhook: &Webhook) -> Response {
    Delivery::post("{}", &[])
        .send(server, url_of(webhook))
        .await
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers()[name].to_str().unwrap()
}

async fn code(response: Response) -> String {
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    refusal(&problem).code
}

#[tokio::test]
async fn more_than_a_webhooks_rate_is_refused_and_told() {
    let server = Server::start().await;
    let rate = json!({"requests": 3, "seconds": 3600});
    let limited = add(&server, "Limited", json!({"rate": rate})).await;
    let free = add(&server, "Free", json!({})).await;
    for _ in 0..3 {
        assert_eq!(post(&server, &limited).await.status(), 200);
    }
    let refused = post(&server, &limited).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1_100..=1_200).contains(&wait), "{wait}");
    assert_eq!(
        header(&refused, "ratelimit-policy"),
        "\"webhook\";q=3;w=3600"
    );
    assert_eq!(
        header(&refused, "ratelimit"),
        format!("\"webhook\";r=0;t={wait}")
    );
    assert_eq!(code(refused).await, "rate-limited");
    assert_eq!(post(&server, &free).await.status(), 200);
    assert_eq!(server.tasks("").await.len(), 4);
    // The tenant sees it.
    let refused = list(&server, "verdict=refused").await;
    assert_eq!(refused[0].code.as_deref(), Some("rate-limited"));
    let none = json!({"rate": null});
    server
        .api(Method::PATCH, &server.path("webhooks/Limited"), Some(none))
        .await;
    assert_eq!(post(&server, &limited).await.status(), 200);
}

#[tokio::test]
async fn a_workspaces_rate_is_that_of_all_its_webhooks_and_of_no_other() {
    let mut server = Server::start().await;
    let elsewhere = add(&server, "Elsewhere", json!({})).await;
    server.enter("acme").await;
    let (one, other) = (
        add(&server, "One", json!({})).await,
        add(&server, "Other", json!({})).await,
    );
    let rate = Rate {
        requests: 2,
        seconds: 3600,
    };
    let set = json!({ "rate": rate });
    let (status, workspace) = server
        .api(Method::PATCH, "/workspaces/acme", Some(set))
        .await;
    assert_eq!(status, 200, "{workspace}");
    assert_eq!(typed::<Workspace>(&workspace).rate, Some(rate));
    server.restart().await;
    assert_eq!(post(&server, &one).await.status(), 200);
    assert_eq!(post(&server, &other).await.status(), 200);
    let refused = post(&server, &one).await;
    assert_eq!(
        header(&refused, "ratelimit-policy"),
        "\"workspace\";q=2;w=3600"
    );
    assert_eq!(code(refused).await, "rate-limited");
    assert_eq!(post(&server, &elsewhere).await.status(), 200);
}

/// A request counts from its head until it is answered.
#[tokio::test]
async fn requests_at_once_are_bounded() {
    let server = Server::start().await;
    let webhook = add(&server, "Form", json!({"at_once": 1})).await;
    let address = server.url.strip_prefix("http://").unwrap();
    let path = &url_of(&webhook)[url_of(&webhook).find("/event/").unwrap()..];
    let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{{");
    let until = Instant::now() + PATIENCE;
    let (mut slow, refused) = 'slow: loop {
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(head.as_bytes()).await.unwrap();
        // Until the server has read the head. It is refused itself if a post is under way then.
        for _ in 0..50 {
            let answer = post(&server, &webhook).await;
            if answer.status() != 200 {
                break 'slow (slow, answer);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(Instant::now() < until, "nothing is refused");
    };
    assert_eq!(
        (refused.status().as_u16(), header(&refused, "retry-after")),
        (429, "1")
    );
    assert_eq!(code(refused).await, "too-many-at-once");
    slow.write_all(b"}").await.unwrap();
    let mut answer = [0; 15];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(post(&server, &webhook).await.status(), 200);
    // One that goes away is not counted any more.
    let mut gone = TcpStream::connect(address).await.unwrap();
    gone.write_all(head.as_bytes()).await.unwrap();
    drop(gone);
    for _ in 0..500 {
        if post(&server, &webhook).await.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the webhook takes nothing any more");
}

#[tokio::test]
async fn limits_are_set_by_command_line_and_manifest() {
    let server = Server::start().await;
    server.cli_json::<Webhook>(&[
        "webhook",
        "add",
        "Form",
        "--rate",
        "600/m",
        "--at-once",
        "4",
    ]);
    let limits = |shown: &Webhook| json!([shown.rate, shown.at_once]);
    let shown = server.cli_json(&["webhook", "show", "Form"]);
    assert_eq!(limits(&shown), json!([{"requests": 600, "seconds": 60}, 4]));
    let changed = server.cli_json(&["webhook", "update", "Form", "--no-at-once"]);
    assert_eq!(
        limits(&changed),
        json!([{"requests": 600, "seconds": 60}, null])
    );
    let set: Workspace = server.cli_json(&["workspace", "set", "default", "--rate", "1000/s"]);
    let rate = set.rate.unwrap();
    assert_eq!((rate.requests, rate.seconds), (1000, 1));
    let set = server.cli(&["workspace", "set", "default", "--rate", "none"]);
    assert_eq!(
        String::from_utf8(set.stderr).unwrap(),
        "workspace default takes as many requests as come\n"
    );

    let manifest = |rate: &str, webhook: &str| {
        format!("workspaces:\n- name: default\n  rate: {rate}\n  webhooks: [{webhook}]\n")
    };
    let project = Project::new(&manifest("50/10s", "{name: Form, rate: 5/s, atOnce: 2}"));
    let run = || marks(&project.deploy(&server, &[]));
    assert_eq!(run()[..2], ["~ workspace default", "~ webhook Form"]);
    assert_eq!(run()[..2], ["= workspace default", "= webhook Form"]);
    let shown = server.cli_json(&["webhook", "show", "Form"]);
    assert_eq!(limits(&shown), json!([{"requests": 5, "seconds": 1}, 2]));
    project.write("deploy.yaml", manifest("none", "{name: Form, rate: none}"));
    assert_eq!(run()[..2], ["~ workspace default", "~ webhook Form"]);
    let shown = server.cli_json(&["webhook", "show", "Form"]);
    assert_eq!(limits(&shown), json!([null, 2]));
    for (wrong, place) in [
        ("rate: 100", "webhooks[0].rate"),
        ("atOnce: 0", "webhooks[0].atOnce"),
    ] {
        project.write(
            "deploy.yaml",
            manifest("none", &format!("{{name: Form, {wrong}}}")),
        );
        let ran = project.deploy(&server, &[]);
        assert!(ran.code == Some(2) && ran.stderr.contains(place), "{ran:?}");
    }
    for (body, field) in [
        (json!({"rate": {"requests": 0, "seconds": 1}}), "rate"),
        (json!({"at_once": 0}), "at_once"),
    ] {
        let path = server.path("webhooks/Form");
        let (status, problem) = server.api(Method::PATCH, &path, Some(body)).await;
        assert_eq!(status, 422, "{problem}");
        let wrong = refusal(&problem);
        assert_eq!(
            (wrong.code.as_str(), wrong.field.as_deref()),
            ("bad-webhook", Some(field))
        );
    }
}

/// Each task says how it came in: a long query and many documents are too much together, which is known before all are made.
#[tokio::test]
async fn many_documents_of_a_request_with_a_long_query_are_refused_together() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let names: Vec<String> = (0..8_000).map(|name| format!("n{name}")).collect();
    let long = format!("{webhook}?{}", names.join("&"));
    let (status, answer) = server
        .send(&long, "application/x-ndjson", "0\n".repeat(1_000))
        .await;
    assert_eq!(status, 413, "{answer}");
    let refused = refusal(&answer);
    assert_eq!(refused.code, "body-too-large");
    let made = refused
        .detail
        .split_once(" tasks of this request")
        .unwrap()
        .0;
    let made: usize = made.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((2..200).contains(&made), "{}", refused.detail);
    assert!(server.tasks("").await.is_empty());
    let (status, answer) = server
        .send(&long, "application/x-ndjson", "0\n".repeat(10))
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.tasks("").await.len(), 10);
}

#[tokio::test]
async fn a_workspace_that_holds_all_bodies_it_may_leaves_room_for_others() {
    let mut server = Server::with(&["--bodies-bytes", "8MiB"]).await;
    let greedy = server.webhook("w").await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let path = greedy.strip_prefix(&server.url).unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n");
    let mut uploads = Vec::new();
    let large = json!({"text": "x".repeat(500_000)});
    let until = Instant::now() + PATIENCE;
    // One that comes beside a post may be refused as well.
    while server
        .send(&greedy, "application/json", large.to_string())
        .await
        .0
        != 503
    {
        assert!(Instant::now() < until, "its bodies are not bounded");
        let mut upload = TcpStream::connect(&address).await.unwrap();
        let _ = upload
            .write_all(&[head.as_bytes(), &[b' '; 999_999]].concat())
            .await;
        uploads.push(upload);
    }
    server.enter("neighbour").await;
    let webhook = server.webhook("w").await;
    let (status, answer) = server
        .send(&webhook, "application/json", large.to_string())
        .await;
    assert_eq!(status, 200, "{answer}");
    drop(uploads);
}
