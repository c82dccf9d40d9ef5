//! What a guest gets of an answer: its phrase, its final address, its decoded body.

use std::future::Future;
use std::pin::Pin;

use super::*;
use crate::connectors::payer::Unbounded;
use crate::connectors::{Pace, Paced, Payer};
use crate::domain::blocking::{BlockingPool, Executor, Work};
use crate::domain::budget::{Charge, Permit};
use crate::domain::effect::FetchResponse;

/// "one " and "two\n", each through `gzip -n`: two members, one body.
fn two_members() -> Vec<u8> {
    use std::io::Write;
    let member = |text: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text).unwrap();
        out.finish().unwrap()
    };
    [member(b"one "), member(b"two\n")].concat()
}

fn raw_deflate(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn header<'r>(response: &'r FetchResponse, name: &str) -> Vec<&'r str> {
    let named = response.headers.iter().filter(|(own, _)| own == name);
    named.map(|(_, value)| value.as_str()).collect()
}

/// Threads that remember for whom they worked.
#[derive(Default)]
struct Counted(Mutex<Vec<WorkspaceName>>);

impl BlockingPool for Counted {
    fn run<'a>(
        &'a self,
        workspace: &'a WorkspaceName,
        work: Work,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.0.lock().push(workspace.clone());
        Box::pin(async move { work() })
    }
}

/// Notes what is waited for, and what is charged meanwhile.
#[derive(Default)]
struct Asked(Mutex<Vec<usize>>, Mutex<Vec<u64>>, Option<Arc<Permit>>);

impl Pace for Asked {
    fn wait<'a>(
        &'a self,
        _: &'a WorkspaceName,
        bytes: usize,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.0.lock().push(bytes);
        let used = self.2.as_ref().map_or(0, |permit| permit.used());
        self.1.lock().push(used);
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_large_answer_comes_in_at_the_callers_pace() {
    const FREE: usize = 64 * 1024;
    let upstream = Upstream::start(|seen| match seen.path() {
        "/small" => Answer::with("200 OK", vec![b'x'; FREE]),
        "/large" => Answer::with("200 OK", vec![b'x'; 1_000_000]),
        "/chunked" => {
            let mut bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for _ in 0..100 {
                bytes.extend_from_slice(b"2710\r\n");
                bytes.extend_from_slice(&[b'x'; 10_000]);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            Answer::Bytes(bytes)
        }
        _ => {
            use std::io::Write;
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(&[0; 1_000_000]).unwrap();
            Answer::with("200 OK\r\ncontent-encoding: gzip", out.finish().unwrap())
        }
    })
    .await;
    let (client, caller) = (open(), caller());
    let executor: Arc<dyn Executor> = Arc::new(Unbounded);
    for path in ["/small", "/large", "/chunked", "/bomb"] {
        let permit = Arc::new(Permit::unlimited());
        let memory = Charge::new(permit.clone());
        let asked = Arc::new(Asked(Mutex::default(), Mutex::default(), Some(permit)));
        let payer = Payer {
            memory: &memory,
            pool: &Unbounded,
            executor: &executor,
            pace: &Paced::new(asked.clone()),
        };
        let policy = WorkspacePolicy::default();
        let request = get(upstream.url(path));
        let answer = client.fetch_within((&caller, &policy), request, "task-1-0", payer);
        let length = answer.await.unwrap().body.len();
        let charged = asked.1.lock().clone();
        let asked = asked.0.lock().clone();
        match path {
            "/small" => assert_eq!((length, asked), (FREE, vec![])),
            // Its length is known, so it waits once.
            "/large" => assert_eq!((length, asked), (1_000_000, vec![1_000_000 - FREE])),
            "/chunked" => {
                assert_eq!(length, 1_000_000);
                let sum: usize = asked.iter().sum();
                assert!(sum >= length - FREE && sum < length + FREE, "{asked:?}");
                assert!(asked.iter().all(|bytes| *bytes >= FREE), "{asked:?}");
            }
            _ => {
                assert_eq!((length, asked), (1_000_000, vec![1_000_000 - FREE]));
                assert!(charged[0] >= 2_000_000, "it is in memory: {charged:?}");
            }
        }
    }
}

/// Else a call that has little of its answer yet would have room for all of it that no one counts.
#[tokio::test]
async fn a_large_answer_is_charged_for_what_it_announces() {
    let upstream = Upstream::start(|_| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n";
        Answer::Bytes([head.as_slice(), &[b'x'; 100_000]].concat())
    })
    .await;
    let (client, caller) = (open(), caller());
    let executor: Arc<dyn Executor> = Arc::new(Unbounded);
    let permit = Arc::new(Permit::unlimited());
    let memory = Charge::new(permit.clone());
    let payer = Payer {
        memory: &memory,
        pool: &Unbounded,
        executor: &executor,
        pace: &Paced::default(),
    };
    let policy = WorkspacePolicy::default();
    let request = get(upstream.url("/cut"));
    let answer = client.fetch_within((&caller, &policy), request, "task-1-0", payer);
    let charged = async {
        while permit.used() < 6_000_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // It may be cut short before the next look.
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        tokio::select! {
            () = charged => {}
            answer = answer => assert!(answer.is_err()),
        }
    });
    waited.await.unwrap();
    assert_eq!(permit.used(), 6_000_000);
}

#[tokio::test]
async fn decoding_is_the_callers_work() {
    let upstream = Upstream::start(|seen| match seen.path() {
        "/plain" => Answer::with("200 OK", "one two\n"),
        "/cut" => Answer::with("200 OK\r\ncontent-encoding: gzip", &two_members()[..30]),
        _ => Answer::with("200 OK\r\ncontent-encoding: gzip", two_members()),
    })
    .await;
    let (client, pool, caller) = (open(), Counted::default(), caller());
    let memory = Charge::new(Arc::new(Permit::unlimited()));
    let executor: Arc<dyn Executor> = Arc::new(Unbounded);
    let payer = Payer {
        memory: &memory,
        pool: &pool,
        executor: &executor,
        pace: &Paced::default(),
    };
    // What cannot be decoded is work as well.
    for (path, times) in [("/plain", 0), ("/gzip", 1), ("/cut", 2)] {
        let policy = WorkspacePolicy::default();
        let request = get(upstream.url(path));
        let answer = client.fetch_within((&caller, &policy), request, "task-1-0", payer);
        let answer = answer.await;
        assert_eq!(answer.is_ok(), path != "/cut", "{answer:?}");
        assert_eq!(*pool.0.lock(), vec![caller.clone(); times], "{path}");
    }
}

#[tokio::test]
async fn bodies_are_decoded_whole_over_the_wire() {
    let upstream = Upstream::start(|seen| match seen.path() {
        "/members" => Answer::with("200 OK\r\ncontent-encoding: gzip", two_members()),
        "/x-gzip" => Answer::with("200 OK\r\nContent-Encoding: X-Gzip", two_members()),
        "/deflate" => Answer::with(
            "200 OK\r\ncontent-encoding: deflate",
            raw_deflate(b"one two\n"),
        ),
        "/lines" => Answer::with(
            "200 OK\r\ncontent-encoding: gzip\r\ncontent-encoding: deflate",
            raw_deflate(&two_members()),
        ),
        // Cut off, and the connection says nothing of it.
        "/cut" => {
            let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n".to_vec();
            bytes.extend_from_slice(&two_members()[..30]);
            Answer::Last(bytes)
        }
        _ => Answer::with("200 OK\r\ncontent-encoding: br", "as it is"),
    })
    .await;
    let client = open();
    for path in ["/members", "/x-gzip", "/deflate", "/lines"] {
        let response = fetch(&client, get(upstream.url(path))).await.unwrap();
        assert_eq!(response.body, b"one two\n", "{path}");
        assert_eq!(header(&response, "content-encoding"), [""; 0], "{path}");
    }
    let text = broken(fetch(&client, get(upstream.url("/cut"))).await);
    assert!(text.starts_with("the body is no whole gzip"), "{text}");
    let response = fetch(&client, get(upstream.url("/br"))).await.unwrap();
    assert_eq!(response.body, b"as it is");
    assert_eq!(header(&response, "content-encoding"), ["br"]);
    assert_eq!(header(&response, "content-length"), ["8"]);
}

#[tokio::test]
async fn a_response_without_a_body_keeps_what_its_headers_say() {
    let upstream = Upstream::start(|seen| {
        let status = match seen.path() {
            "/204" => "204 No Content",
            "/304" => "304 Not Modified",
            _ => "200 OK",
        };
        let length = if seen.method() == "HEAD" { 20 } else { 0 };
        let length = match seen.path() {
            "/204" | "/304" => String::new(),
            _ => format!("content-length: {length}\r\n"),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-encoding: gzip\r\n{length}\r\n");
        Answer::Bytes(head.into_bytes())
    })
    .await;
    for (method, path) in [
        ("HEAD", "/"),
        ("GET", "/204"),
        ("GET", "/304"),
        ("GET", "/empty"),
    ] {
        let response = fetch(&open(), request(method, upstream.url(path)))
            .await
            .unwrap();
        assert!(response.body.is_empty(), "{method} {path}");
        assert_eq!(
            header(&response, "content-encoding"),
            ["gzip"],
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn the_phrase_is_the_servers() {
    let upstream = Upstream::start(|seen| {
        let status = match seen.path() {
            "/email" => b"400 Email is invalid".to_vec(),
            "/none" => b"400 ".to_vec(),
            "/nothing" => b"400".to_vec(),
            "/unknown" => b"599 Whatever it is".to_vec(),
            "/latin" => b"400 gr\xfc\xdfe".to_vec(),
            "/utf8" => "400 grüße".as_bytes().to_vec(),
            _ => b"400 Bad Request".to_vec(),
        };
        Answer::Bytes([b"HTTP/1.1 ", &status[..], b"\r\ncontent-length: 0\r\n\r\n"].concat())
    })
    .await;
    let client = open();
    for (path, phrase) in [
        ("/email", "Email is invalid"),
        ("/usual", "Bad Request"),
        ("/none", ""),
        ("/nothing", ""),
        ("/unknown", "Whatever it is"),
        // The HTTP parser gives none that has letters beyond ASCII.
        ("/latin", ""),
        ("/utf8", ""),
    ] {
        let response = fetch(&client, get(upstream.url(path))).await.unwrap();
        assert_eq!(response.status_text, phrase, "{path}");
    }
}

#[tokio::test]
async fn the_final_address_is_kept_where_redirects_led() {
    let upstream = Upstream::start(|seen| match seen.path() {
        "/one" => Answer::redirect(302, "/two?q=1#part"),
        "/two?q=1" => Answer::redirect(307, "end"),
        "/self?" => Answer::redirect(301, "/end"),
        _ => Answer::with(
            "200 OK\r\nset-cookie: a=1\r\nx: y\r\nset-cookie: b=2, c",
            "x",
        ),
    })
    .await;
    let client = open();
    let landed = async |request| {
        let mut response = fetch(&client, request).await.unwrap();
        assert_eq!(
            header(&response, ":url").len(),
            usize::from(response.clone().take_landed().is_some())
        );
        let landed = response.take_landed();
        assert_eq!(header(&response, ":url"), [""; 0]);
        landed
    };
    let end = Some(upstream.url("/end"));
    assert_eq!(landed(get(upstream.url("/one"))).await, end);
    assert_eq!(landed(get(upstream.url("/self?"))).await, end);
    assert_eq!(landed(get(upstream.url("/end#part"))).await, None);
    let manual = FetchRequest {
        redirect: Redirect::Manual,
        ..get(upstream.url("/one"))
    };
    assert_eq!(landed(manual).await, None);
    let response = fetch(&client, get(upstream.url("/end"))).await.unwrap();
    assert_eq!(header(&response, "set-cookie"), ["a=1", "b=2, c"]);
}

#[tokio::test]
async fn a_server_cannot_forge_the_final_address() {
    let upstream = Upstream::start(|_| {
        Answer::Bytes(
            b"HTTP/1.1 200 OK\r\n:url: http://evil.example/\r\ncontent-length: 0\r\n\r\n".to_vec(),
        )
    })
    .await;
    broken(fetch(&open(), get(upstream.url("/"))).await);
}

#[tokio::test]
async fn values_of_headers_are_trimmed_before_they_are_sent() {
    let upstream = Upstream::start(|_| Answer::ok("")).await;
    let mut asked = get(upstream.url("/"));
    asked.headers = [
        ("Authorization", "Bearer abc\n"),
        ("X-Tabs", "\t\r\n a\tb \n"),
        ("X-Empty", " \n"),
        ("X-Latin", "grüße"),
        ("Content-Length", "0\n"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .to_vec();
    fetch(&open(), asked).await.unwrap();
    let seen = upstream.seen().remove(0);
    for (name, value) in [
        ("authorization", "Bearer abc"),
        ("x-tabs", "a\tb"),
        ("x-empty", ""),
        ("x-latin", "grüße"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
}
