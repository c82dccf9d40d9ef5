//! Connections that the upstream closes: which requests are sent once more, and which are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Barrier;

use super::*;

/// An upstream that answers `/warm`, and does as the test says when it is asked anything else for the
/// first `times` times; after that it answers `ok`.
async fn closing(times: usize, answer: impl Fn() -> Answer + Send + Sync + 'static) -> Upstream {
    let asked = AtomicUsize::new(0);
    Upstream::start(move |seen| match seen.path() {
        "/warm" => Answer::ok("warm"),
        _ if asked.fetch_add(1, Ordering::SeqCst) < times => answer(),
        _ => Answer::ok("ok"),
    })
    .await
}

/// Asks over a connection that was used before.
async fn reused(upstream: &Upstream, request: FetchRequest) -> FetchResult {
    let client = open();
    fetch(&client, get(upstream.url("/warm"))).await.unwrap();
    assert_eq!(upstream.connections(), 1);
    fetch(&client, request).await
}

fn silence() -> Answer {
    Answer::Last(Vec::new())
}

#[tokio::test]
async fn an_idempotent_request_is_sent_once_more_on_a_new_connection() {
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
        let upstream = closing(1, silence).await;
        let mut asked = request(method, upstream.url("/x"));
        if method == "PUT" {
            asked.body = b"whole".to_vec();
        }
        let response = reused(&upstream, asked.clone()).await.unwrap();
        assert_eq!(response.status, 200, "{method}");
        let seen = upstream.seen();
        assert_eq!((seen.len(), upstream.connections()), (3, 2), "{method}");
        for again in &seen[1..] {
            assert_eq!(again.method(), method);
            assert_eq!(again.body, asked.body);
            assert_eq!(again.header("idempotency-key"), Some("task-1-0"));
        }
    }
}

#[tokio::test]
async fn a_request_that_may_have_done_something_is_not_sent_again() {
    for method in ["POST", "PATCH", "PURGE"] {
        let upstream = closing(1, silence).await;
        let text = broken(reused(&upstream, request(method, upstream.url("/x"))).await);
        assert!(
            text.contains("closed a kept connection without an answer"),
            "{text}"
        );
        assert_eq!(upstream.seen().len(), 2, "{method}");
    }
}

#[tokio::test]
async fn a_key_that_the_step_has_set_makes_a_post_repeatable() {
    let upstream = closing(1, silence).await;
    let mut post = request("POST", upstream.url("/x"));
    post.headers = vec![("Idempotency-Key".into(), "order-7".into())];
    post.body = b"order".to_vec();
    assert_eq!(reused(&upstream, post).await.unwrap().body, b"ok");
    let seen = upstream.seen();
    assert_eq!(seen.len(), 3);
    for again in &seen[1..] {
        assert_eq!(again.header("idempotency-key"), Some("order-7"));
        assert_eq!(again.body, b"order");
    }
}

#[tokio::test]
async fn once_more_is_once() {
    let upstream = closing(9, silence).await;
    broken(reused(&upstream, get(upstream.url("/x"))).await);
    assert_eq!(upstream.seen().len(), 3);
}

#[tokio::test]
async fn a_new_connection_that_is_closed_is_the_servers_fault() {
    let upstream = closing(1, silence).await;
    broken(fetch(&open(), get(upstream.url("/x"))).await);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_asked_for_again() {
    for begun in [
        "H",
        "HTTP/1.1 200 OK\r\nx-a: 1",
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n",
    ] {
        let upstream = closing(1, || Answer::Last(begun.into())).await;
        broken(reused(&upstream, get(upstream.url("/x"))).await);
        assert_eq!(upstream.seen().len(), 2, "{begun:?}");
    }
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_is_whole() {
    let upstream = closing(1, || {
        Answer::Last(b"HTTP/1.1 200 OK\r\n\r\nall of it".to_vec())
    })
    .await;
    let response = reused(&upstream, get(upstream.url("/x"))).await.unwrap();
    assert_eq!(response.body, b"all of it");
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn both_times_are_within_the_calls_timeout() {
    let asked = AtomicUsize::new(0);
    let upstream = Upstream::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::ok("warm"),
        1 => silence(),
        _ => Answer::Drip(Vec::new(), Vec::new()),
    })
    .await;
    let client = open();
    fetch(&client, get(upstream.url("/"))).await.unwrap();
    let short = FetchRequest {
        timeout_ms: Some(300),
        ..get(upstream.url("/"))
    };
    assert_eq!(
        fetch(&client, short).await.unwrap_err(),
        FetchError::Timeout(300)
    );
    assert_eq!(upstream.seen().len(), 3);
}

#[tokio::test]
async fn a_pool_full_of_closed_connections_is_no_error() {
    let (asked, all) = (AtomicUsize::new(0), Arc::new(Barrier::new(4)));
    let upstream = Upstream::start(move |seen| match seen.path() {
        // None is answered before all are there, so each call has a connection of its own.
        "/warm" => Answer::ok("warm").when(&all),
        _ if asked.fetch_add(1, Ordering::SeqCst) == 0 => silence(),
        _ => Answer::ok("ok"),
    })
    .await;
    let client = open();
    let warm = (0..4).map(|_| fetch(&client, get(upstream.url("/warm"))));
    for response in futures_util::future::join_all(warm).await {
        response.unwrap();
    }
    let response = fetch(&client, get(upstream.url("/x"))).await.unwrap();
    assert_eq!(response.body, b"ok");
    assert_eq!(upstream.seen().len(), 6);
}
