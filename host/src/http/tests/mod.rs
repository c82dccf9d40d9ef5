//! The whole HTTP face on a real socket, over the memory store and an engine that runs no task.

mod dedup;
mod replies;
mod server;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use server::{Server, answer};

/// A request's body that is sent in chunks.
fn chunked<S>(chunks: S) -> reqwest::Body
where
    S: Stream<Item = std::io::Result<Bytes>> + Send + Sync + 'static,
{
    reqwest::Body::wrap(StreamBody::new(chunks.map_ok(Frame::data)))
}

#[tokio::test]
async fn a_webhook_becomes_a_task() {
    let server = Server::start().await;
    let url = server.webhook("Contact Form").await;
    let sent = json!({"email": "ada@example.com"}).to_string();
    let (status, accepted) = server.send(&format!("{url}?source=ad"), sent).await;
    assert_eq!(status, 200, "{accepted}");
    let id = accepted["task"].as_str().unwrap();
    let (status, task) = server
        .call(Method::GET, &format!("/default/tasks/{id}"), Value::Null)
        .await;
    assert_eq!(status, 200, "{task}");
    assert_eq!(task["state"], "ready");
    assert_eq!(task["webhook"], "Contact Form");
    assert_eq!(task["created"], "2025-11-24T16:00:00.000Z");
    assert_eq!(task["data"]["email"], "ada@example.com");
    assert_eq!(task["data"]["$via"]["name"], "Contact Form");
    assert_eq!(task["data"]["$via"]["ip"], "127.0.0.1");
    assert_eq!(task["data"]["$via"]["query"], json!({"source": "ad"}));
    assert_eq!(task["runs"], json!([]));
    assert_eq!(task["history"][0]["reason"], "accepted");

    let put = server.client.put(&url).body("[1]").send().await.unwrap();
    assert_eq!(put.status(), 200);
    let (_, page) = server
        .call(Method::GET, "/default/tasks?limit=1", Value::Null)
        .await;
    assert_eq!(page["tasks"].as_array().unwrap().len(), 1);
    let next = page["next"].as_str().unwrap();
    let path = format!("/default/tasks?limit=1&before={next}");
    let (_, page) = server.call(Method::GET, &path, Value::Null).await;
    assert_eq!(page["tasks"][0]["id"], id);
    assert_eq!(page["next"], Value::Null);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let server = Server::with(|settings| {
        settings.body_bytes = 1000;
        settings.body_timeout = Duration::from_millis(200);
    })
    .await;
    let url = server.webhook("Form").await;
    let unknown = format!("{}/event/{}", server.url, "0".repeat(33));
    for (to, body, status, code) in [
        (&unknown, "{}".to_owned(), 404, "unknown-webhook"),
        (&url, "{\"a\": }".to_owned(), 400, "bad-json"),
        (&url, String::new(), 400, "bad-json"),
        (&url, "[".repeat(65), 400, "too-deep"),
        (
            &url,
            format!("\"{}\"", "x".repeat(5_000_000)),
            413,
            "body-too-large",
        ),
    ] {
        let (got, problem) = server.send(to, body).await;
        assert_eq!((got, &problem["code"]), (status, &json!(code)), "{problem}");
    }
    let chunks = futures_util::stream::iter((0..4).map(|_| Ok(Bytes::from("x".repeat(600)))));
    let (status, problem) = server.send(&url, chunked(chunks)).await;
    assert_eq!((status, &problem["code"]), (413, &json!("body-too-large")));
    let slow = futures_util::stream::pending();
    let (status, problem) = server.send(&url, chunked(slow)).await;
    assert_eq!((status, &problem["code"]), (408, &json!("slow-body")));
    let typed = server
        .client
        .post(&url)
        .header("content-encoding", "compress")
        .body("{}");
    let response = typed.send().await.unwrap();
    let taken = response.headers().get("accept-encoding").cloned();
    assert_eq!(taken.unwrap(), "gzip, deflate, br, zstd");
    let (status, problem) = answer(response).await;
    assert_eq!(
        (status, &problem["code"]),
        (415, &json!("unsupported-encoding"))
    );
    let got = server.client.get(&url).send().await.unwrap();
    assert_eq!(got.headers()["allow"], "POST, PUT");
    assert_eq!(got.status(), 405);

    let (_, page) = server
        .call(Method::GET, "/default/tasks", Value::Null)
        .await;
    assert_eq!(page, json!({"tasks": [], "next": null}));
    server.store.close().await;
    let (status, problem) = server.send(&url, "{}").await;
    assert_eq!((status, &problem["code"]), (503, &json!("shutting-down")));
}

#[tokio::test]
async fn the_api_answers_with_the_right_status() {
    let server = Server::start().await;
    let none = Value::Null;
    use Method as M;
    for (method, path, body, status, code) in [
        (M::POST, "", json!({"name": "acme"}), 201, ""),
        (M::POST, "", json!({"name": "acme"}), 409, "exists"),
        (M::POST, "", json!({"name": "No & Good"}), 400, "bad-body"),
        (M::POST, "", json!({"nom": "x"}), 400, "bad-body"),
        (M::POST, "", none.clone(), 400, "bad-body"),
        (M::DELETE, "", none.clone(), 405, "method-not-allowed"),
        (M::GET, "/none/webhooks", none.clone(), 404, "not-found"),
        (M::GET, "/No%26Good/webhooks", none.clone(), 400, "bad-name"),
        (M::GET, "/acme/nothing", none.clone(), 404, "no-such-path"),
        (
            M::POST,
            "/acme/webhooks",
            json!({"name": "Form é/?"}),
            201,
            "",
        ),
        (
            M::POST,
            "/acme/webhooks",
            json!({"name": "Form é/?"}),
            409,
            "exists",
        ),
        (
            M::GET,
            "/acme/webhooks/Form%20%C3%A9%2F%3F",
            none.clone(),
            200,
            "",
        ),
        (
            M::GET,
            "/acme/webhooks/%FF",
            none.clone(),
            400,
            "bad-parameter",
        ),
        (
            M::DELETE,
            "/acme/webhooks/Form%20%C3%A9%2F%3F",
            none.clone(),
            204,
            "",
        ),
        (
            M::DELETE,
            "/acme/webhooks/Form%20%C3%A9%2F%3F",
            none.clone(),
            404,
            "not-found",
        ),
        (M::GET, "/acme/steps", none.clone(), 200, ""),
        (M::GET, "/acme/steps/a%2Fb", none.clone(), 404, "not-found"),
        (
            M::PUT,
            "/acme/steps/a%2Fb",
            json!("no wasm"),
            422,
            "not-a-component",
        ),
        (
            M::PUT,
            "/acme/steps/a?fuel=1",
            json!("x"),
            400,
            "bad-parameter",
        ),
        (
            M::PUT,
            "/acme/steps/a?fuel=x",
            json!("x"),
            400,
            "bad-parameter",
        ),
        (
            M::PUT,
            "/acme/steps/a?gas=1",
            json!("x"),
            400,
            "bad-parameter",
        ),
        (M::PUT, "/acme/steps/a%20b", json!("x"), 400, "bad-name"),
        (
            M::PUT,
            "/acme/config/TOKEN",
            json!({"value": "s3cret"}),
            204,
            "",
        ),
        (
            M::PUT,
            "/acme/config/TOKEN",
            json!({"value": 1}),
            400,
            "bad-body",
        ),
        (
            M::GET,
            "/acme/config/TOKEN",
            none.clone(),
            405,
            "method-not-allowed",
        ),
        (M::GET, "/acme/config", none.clone(), 200, ""),
        (M::DELETE, "/acme/config/TOKEN", none.clone(), 204, ""),
        (
            M::DELETE,
            "/acme/config/TOKEN",
            none.clone(),
            404,
            "not-found",
        ),
        (
            M::GET,
            "/acme/tasks?limit=501",
            none.clone(),
            400,
            "bad-parameter",
        ),
        (
            M::GET,
            "/acme/tasks?state=gone",
            none.clone(),
            400,
            "bad-parameter",
        ),
        (
            M::GET,
            "/acme/tasks?state=done,gone",
            none.clone(),
            400,
            "bad-parameter",
        ),
        (
            M::GET,
            "/acme/tasks?state=done&attention=true",
            none.clone(),
            400,
            "bad-parameter",
        ),
        (
            M::GET,
            "/acme/tasks?since=yesterday",
            none.clone(),
            400,
            "bad-parameter",
        ),
        (
            M::GET,
            "/acme/tasks?where=%7B",
            none.clone(),
            400,
            "bad-pattern",
        ),
        (
            M::GET,
            "/acme/tasks?where=%7B%22a%22%3A%7B%22%24no%22%3A1%7D%7D",
            none.clone(),
            400,
            "bad-pattern",
        ),
        (
            M::GET,
            "/acme/tasks?attention=true&name=a&tag=b&since=2026-11-23T14:00:00Z&until=2026-11-24T14:00:00%2B01:00&where=%7B%7D",
            none.clone(),
            200,
            "",
        ),
        (
            M::POST,
            "/acme/webhooks",
            json!({"name": "Paid", "correlate": "order.taskId"}),
            422,
            "bad-pointer",
        ),
        (
            M::POST,
            "/acme/webhooks",
            json!({"name": "Paid", "correlate": ""}),
            422,
            "bad-pointer",
        ),
        (
            M::POST,
            "/acme/webhooks",
            json!({"name": "Paid", "correlate": "/order/taskId"}),
            201,
            "",
        ),
        (
            M::PUT,
            "/acme/webhooks/Paid",
            json!({"correlate": null}),
            200,
            "",
        ),
        (
            M::PUT,
            "/acme/webhooks/Paid",
            json!({"correlate": "no"}),
            422,
            "bad-pointer",
        ),
        (
            M::PATCH,
            "/acme/webhooks/Paid",
            json!({"methods": ["GET", "TRACE"]}),
            422,
            "bad-webhook",
        ),
        (
            M::PATCH,
            "/acme/webhooks/Paid",
            json!({"headers": ["Cookie"]}),
            422,
            "bad-webhook",
        ),
        (
            M::PUT,
            "/acme/webhooks/None",
            json!({"correlate": null}),
            404,
            "not-found",
        ),
        (
            M::GET,
            "/acme/tasks?before=1",
            none.clone(),
            400,
            "bad-name",
        ),
        (M::GET, "/acme/tasks/17", none.clone(), 400, "bad-name"),
        (
            M::GET,
            "/acme/tasks/0190c0de-0000-7000-8000-000000000000",
            none.clone(),
            404,
            "not-found",
        ),
    ] {
        let (got, answer) = server.call(method.clone(), path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        if !code.is_empty() {
            assert_eq!(answer["code"], code, "{method} {path}: {answer}");
        }
        assert!(
            !answer.to_string().contains("s3cret"),
            "{method} {path}: {answer}"
        );
    }
    let bare = server.client.get(format!("{}/api/v1/nothing", server.url));
    let response = bare.send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(answer(response).await.1["code"], "unauthorized");
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/", 404)] {
        let response = server
            .client
            .get(format!("{}{path}", server.url))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_and_connections_are_bounded() {
    let server = Server::with(|settings| {
        settings.head_timeout = Duration::from_millis(300);
        settings.connections = 2;
    })
    .await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST /event/x HTTP/1.1\r\nHost: x")
            .await
            .unwrap();
        slow.push(stream);
    }
    // A third waits until the first two have been cut off, and is served then.
    let response = server
        .client
        .get(format!("{}/healthz", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    for mut stream in slow {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"));
    }
}

#[tokio::test]
async fn closing_lets_a_request_finish_and_ends_idle_connections() {
    let server = Server::start().await;
    let url = server.webhook("Form").await;
    let (address, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut under_way = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    );
    under_way.write_all(head.as_bytes()).await.unwrap();
    let told = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = vec![0; told.len()];
    under_way.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, told, "it waits for the body");
    server.close.send(true).unwrap();
    // Closing has begun when no connection is taken any more.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.serving.is_finished());
    under_way.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.serving.await.unwrap(), 0);
    let query = crate::store::TaskQuery {
        limit: 10,
        ..Default::default()
    };
    let workspace = "default".parse().unwrap();
    let accepted = server.store.list(&workspace, &query).await.unwrap();
    assert_eq!(accepted.len(), 1);
    assert!(server.client.get(&url).send().await.is_err());
}

#[tokio::test]
async fn answers_are_held_back_while_many_tasks_wait() {
    let server = Server::start().await;
    let url = server.webhook("Form").await;
    // 1,024 wait: 512 more than are let pass at once, for each 64 of which an answer waits a millisecond.
    let sent = (0..1024).map(|_| server.send(&url, "{}"));
    let statuses = futures_util::stream::iter(sent).buffer_unordered(64);
    assert!(statuses.all(async |(status, _)| status == 200).await);
    let begun = std::time::Instant::now();
    let response = server.client.post(&url).body("{}").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(begun.elapsed() >= Duration::from_millis(8));
}
