use proptest::prelude::*;

use super::super::call_summary;
use super::*;
use crate::domain::effect::{CallRequest, Redirect};

fn request() -> FetchRequest {
    FetchRequest {
        url: "https://api.example.com/".into(),
        method: "POST".into(),
        headers: Vec::new(),
        body: b"body".to_vec(),
        timeout_ms: None,
        redirect: Redirect::Follow,
    }
}

fn hop(request: FetchRequest) -> Result<Hop, String> {
    Hop::new(request, "task-1-0", 8)
}

#[track_caller]
fn refused(request: FetchRequest, part: &str) {
    let error = hop(request).expect_err(part);
    assert!(error.contains(part), "{error}");
}

#[test]
fn urls() {
    let table = [
        ("/relative", "no absolute URL"),
        ("", "no absolute URL"),
        ("http://", "no absolute URL"),
        ("http://1.2.3.4.5/", "no absolute URL"),
        ("http://a b/", "no absolute URL"),
        ("http://[::1/", "no absolute URL"),
        ("http://h:65536/", "no absolute URL"),
        ("file:///etc/passwd", "scheme is `file`"),
        ("ftp://h/", "scheme is `ftp`"),
        ("gopher://127.0.0.1:6379/_INFO", "scheme is `gopher`"),
        ("data:,x", "scheme is `data`"),
        ("unix:/run/docker.sock", "scheme is `unix`"),
        ("http+unix://x/", "scheme is `http+unix`"),
        ("http://user@h/", "a user or a password"),
        ("http://:secret@h/", "a user or a password"),
        ("http://good.example@127.0.0.1/", "a user or a password"),
    ];
    for (url, part) in table {
        refused(
            FetchRequest {
                url: url.into(),
                ..request()
            },
            part,
        );
    }
    let long = format!("http://h/{}", "a".repeat(URL_BYTES));
    refused(
        FetchRequest {
            url: long,
            ..request()
        },
        "and it may have 8192",
    );
    let swelling = format!("http://h/{}", "é".repeat(URL_BYTES / 3));
    refused(
        FetchRequest {
            url: swelling,
            ..request()
        },
        "and it may have 8192",
    );
    let secret = FetchRequest {
        url: "http://u:hunter2@h/".into(),
        ..request()
    };
    assert!(!hop(secret).unwrap_err().contains("hunter2"));
    let url = hop(FetchRequest {
        url: "HTTP://H:80/a#f".into(),
        ..request()
    })
    .unwrap()
    .url;
    assert_eq!(url.as_str(), "http://h/a");
}

#[test]
fn methods() {
    for (method, sent) in [
        ("post", "POST"),
        ("Patch", "PATCH"),
        ("PROPFIND", "PROPFIND"),
    ] {
        let hop = hop(FetchRequest {
            method: method.into(),
            ..request()
        })
        .unwrap();
        assert_eq!(hop.method.as_str(), sent);
    }
    for (method, part) in [
        ("", "no HTTP method"),
        ("GET /", "no HTTP method"),
        ("GET\r\nX: y", "no HTTP method"),
        ("GÉT", "no HTTP method"),
        ("connect", "CONNECT is not allowed"),
        ("TRACE", "TRACE is not allowed"),
        ("Track", "TRACK is not allowed"),
    ] {
        refused(
            FetchRequest {
                method: method.into(),
                ..request()
            },
            part,
        );
    }
    refused(
        FetchRequest {
            method: "M".repeat(10_000),
            ..request()
        },
        "no HTTP method",
    );
}

#[test]
fn headers_that_are_not_the_guests() {
    let table = [
        ("Host", "other.example", "`host` may not be set"),
        ("Connection", "close", "`connection` may not be set"),
        ("Keep-Alive", "1", "`keep-alive` may not be set"),
        (
            "Transfer-Encoding",
            "chunked",
            "`transfer-encoding` may not be set",
        ),
        ("TE", "trailers", "`te` may not be set"),
        ("Trailer", "x", "`trailer` may not be set"),
        ("Upgrade", "websocket", "`upgrade` may not be set"),
        ("HTTP2-Settings", "x", "`http2-settings` may not be set"),
        (
            "Proxy-Authorization",
            "x",
            "`proxy-authorization` may not be set",
        ),
        ("Proxy-Connection", "x", "`proxy-connection` may not be set"),
        ("Expect", "100-continue", "`expect` may not be set"),
        ("Content-Length", "5", "says `5`, and the body has 4"),
        ("Content-Length", "+4", "says `+4`"),
        ("Content-Length", "4, 4", "says `4, 4`"),
        ("", "x", "no header name"),
        ("X Y", "x", "no header name"),
        ("X:", "x", "no header name"),
        (":authority", "x", "no header name"),
        ("X\r\nHost", "x", "no header name"),
        ("Ünicode", "x", "no header name"),
        ("X-A", "a\r\nHost: b", "`x-a` has a line end in it"),
        ("X-A", "a\nb", "`x-a` has a line end in it"),
        ("X-A", "\n\na\rb\n", "`x-a` has a line end in it"),
        ("X-A", "a\u{7f}", "`x-a` has a control character in it"),
        ("X-A", "a\0b", "control character"),
    ];
    for (name, value, part) in table {
        let headers = vec![(name.to_owned(), value.to_owned())];
        refused(
            FetchRequest {
                headers,
                ..request()
            },
            part,
        );
    }
}

#[test]
fn headers_that_are() {
    let headers = vec![
        ("Content-Length".into(), " 4".into()),
        ("X-Multi".into(), "1".into()),
        ("x-multi".into(), "2".into()),
        ("X-Utf8".into(), "grüße".into()),
    ];
    let hop = hop(FetchRequest {
        headers,
        ..request()
    })
    .unwrap();
    assert!(!hop.headers.contains_key(CONTENT_LENGTH));
    let multi: Vec<_> = hop.headers.get_all("x-multi").iter().collect();
    assert_eq!(multi, ["1", "2"]);
    assert_eq!(hop.headers["x-utf8"].as_bytes(), "grüße".as_bytes());
    assert_eq!(hop.headers[USER_AGENT], AGENT);
    assert_eq!(hop.headers[IDEMPOTENCY_KEY], "task-1-0");
}

#[test]
fn the_guests_own_agent_and_key_stay() {
    let headers = vec![
        ("User-Agent".into(), "mine".into()),
        ("Idempotency-Key".into(), "own".into()),
    ];
    let hop = hop(FetchRequest {
        headers,
        ..request()
    })
    .unwrap();
    assert_eq!(hop.headers[USER_AGENT], "mine");
    assert_eq!(hop.headers[IDEMPOTENCY_KEY], "own");
}

#[test]
fn sizes() {
    refused(
        FetchRequest {
            body: vec![0; 9],
            ..request()
        },
        "9 bytes, and a request may have 8",
    );
    let many = vec![("a".to_owned(), String::new()); HEADERS + 1];
    refused(
        FetchRequest {
            headers: many,
            ..request()
        },
        "101 headers",
    );
    let large = vec![("a".to_owned(), "v".repeat(HEADER_BYTES))];
    refused(
        FetchRequest {
            headers: large,
            ..request()
        },
        "they may have 65536",
    );
}

proptest! {
    /// Whatever a guest asks for, what is left of it is safe to judge and to send.
    #[test]
    fn any_request_is_refused_or_sound(
        method in "[A-Z]{1,8}|\\PC{0,8}",
        url in "https?://[^/]{0,20}/\\PC{0,20}|\\PC{0,40}",
        headers in prop::collection::vec(("[a-zA-Z-]{1,20}|.{0,10}", "\\PC{0,20}|.{0,10}"), 0..4),
    ) {
        let asked = FetchRequest { method, url, headers, ..request() };
        prop_assert!(call_summary(&CallRequest::Fetch(asked.clone())).chars().count() <= 301);
        if let Ok(hop) = hop(asked) {
            prop_assert!(hop.url.has_host() && hop.url.username().is_empty());
            prop_assert!(matches!(hop.url.scheme(), "http" | "https"));
            prop_assert!(hop.headers.keys().all(|name| reserved(name).is_none()));
            prop_assert!(!hop.headers.contains_key(CONTENT_LENGTH));
            prop_assert!(hop.url.as_str().parse::<reqwest::Url>().is_ok());
        }
    }
}

#[test]
fn foreign_text_is_quoted_safely() {
    assert_eq!(quoted("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
    assert_eq!(quoted(&"x".repeat(1000)).chars().count(), QUOTED + 1);
}
