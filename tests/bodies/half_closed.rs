//! Senders that shut down their side of the connection behind the request, over raw sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::support::Server;

/// Writes the pieces, shuts down the sending side, and reads until the other side is shut down too.
fn answer(url: &str, pieces: &[&str]) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    for piece in pieces {
        stream.write_all(piece.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn head(webhook: &str, rest: &str) -> String {
    let key = webhook.rsplit('/').next().unwrap();
    format!("POST /event/{key} HTTP/1.1\r\nhost: x\r\n{rest}\r\n\r\n")
}

#[tokio::test]
async fn each_gets_its_answer_and_its_task() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let sized = head(&webhook, "content-length: 7");
    let closing = head(&webhook, "connection: close\r\ncontent-length: 7");
    let chunked = head(&webhook, "transfer-encoding: chunked");
    let whole = format!("{sized}{{\"a\":1}}");
    let mut sent = 0;
    for pieces in [
        vec![whole.as_str()],
        vec![&sized, "{\"a\":1}"],
        vec![&sized, "{\"a\"", ":1}"],
        vec![&closing, "{\"a\":1}"],
        vec![&chunked, "7\r\n{\"a\":1}\r\n0\r\n\r\n"],
        // Two requests on one connection.
        vec![&whole, &whole],
    ] {
        for _ in 0..15 {
            let url = server.url.clone();
            let owned: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
            let text = tokio::task::spawn_blocking(move || {
                let pieces: Vec<&str> = owned.iter().map(String::as_str).collect();
                answer(&url, &pieces)
            });
            let text = text.await.unwrap();
            let answers = text.matches("HTTP/1.1 200 OK").count();
            assert_eq!(
                answers,
                pieces.join("").matches("POST").count(),
                "{pieces:?}: {text}"
            );
            assert_eq!(text.matches("{\"task\":\"").count(), answers, "{text}");
            sent += answers;
        }
    }
    assert_eq!(server.tasks("limit=200").await.len(), sent);
}

/// The rest of the body cannot come any more: the server does not wait for it, and keeps nothing of the request.
#[tokio::test]
async fn half_a_request_ends_at_once() {
    let server = Server::start().await;
    let webhook = server.webhook("w").await;
    let sized = head(&webhook, "content-length: 7");
    let chunked = head(&webhook, "transfer-encoding: chunked");
    for (pieces, is_answered) in [
        (vec![&sized[..40]], false),
        (vec![""], false),
        (vec![&sized, "{\"a\""], true),
        (vec![&chunked, "7\r\n{\"a\":1}\r\n"], true),
    ] {
        let url = server.url.clone();
        let owned: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let text = tokio::task::spawn_blocking(move || {
            let pieces: Vec<&str> = owned.iter().map(String::as_str).collect();
            answer(&url, &pieces)
        });
        let text = text.await.unwrap();
        assert!(!text.contains("200 OK"), "{pieces:?}: {text}");
        if is_answered {
            assert!(
                text.contains("\"code\":\"broken-body\""),
                "{pieces:?}: {text}"
            );
        }
    }
    assert!(server.tasks("").await.is_empty());
    server.is_well().await;
}

/// One that does not read either keeps no connection from others.
#[tokio::test]
async fn one_that_is_gone_is_noticed() {
    let server = Server::with(&["--connections", "4"]).await;
    let webhook = server.webhook("w").await;
    let request = format!("{}{{\"a\":1}}", head(&webhook, "content-length: 7"));
    for _ in 0..40 {
        let address = server.url.strip_prefix("http://").unwrap().to_owned();
        let request = request.clone();
        let gone = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            drop(stream);
        });
        gone.await.unwrap();
    }
    server.is_well().await;
}
