//! Servers that mean harm: too much, too slow, or no HTTP.

use super::*;

/// A raw deflate stream of zero bytes that never ends: one fixed-Huffman block, the literal 0, then
/// matches of length 258 at distance 1, 13 bits for 258 bytes.
fn zeros(times: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    bits.extend([false, false, true, true, false, false, false, false]);
    let matched = [
        true, true, false, false, false, true, false, true, false, false, false, false, false,
    ];
    for _ in 0..times {
        bits.extend(matched);
    }
    let byte = |eight: &[bool]| {
        eight
            .iter()
            .rev()
            .fold(0, |byte, &bit| byte << 1 | u8::from(bit))
    };
    bits.chunks(8).map(byte).collect()
}

fn bomb(coding: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = match coding {
        "gzip" => b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(),
        _ => b"\x78\x9c".to_vec(),
    };
    // 100,000 matches are 25 MB in 160 KB.
    bytes.extend(zeros(100_000));
    bytes
}

#[tokio::test]
async fn bombs_are_too_large() {
    let upstream = Upstream::start(|seen| {
        let coding = &seen.path()[1..];
        Answer::with(
            &format!("200 OK\r\ncontent-encoding: {coding}"),
            bomb(coding),
        )
    })
    .await;
    for coding in ["gzip", "deflate"] {
        let result = fetch(&open(), get(upstream.url(&format!("/{coding}")))).await;
        let most = FetchSettings::default().response_bytes as u64;
        assert_eq!(result.unwrap_err(), FetchError::TooLarge(most), "{coding}");
    }
}

#[tokio::test]
async fn a_body_may_have_the_bound_and_not_a_byte_more() {
    let upstream = Upstream::start(|seen| {
        let length: usize = seen.path()[2..].parse().unwrap();
        match &seen.path()[1..2] {
            "l" => Answer::ok(vec![b'x'; length]),
            // Without a length, so only the counting can tell.
            _ => {
                let mut bytes =
                    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n")
                        .into_bytes();
                bytes.extend(vec![b'x'; length]);
                bytes.extend_from_slice(b"\r\n0\r\n\r\n");
                Answer::Bytes(bytes)
            }
        }
    })
    .await;
    let client = FetchSettings {
        response_bytes: 1000,
        ..settings(&["127.0.0.1"])
    };
    let client = FetchClient::new(client).unwrap();
    for kind in ["l", "c"] {
        let whole = fetch(&client, get(upstream.url(&format!("/{kind}1000"))))
            .await
            .unwrap();
        assert_eq!(whole.body.len(), 1000);
        let over = fetch(&client, get(upstream.url(&format!("/{kind}1001")))).await;
        assert_eq!(over.unwrap_err(), FetchError::TooLarge(1000));
    }
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let upstream = Upstream::start(move |seen| {
        let endless = |head: &[u8], more: &[u8]| Answer::Endless(head.to_vec(), more.repeat(64));
        let drip = |head: &[u8], more: &[u8]| Answer::Drip(head.to_vec(), more.to_vec());
        match seen.path() {
            "/body" => endless(chunked, b"8\r\n01234567\r\n"),
            "/body-without-length" => endless(b"HTTP/1.1 200 OK\r\n\r\n", b"01234567"),
            "/headers" => endless(b"HTTP/1.1 200 OK\r\n", b"x-a: 01234567\r\n"),
            "/one-header" => endless(b"HTTP/1.1 200 OK\r\nx-a: ", b"01234567"),
            "/interim" => endless(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
            "/chunk-extension" => endless(&[chunked, &b"8;a="[..]].concat(), b"01234567"),
            "/slow-body" => drip(chunked, b"1\r\nx\r\n"),
            "/slow-headers" => drip(b"HTTP/1.1 200 OK\r\nx-a: ", b"x"),
            "/empty-gzip-blocks" => drip(
                b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03",
                b"\0\0\0\xff\xff",
            ),
            _ => drip(b"", b""),
        }
    })
    .await;
    let client = open();
    let most = FetchSettings::default().response_bytes as u64;
    let result = |path| {
        let request = FetchRequest {
            timeout_ms: Some(1_000),
            ..get(upstream.url(path))
        };
        fetch(&client, request)
    };
    for path in ["/body", "/body-without-length"] {
        let error = fetch(&client, get(upstream.url(path))).await.unwrap_err();
        assert_eq!(error, FetchError::TooLarge(most), "{path}");
    }
    for path in ["/headers", "/one-header", "/chunk-extension"] {
        broken(fetch(&client, get(upstream.url(path))).await);
    }
    for path in [
        "/slow-body",
        "/slow-headers",
        "/empty-gzip-blocks",
        "/silence",
        "/interim",
    ] {
        assert_eq!(
            result(path).await.unwrap_err(),
            FetchError::Timeout(1_000),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_servers_own_timeouts_hold() {
    let upstream = Upstream::start(|_| Answer::Drip(Vec::new(), Vec::new())).await;
    let quick = FetchSettings {
        default_timeout: Duration::from_millis(60),
        max_timeout: Duration::from_millis(120),
        ..settings(&["127.0.0.1"])
    };
    let client = FetchClient::new(quick).unwrap();
    for (asked, held) in [
        (None, 60),
        (Some(30), 30),
        (Some(90), 90),
        (Some(u64::MAX), 120),
    ] {
        let request = FetchRequest {
            timeout_ms: asked,
            ..get(upstream.url("/"))
        };
        assert_eq!(
            fetch(&client, request).await.unwrap_err(),
            FetchError::Timeout(held)
        );
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_broken_connection() {
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    let large = format!("x-a: {}\r\n", "v".repeat(super::super::HEADER_BYTES));
    let upstream = Upstream::start(move |seen| {
        Answer::Bytes(match seen.path() {
            "/banner" => b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
            "/redis" => b"-ERR unknown command\r\n\r\n".to_vec(),
            "/status" => b"HTTP/1.1 99999 OK\r\n\r\n".to_vec(),
            "/folded" => {
                b"HTTP/1.1 200 OK\r\nx-a: 1\r\n folded\r\ncontent-length: 0\r\n\r\n".to_vec()
            }
            "/two-lengths" => {
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc".to_vec()
            }
            "/bad-length" => b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".to_vec(),
            "/bad-chunk" => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
            "/many" => format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n").into_bytes(),
            _ => format!("HTTP/1.1 200 OK\r\n{large}content-length: 0\r\n\r\n").into_bytes(),
        })
    })
    .await;
    let client = open();
    for path in [
        "/banner",
        "/redis",
        "/status",
        "/folded",
        "/two-lengths",
        "/bad-length",
        "/bad-chunk",
        "/many",
        "/large",
    ] {
        let text = broken(fetch(&client, get(upstream.url(path))).await);
        assert!(
            !text.is_empty() && !text.contains("http://"),
            "{path}: {text}"
        );
    }
    let text = broken(fetch(&client, get(upstream.url("/").replace("http:", "https:"))).await);
    assert!(
        !text.is_empty() && !text.contains("https://"),
        "no TLS: {text}"
    );
}

#[tokio::test]
async fn an_answer_to_nothing_is_not_given_to_the_next_call() {
    let upstream = Upstream::start(|seen| {
        let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec();
        if seen.path() == "/desync" {
            bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
        }
        Answer::Bytes(bytes)
    })
    .await;
    let client = open();
    for _ in 0..10 {
        for path in ["/desync", "/after"] {
            assert_eq!(
                fetch(&client, get(upstream.url(path))).await.unwrap().body,
                b"ok"
            );
        }
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_lets_go_of_its_connection() {
    let upstream = Upstream::start(|_| Answer::ok("x")).await;
    let client = open();
    for _ in 0..50 {
        let (caller, workspace) = (caller(), WorkspacePolicy::default());
        let call = client.fetch((&caller, &workspace), get(upstream.url("/")), "k");
        // Polled once and dropped: the call is somewhere between resolving and sending.
        let _ = tokio::time::timeout(Duration::ZERO, call).await;
    }
    assert_eq!(
        fetch(&client, get(upstream.url("/"))).await.unwrap().body,
        b"x"
    );
}
