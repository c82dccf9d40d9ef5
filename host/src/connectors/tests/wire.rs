//! An ordinary call: what goes over the wire and what comes back.

use super::*;

/// "hello hello hello hello\n" through `gzip -n`.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\xb9\x00\x00\x88\x59\x0b\x18\x00\x00\x00";
/// The same through zlib.
const ZLIB: &[u8] = b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\xb9\x00\x70\xbe\x08\xbb";
const TEXT: &[u8] = b"hello hello hello hello\n";

#[tokio::test]
async fn a_call_is_sent_as_asked_and_answered_as_it_came() {
    let upstream = Upstream::start(|_| {
        Answer::with(
            "418 Whatever\r\nX-B: 1\r\nx-a: 2\r\nX-B: gr\u{fc}\u{df}e\r\nConnection: keep-alive\r\nSet-Cookie: a=b",
            "tea",
        )
    })
    .await;
    let client = open();
    let mut post = request("POST", upstream.url("/a%20b?q=1#f"));
    post.headers = vec![
        ("X-One".into(), "1".into()),
        ("Content-Type".into(), "text/plain".into()),
    ];
    post.body = b"body".to_vec();
    let response = fetch(&client, post.clone()).await.unwrap();
    assert_eq!(
        (response.status, response.status_text.as_str()),
        (418, "Whatever")
    );
    assert_eq!(response.body, b"tea");
    let values = |name| -> Vec<&str> {
        response
            .headers
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
            .collect()
    };
    assert_eq!(values("x-b"), ["1", "grüße"]);
    assert_eq!(values("x-a"), ["2"]);
    assert_eq!(values("set-cookie"), ["a=b"]);
    assert!(values("connection").is_empty());

    fetch(&client, post).await.unwrap();
    let seen = upstream.seen();
    assert_eq!(seen[0].line, "POST /a%20b?q=1 HTTP/1.1");
    assert_eq!(seen[0].body, b"body");
    assert_eq!(
        seen[0].header("host"),
        Some(upstream.address.to_string().as_str())
    );
    assert_eq!(seen[0].header("x-one"), Some("1"));
    assert_eq!(seen[0].header("idempotency-key"), Some("task-1-0"));
    assert_eq!(seen[0].header("content-length"), Some("4"));
    assert_eq!(seen[0].header("accept-encoding"), Some("gzip, deflate"));
    assert_eq!(seen[0].header("accept"), Some("*/*"));
    let agent = concat!("stepwell/", env!("CARGO_PKG_VERSION"));
    assert_eq!(seen[0].header("user-agent"), Some(agent));
    assert_eq!(seen[1].header("cookie"), None, "cookies are not kept");
}

#[tokio::test]
async fn connections_are_used_again() {
    let upstream = Upstream::start(|_| Answer::ok("x")).await;
    let client = open();
    for _ in 0..20 {
        fetch(&client, get(upstream.url("/"))).await.unwrap();
        fetch(&client.clone(), request("POST", upstream.url("/")))
            .await
            .unwrap();
    }
    assert_eq!((upstream.seen().len(), upstream.connections()), (40, 1));
    assert_eq!(upstream.seen()[1].header("content-length"), Some("0"));
}

#[tokio::test]
async fn bodies_are_decompressed() {
    let upstream = Upstream::start(|seen| match seen.path() {
        "/gzip" => Answer::with("200 OK\r\ncontent-encoding: gzip", GZIP),
        "/deflate" => Answer::with("200 OK\r\ncontent-encoding: deflate", ZLIB),
        "/br" => Answer::with("200 OK\r\ncontent-encoding: br", "left alone"),
        "/cut" => Answer::with("200 OK\r\ncontent-encoding: gzip", &GZIP[..20]),
        _ => Answer::with("200 OK\r\ncontent-encoding: gzip", "no gzip"),
    })
    .await;
    let client = open();
    for path in ["/gzip", "/deflate"] {
        let response = fetch(&client, get(upstream.url(path))).await.unwrap();
        assert_eq!(response.body, TEXT, "{path}");
        for gone in ["content-encoding", "content-length"] {
            assert!(
                response.headers.iter().all(|(name, _)| name != gone),
                "{path} {gone}"
            );
        }
    }
    let response = fetch(&client, get(upstream.url("/br"))).await.unwrap();
    assert_eq!(response.body, b"left alone");
    broken(fetch(&client, get(upstream.url("/cut"))).await);
    broken(fetch(&client, get(upstream.url("/bad"))).await);
}

#[tokio::test]
async fn a_head_has_no_body_whatever_its_headers_say() {
    let upstream = Upstream::start(|seen| match seen.path() {
        "/gzip" => Answer::Bytes(
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n".to_vec(),
        ),
        _ => Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec()),
    })
    .await;
    for path in ["/gzip", "/"] {
        let response = fetch(&open(), request("HEAD", upstream.url(path)))
            .await
            .unwrap();
        assert!(response.body.is_empty());
    }
}

#[tokio::test]
async fn a_wrong_request_leaves_no_trace() {
    let upstream = Upstream::start(|_| Answer::ok("")).await;
    let base = get(upstream.url("/"));
    let wrong = [
        FetchRequest {
            timeout_ms: Some(0),
            ..base.clone()
        },
        FetchRequest {
            method: "TRACE".into(),
            ..base.clone()
        },
        FetchRequest {
            headers: vec![("Host".into(), "x".into())],
            ..base.clone()
        },
        FetchRequest {
            headers: vec![("A".into(), "b\r\nC: d".into())],
            ..base.clone()
        },
        FetchRequest {
            body: vec![0; FetchSettings::default().request_bytes + 1],
            ..base.clone()
        },
        FetchRequest {
            url: upstream.url("/").replace("//", "//u:p@"),
            ..base.clone()
        },
        FetchRequest {
            url: "ftp://127.0.0.1/".into(),
            ..base
        },
    ];
    for request in wrong {
        let result = fetch(&open(), request).await;
        assert!(matches!(result, Err(FetchError::Invalid(_))), "{result:?}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_refused_connection_is_a_broken_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let text = broken(fetch(&open(), get(closed)).await);
    assert!(text.contains("refused"), "{text}");
    let client = FetchClient::with_resolver(settings(&[]), Names::of(&[])).unwrap();
    let text = broken(fetch(&client, get("http://nowhere.example/")).await);
    assert_eq!(text, "`nowhere.example` has no address");
}
