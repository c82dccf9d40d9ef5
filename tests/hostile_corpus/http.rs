//! Bytes that a stranger sends. Each row: its name, the request with `KEY` for a webhook's key, the status of the first
//! answer (0: the connection is closed without one), and what the answer has. No refused request makes a task.

mod bodies;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Ground;
use crate::support::PATIENCE;

type Row = (&'static str, Vec<u8>, u16, &'static str);

/// A whole request with these header fields and this body.
fn post(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "POST /event/KEY HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn json(body: impl AsRef<[u8]>) -> Vec<u8> {
    post("content-type: application/json\r\n", body)
}

/// A request as it stands.
fn raw(text: impl Into<String>) -> Vec<u8> {
    text.into().into_bytes()
}

fn get(path: &str) -> Vec<u8> {
    raw(format!(
        "GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"
    ))
}

fn chunked(rest: &str) -> Vec<u8> {
    raw(format!(
        "POST /event/KEY HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{rest}"
    ))
}

pub(super) fn rows() -> Vec<Row> {
    [heads(), paths(), bodies::rows()].concat()
}

fn heads() -> Vec<Row> {
    let head = |fields: &str| {
        raw(format!(
            "POST /event/KEY HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{fields}\r\n\r\n{{}}"
        ))
    };
    vec![
        (
            "two lengths",
            head("content-length: 2\r\ncontent-length: 3"),
            400,
            "",
        ),
        ("a list of lengths", head("content-length: 2, 3"), 400, ""),
        (
            "a length below nothing",
            head("content-length: -2"),
            400,
            "",
        ),
        ("a length with a sign", head("content-length: +2"), 400, ""),
        (
            "a long length",
            head("content-length: 99999999999999999999999999"),
            400,
            "",
        ),
        (
            "a large length",
            head("content-length: 18446744073709551615"),
            431,
            "",
        ),
        (
            "a length in hexadecimal",
            head("content-length: 0x2"),
            400,
            "",
        ),
        (
            "length and chunks",
            head("content-length: 2\r\ntransfer-encoding: chunked"),
            400,
            "",
        ),
        (
            "an unknown coding of the transfer",
            head("transfer-encoding: gzip"),
            400,
            "",
        ),
        (
            "chunks that are not last",
            head("transfer-encoding: chunked, gzip"),
            400,
            "",
        ),
        (
            "a field without a colon",
            head("content-length: 2\r\nnonsense"),
            400,
            "",
        ),
        (
            "a space before the colon",
            head("content-length : 2"),
            400,
            "",
        ),
        (
            "a folded field",
            head("content-length: 2\r\nx: a\r\n b"),
            400,
            "",
        ),
        (
            "NUL in a field",
            head("content-length: 2\r\nx: a\0b"),
            400,
            "",
        ),
        (
            "a bare line end",
            raw("POST /event/KEY HTTP/1.1\nhost: h\nconnection: close\ncontent-length: 2\n\n{}"),
            200,
            "task",
        ),
        (
            "a bare return",
            head("content-length: 2\r\nx: a\rb: c"),
            400,
            "",
        ),
        (
            "no host",
            raw("POST /event/KEY HTTP/1.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"),
            200,
            "task",
        ),
        (
            "a large field",
            head(&format!("content-length: 2\r\nx: {}", "y".repeat(1 << 20))),
            431,
            "",
        ),
        (
            "many fields",
            head(&format!("content-length: 2{}", "\r\nx: y".repeat(2_000))),
            431,
            "",
        ),
        (
            "a long name",
            head(&format!("content-length: 2\r\n{}: y", "x".repeat(100_000))),
            431,
            "",
        ),
        (
            "a long line",
            get(&format!("/event/{}", "x".repeat(1 << 20))),
            431,
            "",
        ),
        ("HTTP/0.9", raw("GET /event/KEY\r\n\r\n"), 400, ""),
        ("HTTP/3", raw("GET /event/KEY HTTP/3\r\n\r\n"), 400, ""),
        ("no method", raw(" /event/KEY HTTP/1.1\r\n\r\n"), 400, ""),
        (
            "a method of bytes",
            b"\xff\xfe / HTTP/1.1\r\n\r\n".to_vec(),
            400,
            "",
        ),
        (
            "TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            400,
            "",
        ),
        ("SSH", raw("SSH-2.0-x\r\n\r\n"), 400, ""),
        (
            "a proxy's line",
            raw("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET / HTTP/1.1\r\n\r\n"),
            400,
            "",
        ),
        (
            "HTTP/2 that is none",
            raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense nonsense"),
            0,
            "",
        ),
        (
            "a tunnel",
            raw("CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"),
            404,
            "",
        ),
        (
            "trace",
            raw(
                "TRACE /event/KEY HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncookie: secret\r\n\r\n",
            ),
            405,
            "",
        ),
        (
            "an upgrade",
            get("/event/KEY HTTP/1.1\r\nupgrade: h2c\r\nx: "),
            405,
            "",
        ),
        (
            "another method by a field",
            head("content-length: 2\r\nx-http-method-override: DELETE"),
            200,
            "task",
        ),
        (
            "an expectation",
            head("content-length: 2\r\nexpect: 200-ok"),
            200,
            "task",
        ),
    ]
}

fn paths() -> Vec<Row> {
    vec![
        ("no such key", get("/event/nothing"), 404, "unknown-webhook"),
        ("a way up", get("/event/../api/v1/workspaces"), 404, ""),
        (
            "a way up, encoded",
            get("/event/%2e%2e/api/v1/workspaces"),
            404,
            "",
        ),
        ("NUL in the path", get("/event/KEY%00"), 404, ""),
        ("bytes in the path", get("/event/%ff%fe"), 404, ""),
        ("two slashes", get("//event/KEY"), 404, ""),
        ("a slash at the end", get("/event/KEY/"), 405, ""),
        (
            "the whole URL",
            get("http://169.254.169.254/latest/meta-data"),
            404,
            "",
        ),
        (
            "the API without a token",
            get("/api/v1/workspaces"),
            401,
            "unauthorized",
        ),
        (
            "a token in the query",
            get("/api/v1/workspaces?token=admin"),
            401,
            "unauthorized",
        ),
        (
            "a token of nothing",
            get("/api/v1/workspaces HTTP/1.1\r\nauthorization: Bearer \r\nx: "),
            401,
            "unauthorized",
        ),
        (
            "a token that is long",
            get(&format!(
                "/api/v1/workspaces HTTP/1.1\r\nauthorization: Bearer {}\r\nx: ",
                "x".repeat(8_000)
            )),
            401,
            "unauthorized",
        ),
        (
            "a user and a password",
            get("/api/v1/workspaces HTTP/1.1\r\nauthorization: Basic YWRtaW46YWRtaW4=\r\nx: "),
            401,
            "unauthorized",
        ),
        (
            "a large query",
            raw(format!(
                "POST /event/KEY?{} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}",
                "a=b&".repeat(10_000)
            )),
            200,
            "task",
        ),
    ]
}

/// Sends the bytes, and reads until the other side has no more; not for longer than a while.
async fn exchange(address: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let exchange = async {
        let (mut reads, mut writes) = stream.split();
        let sends = async {
            // The server may answer and close before it has all.
            let _ = writes.write_all(request).await;
            let _ = writes.shutdown().await;
        };
        let reads = async {
            let mut bytes = [0; 16 * 1024];
            while let Ok(count @ 1..) = reads.read(&mut bytes).await {
                answer.extend_from_slice(&bytes[..count]);
            }
        };
        tokio::join!(sends, reads);
    };
    let ended = tokio::time::timeout(PATIENCE, exchange).await;
    ended.expect("the connection stays open");
    answer
}

async fn row_ends(ground: &Ground, row: &Row) -> Result<(), String> {
    let (_, request, status, says) = row;
    let address = ground.server.url.strip_prefix("http://").unwrap();
    let key = ground.webhook.rsplit('/').next().unwrap();
    let tasks = ground.tasks().await;
    let at = request.windows(3).position(|part| part == b"KEY");
    let request = match at {
        Some(at) => [&request[..at], key.as_bytes(), &request[at + 3..]].concat(),
        None => request.clone(),
    };
    let answer = exchange(address, &request).await;
    let answer = String::from_utf8_lossy(&answer);
    let answered: u16 = match answer.strip_prefix("HTTP/1.1 ") {
        Some(rest) => rest[..3].parse().unwrap(),
        None => 0,
    };
    let made = ground.tasks().await - tasks;
    let expected = u64::from(*status == 200);
    if answered != *status || !answer.contains(says) || made != expected {
        let cut: String = answer.chars().take(600).collect();
        return Err(format!("{made} tasks, {cut}"));
    }
    if answer.contains(ground.server.token()) {
        return Err("it tells the admin token".to_owned());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests() {
    let mut ground = Ground::new().await;
    for row in rows() {
        ground
            .row(row.0, async |ground: &Ground| row_ends(ground, &row).await)
            .await;
    }
    // Hundreds that say nothing keep none out.
    let address = ground
        .server
        .url
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    ground.row("silent", async |_: &Ground| Ok(())).await;
    drop(silent);
    ground.over().await;
}
